"""What feedback has seen of a model so far: one MLflow run a look, and one over all of them that draws the history."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from model_registry.store import client, experiment, plain_errors
from tasks.feedback_decision import Moment, Past
from tasks.feedback_report import Report
from tasks.tracking import StageRun, lone_run

MOST = 200  # looks that are read back, beside all that started a retraining or kept a batch
_STAGE, _WINDOW, _RETRAINED, _LOOKS = "feedback", "bequest.window", "bequest.retraining", "bequest.windows"
_KEPT = "bequest.kept_batch"
_MOST_MARKED = 5000
SERIES = "production"


@dataclass(frozen=True)
class Seen:
    """One look at production: what the decision rests on, and what the history draws.

    Attributes:
        past: For the decision.
        accuracy: Measured; None without labels.
        estimated: Without labels, with its interval (accuracy, low, high); None where it is not known.
        drifted_share: Fraction of features that drifted.
        drifted: Whether the batch did.
        kept: Where its labelled rows are kept for retraining; empty where they are not.
    """

    past: Past
    accuracy: float | None
    estimated: tuple[float, float, float] | None
    drifted_share: float
    drifted: bool
    kept: str = ""

    @classmethod
    def of(cls, report: Report, moment: Moment) -> "Seen":
        """A look as its report tells it; whether it starts a retraining is not known yet."""
        guess = report.estimated
        return cls(
            Past(moment.window, moment.version, moment.at, report.bad, False),
            report.accuracy,
            None if guess is None else (guess["accuracy"], guess["low"], guess["high"]),
            report.drifted_share,
            report.drifted,
        )

    def as_json(self) -> str:
        """As a tag holds it."""
        told = {
            "window": self.past.window,
            "version": self.past.version,
            "at": self.past.at.isoformat(),
            "bad": self.past.bad,
            "accuracy": self.accuracy,
            "estimated": self.estimated,
            "drifted_share": self.drifted_share,
            "drifted": self.drifted,
        }
        return json.dumps(told)

    @classmethod
    def parse(cls, tag: str, *, retrained: bool, kept: str) -> "Seen":
        """Back from a tag."""
        told = json.loads(tag)
        return cls(
            Past(told["window"], told["version"], datetime.fromisoformat(told["at"]), told["bad"], retrained),
            told["accuracy"],
            None if told["estimated"] is None else tuple(told["estimated"]),
            told["drifted_share"],
            told["drifted"],
            kept,
        )


def seen(name: str) -> list[Seen]:
    """The last looks at a model, oldest first, and those before that count for longer; those that failed are none.

    A month's budget and the batches that wait for a retraining must not be forgotten because a file is looked at every hour.
    """
    looks = f"tags.`bequest.stage` = '{_STAGE}' and attributes.status = 'FINISHED'"
    wanted = {looks: MOST} | {f"{looks} and tags.`{tag}` LIKE '%'": _MOST_MARKED for tag in (_RETRAINED, _KEPT)}
    found: dict[str, Any] = {}
    with plain_errors(f"reading what feedback has seen of {name}"):
        experiments, order = [experiment(name).experiment_id], ["attributes.start_time DESC"]
        for which, most in wanted.items():
            runs = client().search_runs(experiments, which, order_by=order, max_results=most)
            found |= {run.info.run_id: run for run in runs}
    tags = [run.data.tags for run in sorted(found.values(), key=lambda run: run.info.start_time)]
    return [
        Seen.parse(each[_WINDOW], retrained=_RETRAINED in each, kept=each.get(_KEPT, "")) for each in tags if _WINDOW in each
    ]


def retraining_started(run_id: str, how: str) -> None:
    """Notes with a look that it started the loop again: cool-down, budget and patience count from it."""
    StageRun(run_id).tags({_RETRAINED: how})


def batch_kept(run_id: str, batch: Path) -> None:
    """Notes with a look where its labelled rows are kept."""
    StageRun(run_id).tags({_KEPT: str(batch)})


def batches_until(name: str, window: str) -> list[str]:
    """The batches kept so far, oldest first, up to the last look at a window: what came after it is for the next retraining.

    Args:
        name: The model.
        window: Hash of a batch and its labels; one that was not looked at takes all.
    """
    looks = seen(name)
    last = max((place for place, each in enumerate(looks) if each.past.window == window), default=len(looks) - 1)
    latest = {each.past.window: each.kept for each in looks[: last + 1] if each.kept}
    return [kept for kept in latest.values() if Path(kept).exists()]


def log_window(run: StageRun, report: Report, moment: Moment, page: Path) -> None:
    """Logs a look as a run of its own, and its figures as the next step of the model's history.

    Args:
        run: The look's.
        report: What was found.
        moment: When, and what was seen before.
        page: The report as HTML.
    """
    run.params({"version": report.version, "batch": report.batch, "batch_sha256": report.batch_sha256})
    figures = _figures(report)
    run.metrics(figures)
    run.tags({"bequest.decision": report.decision, "bequest.reason": report.reason, _WINDOW: Seen.of(report, moment).as_json()})
    run.json("drift.json", json.loads(report.model_dump_json()))
    run.file(page)
    history, step = _series(report.name)
    history.point(figures, step=step)
    history.tags({_LOOKS: str(step), "bequest.version": report.version})
    history.file(page)  # the latest


def _series(name: str) -> tuple[StageRun, int]:
    """The run that draws a model's history, made with its first window, and the step that is next."""
    experiment_id = experiment(name).experiment_id
    with plain_errors(f"looking for the history of {name}"):
        runs = client().search_runs(
            [experiment_id], f"tags.`bequest.stage` = '{SERIES}'", order_by=["attributes.start_time ASC"], max_results=1
        )
    for found in runs:
        return StageRun(found.info.run_id), int(found.data.tags.get(_LOOKS, 0)) + 1
    with lone_run(experiment_id, SERIES, f"{name} in production") as made:
        return made, 1


def _figures(report: Report) -> dict[str, float]:
    figures = {
        "rows": float(report.rows),
        "rows_quarantined": float(report.quarantined),
        "drifted_share": report.drifted_share,
        "drifted": float(report.drifted),
        "degraded": float(report.degraded),
    }
    if report.accuracy is not None:
        figures["accuracy"] = report.accuracy
    if report.accuracy_interval is not None:
        figures |= {"accuracy_low": report.accuracy_interval[0], "accuracy_high": report.accuracy_interval[1]}
    if report.estimated is not None:
        figures |= {f"estimated_{key}": report.estimated[key] for key in ("accuracy", "low", "high")}
        figures["estimated_degraded"] = float(report.estimated_degraded)
    for each in report.together:
        figures[each["method"] if each["kind"] == "multivariate" else f"embedding_{each['method']}"] = each["statistic"]
    return figures
