"""A feedback report as one HTML file that reads offline: no script, no style sheet and no picture from elsewhere."""

import base64
from collections.abc import Mapping

from jinja2 import Environment

from tasks.feedback_report import Decision, Report

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ report.version }}: feedback</title>
<style>
 body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
 h1 { margin-bottom: .2rem; } h2 { margin-top: 2.2rem; }
 table { border-collapse: collapse; width: 100%; margin: .8rem 0 1.6rem; }
 th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #d8dee4; }
 th { font-weight: 600; color: #57606a; }
 td.n { font-variant-numeric: tabular-nums; } .bad { color: #b42318; font-weight: 600; } .good { color: #1a7f37; }
 .decision { padding: .8rem 1rem; border-left: 4px solid {{ colour }}; background: #f6f8fa; overflow-wrap: anywhere; }
 .small { color: #57606a; overflow-wrap: anywhere; }
 img { max-width: 100%; display: block; margin: .6rem 0; }
</style></head><body>
<h1>{{ report.version }}: feedback</h1>
<p class="small">{{ report.rows }} rows from <code>{{ report.batch }}</code>{% if report.quarantined %},
 {{ report.quarantined }} more quarantined by the data contract{% endif %}. {{ report.at }} UTC.</p>
<p class="decision"><b>{{ headline }}</b> {{ report.reason }}.</p>
<h2>Performance</h2>
{% if report.accuracy is none %}<p>{{ report.no_labels or 'no labels, so accuracy is not known' }}.</p>{% endif %}
{% if report.accuracy is not none or report.estimated %}
<table><tr><th>accuracy on this batch</th><th></th><th>95 % interval</th><th>on the test split</th>
<th>p-value of a drop</th><th></th></tr>
{% for row in performance %}<tr><td>{{ row.how }}</td><td class="n">{{ '%.3f' % row.value }}</td>
<td class="n">{{ '%.3f' % row.low }} to {{ '%.3f' % row.high }}</td>
<td class="n">{{ '%.3f' % report.accuracy_reference if report.accuracy_reference is not none else 'not known' }}</td>
<td class="n">{{ '%.3g' % row.p_value if row.p_value is not none else 'n/a' }}</td>
<td class="{{ 'bad' if row.degraded else 'good' }}">{{ 'degraded' if row.degraded else 'holds' }}</td></tr>
{% endfor %}</table>{% endif %}
{% if pictures.along %}<img alt="accuracy along the rows" src="data:image/png;base64,{{ pictures.along }}">{% endif %}
{% if pictures.history %}
<img alt="accuracy over the batches so far" src="data:image/png;base64,{{ pictures.history }}">{% endif %}
<h2>Drift</h2>
<p>{{ '%.0f' % (100 * report.drifted_share) }} % of the features drifted; the batch
 <b class="{{ 'bad' if report.drifted else 'good' }}">{{ 'has drifted' if report.drifted else 'has not drifted' }}</b>.
 P-values are corrected for the number of all tests below (Holm){% if report.alpha is not none %}: of batches in which nothing
 moved, at most {{ '%g' % (100 * report.alpha) }} % are called drifted{% endif %}.</p>
<img alt="p-values of the features" src="data:image/png;base64,{{ pictures.drift }}">
{% for title, rows in [('Predictions', report.predictions), ('All features together', report.together),
 ('Features', report.features)] %}{% if rows %}
<h3>{{ title }}</h3>
<table><tr><th>name</th><th>kind</th><th>method</th><th>statistic</th><th>p-value</th><th></th></tr>
{% for row in rows %}<tr><td>{{ row.name }}</td><td>{{ row.kind }}</td><td>{{ row.method }}</td>
<td class="n">{{ '%.4g' % row.statistic }}</td>
<td class="n">{{ '%.3g' % row.p_value if row.p_value is not none else 'n/a' }}</td>
<td class="{{ 'bad' if row.drifted else 'good' }}">{{ 'drifted' if row.drifted else 'same' }}</td></tr>
{% endfor %}</table>{% endif %}{% endfor %}
</body></html>
"""
_HEADLINES: dict[Decision, str] = {
    "data": "The data is broken:",
    "retrain": "The loop starts again:",
    "wait": "Not yet:",
    "label": "Labels are needed:",
    "none": "Nothing is started:",
}


def render(report: Report, pictures: Mapping[str, bytes]) -> str:
    """The page as HTML text; every value from the data is escaped.

    Args:
        report: What was found.
        pictures: PNG bytes by what they show: drift, along, history.
    """
    page = Environment(autoescape=True).from_string(_PAGE)
    encoded = {name: base64.b64encode(png).decode() for name, png in pictures.items()}
    return page.render(
        report=report,
        pictures=encoded,
        performance=_performance(report),
        headline=_HEADLINES[report.decision],
        colour="#1a7f37" if report.decision == "none" else "#b42318",
    )


def _performance(report: Report) -> list[dict[str, object]]:
    """Measured and estimated accuracy, a row of the table each."""
    rows: list[dict[str, object]] = []
    if report.accuracy is not None and report.accuracy_interval is not None:
        low, high = report.accuracy_interval
        told = {"how": "measured", "value": report.accuracy, "low": low, "high": high}
        rows.append(told | {"p_value": report.accuracy_drop_p_value, "degraded": report.degraded})
    if report.estimated is not None:
        how = f"estimated without labels ({report.estimated['method']})"
        told = {"how": how, "value": report.estimated["accuracy"]} | {key: report.estimated[key] for key in ("low", "high")}
        rows.append(told | {"p_value": report.estimated_drop_p_value, "degraded": report.estimated_degraded})
    return rows
