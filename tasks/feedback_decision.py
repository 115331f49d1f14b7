"""What a batch from production calls for: measured accuracy speaks first, then estimated, then drift alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from tasks.feedback_report import Decision
from tasks.recipe.feedback_schema import Feedback

Basis = Literal["degradation", "estimate", "drift"]
_BAD: dict[Basis, str] = {
    "degradation": "accuracy fell by more than feedback.max_accuracy_drop",
    "estimate": "accuracy is estimated to have fallen by more than feedback.max_accuracy_drop",
    "drift": "the data drifted",
}


@dataclass(frozen=True)
class Quarantine:
    """Rows of a batch that were left out.

    Attributes:
        rows: How many.
        total: Rows in the batch, these among them.
        limit: Largest share that the version's recipe allows: `preprocess.contract.max_failing`.
        path: Where they are, with their reasons.
    """

    rows: int
    total: int
    limit: float
    path: Path

    @property
    def share(self) -> float:
        """Their fraction of the batch."""
        return self.rows / self.total if self.total else 0.0

    def __str__(self) -> str:
        return f"{self.rows} of {self.total} rows ({self.share:.1%})"


@dataclass(frozen=True)
class Evidence:
    """What a batch says.

    Attributes:
        labelled: Whether it has enough labels to measure and to retrain on.
        measured: Whether measured accuracy fell; None where it is not known.
        estimated: Whether estimated accuracy fell; None where it is not known.
        drifted: Whether features or predictions drifted.
    """

    labelled: bool
    measured: bool | None
    estimated: bool | None
    drifted: bool

    @property
    def basis(self) -> Basis:
        """What the decision rests on: the first of these that can be had."""
        if self.measured is not None:
            return "degradation"
        return "drift" if self.estimated is None else "estimate"

    @property
    def bad(self) -> bool:
        """What that says."""
        return bool({"degradation": self.measured, "estimate": self.estimated, "drift": self.drifted}[self.basis])


@dataclass(frozen=True)
class Past:
    """A batch seen before.

    Attributes:
        window: Hash of the batch and its labels.
        version: The version it was compared with.
        at: When.
        bad: What it said.
        retrained: Whether it started the loop again.
    """

    window: str
    version: str
    at: datetime
    bad: bool
    retrained: bool


@dataclass(frozen=True)
class Moment:
    """The batch in question: its hash, the version it was compared with, the time, and the past, oldest first."""

    window: str
    version: str
    at: datetime
    past: Sequence[Past] = ()


def is_bad(evidence: Evidence, quarantine: Quarantine, config: Feedback) -> bool:
    """Whether a batch counts as bad for the patience with those after it: one that is broken or too small says nothing.

    Args:
        evidence: What its rows say.
        quarantine: The rows left out.
        config: The recipe's feedback section.
    """
    return evidence.bad and quarantine.share <= quarantine.limit and quarantine.total - quarantine.rows >= config.min_rows


def decide(evidence: Evidence, quarantine: Quarantine, config: Feedback, moment: Moment) -> tuple[Decision, str]:
    """What a batch calls for, and why.

    Args:
        evidence: What its rows say.
        quarantine: The rows left out. Too many of them and the rest says nothing of production: a run on them would stop.
        config: The recipe's feedback section.
        moment: When, and what was seen before.
    """
    if quarantine.share > quarantine.limit:
        return "data", (
            f"{quarantine} break the data contract, more than preprocess.contract.max_failing ({quarantine.limit:.1%}); "
            f"{quarantine.path} holds them with their reasons: repair the source and run feedback again"
        )
    decision, reason = _of_the_rest(evidence, quarantine.total - quarantine.rows, config, moment)
    if quarantine.rows:
        reason += f"; {quarantine} were quarantined, {quarantine.path} holds them with their reasons"
    return decision, reason


def _of_the_rest(evidence: Evidence, rows: int, config: Feedback, moment: Moment) -> tuple[Decision, str]:
    """What the rows that can be used call for."""
    if rows < config.min_rows:
        return "none", f"the batch has {rows} rows, feedback.min_rows asks for {config.min_rows}"
    if not evidence.bad:
        return _calm(evidence)
    said = _BAD[evidence.basis]
    if evidence.drifted and evidence.basis != "drift":
        said += ", and the data drifted"
    if not evidence.labelled:
        return "label", f"{said}, but the batch has too few labels to measure or retrain on: label it and run feedback again"
    if evidence.basis not in config.retrain_on:
        return "none", f"{said}, but feedback.retrain_on leaves that to people"
    held = _impatient(config, moment) or _resting(config, moment) or _spent(config, moment)
    return ("wait", f"{said}, but {held}") if held else ("retrain", said)


def _calm(evidence: Evidence) -> tuple[Decision, str]:
    """What a batch calls for whose accuracy holds. Where rows are new to a model, its confidence may mislead it."""
    if not evidence.drifted:
        return "none", "the batch is like the reference"
    if evidence.basis == "degradation":
        return "none", "the data drifted, but accuracy holds"
    if evidence.labelled:
        return "none", "the data drifted, but estimated accuracy holds"
    return "label", (
        "the data drifted; estimated accuracy holds, but the batch has too few labels to measure it: label it and run feedback "
        "again"
    )


def _others(moment: Moment) -> list[Past]:
    """The past without looks at this very batch, and with one at each other: the last that started a retraining, else the last.

    A batch is looked at again after its retraining, by the clock say: that must not hide from cool-down and budget that it was.
    """
    chosen: dict[str, Past] = {}
    for each in moment.past:
        if each.window != moment.window and (each.retrained or not (each.window in chosen and chosen[each.window].retrained)):
            chosen.pop(each.window, None)  # its place is that of the look that counts
            chosen[each.window] = each
    return list(chosen.values())


def _impatient(config: Feedback, moment: Moment) -> str:
    """Too few of the latest batches were bad; those before a retraining, or of another version, do not count."""
    seen = _others(moment)
    last = max((place for place, each in enumerate(seen) if each.retrained), default=-1)
    latest = [each for each in seen[last + 1 :] if each.version == moment.version][-(config.patience.of - 1) :]
    bad = 1 + (sum(each.bad for each in latest) if config.patience.of > 1 else 0)
    if bad >= config.patience.bad:
        return ""
    return f"that is {bad} of the last {config.patience.of} batches, feedback.patience asks for {config.patience.bad}"


def _resting(config: Feedback, moment: Moment) -> str:
    """A retraining was started a short while ago, by another batch: this one's own is carried on, not started again."""
    seen, cooldown = _others(moment), config.cooldown
    last = max((place for place, each in enumerate(seen) if each.retrained), default=None)
    if last is None:
        return ""
    passed, hours = len(seen) - last - 1, (moment.at - seen[last].at).total_seconds() / 3600
    if passed < cooldown.windows:
        return f"{passed} batches passed since the last retraining, feedback.cooldown.windows asks for {cooldown.windows}"
    if hours < cooldown.hours:
        return f"the last retraining was {hours:.1f} hours ago, feedback.cooldown.hours asks for {cooldown.hours:g}"
    return ""


def _spent(config: Feedback, moment: Moment) -> str:
    """The budget of the time is used up."""
    if config.budget is None:
        return ""
    since = moment.at - timedelta(days=config.budget.days)
    done = sum(each.retrained and each.at > since for each in _others(moment))
    if done < config.budget.retrainings:
        return ""
    return f"feedback.budget is spent: {done} retrainings in the last {config.budget.days:g} days"
