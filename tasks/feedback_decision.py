"""What a batch from production calls for."""

from dataclasses import dataclass
from pathlib import Path

from tasks.feedback_report import Decision
from tasks.recipe.schema import Feedback


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


def decide(*, labelled: bool, quarantine: Quarantine, drifted: bool, degraded: bool, config: Feedback) -> tuple[Decision, str]:
    """What a batch calls for, and why.

    Args:
        labelled: Whether the batch has labels: without them there is nothing to retrain on.
        quarantine: The rows left out. Too many of them and the rest says nothing of production: a run on them would stop.
        drifted: Whether features or predictions drifted.
        degraded: Whether accuracy fell.
        config: The recipe's feedback section.
    """
    if quarantine.share > quarantine.limit:
        return "data", (
            f"{quarantine} break the data contract, more than preprocess.contract.max_failing ({quarantine.limit:.1%}); "
            f"{quarantine.path} holds them with their reasons: repair the source and run feedback again"
        )
    decision, reason = _of_the_rest(
        labelled=labelled, rows=quarantine.total - quarantine.rows, drifted=drifted, degraded=degraded, config=config
    )
    if quarantine.rows:
        reason += f"; {quarantine} were quarantined, {quarantine.path} holds them with their reasons"
    return decision, reason


def _of_the_rest(*, labelled: bool, rows: int, drifted: bool, degraded: bool, config: Feedback) -> tuple[Decision, str]:
    """What the rows that can be used call for."""
    if rows < config.min_rows:
        return "none", f"the batch has {rows} rows, feedback.min_rows asks for {config.min_rows}"
    if degraded and "degradation" in config.retrain_on:
        return "retrain", "accuracy fell by more than feedback.max_accuracy_drop" + (
            ", and the data drifted" if drifted else ""
        )
    if drifted and labelled and "drift" in config.retrain_on:
        return "retrain", "the data drifted, and the batch brings labels to learn from"
    if drifted and not labelled:
        return (
            "label",
            "the data drifted, but the batch has too few labels to measure or retrain on: label it and run feedback again",
        )
    if drifted or degraded:
        return "none", f"{'accuracy fell' if degraded else 'the data drifted'}, but feedback.retrain_on leaves that to people"
    return "none", "the batch is like the reference"
