"""A feedback report as one HTML file that reads offline: no script, no style sheet and no picture from elsewhere."""

import base64

from jinja2 import Environment

from tasks.feedback_report import Decision, Report

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ report.version }}: feedback</title>
<style>
 body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
 table { border-collapse: collapse; width: 100%; margin: .8rem 0 1.6rem; }
 th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #d8dee4; }
 td.n { font-variant-numeric: tabular-nums; } .bad { color: #b42318; font-weight: 600; } .good { color: #1a7f37; }
 .decision { padding: .8rem 1rem; border-left: 4px solid {{ '#b42318' if report.decision != 'none' else '#1a7f37' }};
   background: #f6f8fa; }
 img { max-width: 100%; }
</style></head><body>
<h1>{{ report.version }}: feedback</h1>
<p>{{ report.rows }} rows from <code>{{ report.batch }}</code>{% if report.quarantined %},
 {{ report.quarantined }} more quarantined by the data contract{% endif %}. {{ report.at }} UTC.</p>
<p class="decision"><b>{{ headline }}</b> {{ report.reason }}.</p>
{% if report.accuracy is not none %}
<h2>Performance</h2>
<table><tr><th>accuracy on this batch</th><th>95 % interval</th><th>on the test split</th>
<th>p-value of a drop</th><th></th></tr>
<tr><td class="n">{{ '%.3f' % report.accuracy }}</td>
<td class="n">{{ '%.3f' % report.accuracy_interval[0] }} to {{ '%.3f' % report.accuracy_interval[1] }}</td>
<td class="n">{{ '%.3f' % report.accuracy_reference if report.accuracy_reference is not none else 'not known' }}</td>
<td class="n">{{ '%.3g' % report.accuracy_drop_p_value if report.accuracy_drop_p_value is not none else 'n/a' }}</td>
<td class="{{ 'bad' if report.degraded else 'good' }}">{{ 'degraded' if report.degraded else 'holds' }}</td></tr></table>
{% else %}<p>{{ report.no_labels or 'no labels, so accuracy is not known' }}.</p>{% endif %}
<h2>Drift</h2>
<p>{{ '%.0f' % (100 * report.drifted_share) }} % of the features drifted. P-values are corrected for their number (Holm).</p>
<img alt="p-values of the features" src="data:image/png;base64,{{ picture }}">
{% for title, rows in [('Predictions', report.predictions), ('Features', report.features)] %}
<h3>{{ title }}</h3>
<table><tr><th>name</th><th>kind</th><th>method</th><th>statistic</th><th>p-value</th><th></th></tr>
{% for row in rows %}<tr><td>{{ row.name }}</td><td>{{ row.kind }}</td><td>{{ row.method }}</td>
<td class="n">{{ '%.4g' % row.statistic }}</td>
<td class="n">{{ '%.3g' % row.p_value if row.p_value is not none else 'n/a' }}</td>
<td class="{{ 'bad' if row.drifted else 'good' }}">{{ 'drifted' if row.drifted else 'same' }}</td></tr>
{% endfor %}</table>{% endfor %}
</body></html>
"""
_HEADLINES: dict[Decision, str] = {
    "data": "The data is broken:",
    "retrain": "The loop starts again:",
    "label": "Labels are needed:",
    "none": "Nothing is started:",
}


def render(report: Report, picture: bytes) -> str:
    """The page as HTML text; every value from the data is escaped.

    Args:
        report: What was found.
        picture: The drift picture, PNG bytes.
    """
    page = Environment(autoescape=True).from_string(_PAGE)
    return page.render(report=report, picture=base64.b64encode(picture).decode(), headline=_HEADLINES[report.decision])
