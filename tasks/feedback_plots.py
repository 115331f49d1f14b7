"""The pictures of a feedback report."""

from collections.abc import Sequence

from tasks.feedback_history import Seen
from tasks.feedback_report import Report
from tasks.methods.drift import DriftReport
from tasks.methods.plots import drift_png
from tasks.methods.production_plots import Look, along_png, history_of_looks_png
from tasks.methods.sequential import Window

MOST_LOOKS = 60


def pictures(report: Report, found: DriftReport, history: Sequence[Seen]) -> dict[str, bytes]:
    """PNG bytes by what they show: drift, along (with labels), history.

    Args:
        report: What was found.
        found: Drift, with predictions and joint tests among the features.
        history: The looks so far, this one last.
    """
    drawn = {"drift": drift_png(found)}
    if report.along:
        drawn["along"] = along_png([Window(**each) for each in report.along], report.alarms, report.accuracy_reference)
    looks = [
        Look(
            f"{each.past.at:%d %b\n%H:%M}",
            each.past.version,
            each.accuracy,
            each.estimated,
            each.drifted_share,
            each.drifted,
            each.past.retrained,
        )
        for each in history[-MOST_LOOKS:]
    ]
    return drawn | {"history": history_of_looks_png(looks, report.accuracy_reference)}
