"""How well the version in production does on a batch: measured where labels are known, estimated where they are not."""

from dataclasses import asdict
from typing import Any

import numpy as np

from model_registry.gates import Verdict
from tasks.methods import estimation
from tasks.methods import metrics as measures
from tasks.methods.sequential import Track, track
from tasks.recipe.feedback_schema import Feedback

Expected = tuple[int, int]
"""Right predictions and rows of the test split."""


def expected_of(verdict: Verdict | None) -> Expected | None:
    """What the test split said of a version; None where it was not judged."""
    accuracy = verdict.metrics.get("accuracy") if verdict else None
    return None if verdict is None or accuracy is None else (round(accuracy * verdict.rows), verdict.rows)


def measured(probabilities: np.ndarray, y: np.ndarray, expected: Expected | None, config: Feedback) -> dict[str, Any]:
    """Accuracy on labelled rows beside that on the test split, and along the rows.

    It is degraded where it fell by more than the recipe allows and by more than chance explains, or where a sequential test
    finds a rise of the error after which it is as low. The two share `drift.alpha`. Fewer labels than `min_rows` are too few
    to say so.

    Args:
        probabilities: Of the labelled rows, float [n, classes], in the order of time.
        y: Their classes, int64 [n].
        expected: What to compare with; None: nothing is called degraded.
        config: The recipe's feedback section.

    Returns:
        Fields of the report.
    """
    right = probabilities.argmax(axis=1) == y
    accuracy = float(right.mean())
    alpha = config.drift.alpha / (1 if config.sequential is None else 2)
    along = None if config.sequential is None else track(right, method=config.sequential, alpha=alpha)
    found: dict[str, Any] = {
        "accuracy": accuracy,
        "accuracy_interval": measures.bootstrap_intervals(probabilities, y, names=["accuracy"])["accuracy"],
        "along": [asdict(window) for window in along.windows] if along else [],
        "alarms": along.alarms if along else [],
    }
    if expected is None:
        return found
    reference = expected[0] / expected[1]
    p_value = measures.accuracy_drop(expected, (int(right.sum()), len(right)))
    fallen = accuracy < reference - config.max_accuracy_drop and p_value <= alpha
    degraded = len(right) >= config.min_rows and (fallen or _falling(along, reference - config.max_accuracy_drop))
    return found | {"accuracy_reference": reference, "accuracy_drop_p_value": p_value, "degraded": degraded}


def _falling(along: Track | None, floor: float) -> bool:
    """Whether accuracy is below the floor since the last alarm."""
    return along is not None and bool(along.alarms) and along.since[0] / along.since[1] < floor


def estimated(
    reference: tuple[np.ndarray, np.ndarray], probabilities: np.ndarray, expected: Expected | None, config: Feedback
) -> dict[str, Any]:
    """Accuracy on all rows without their labels, beside that on the test split; nothing where the recipe wants none.

    Args:
        reference: Probabilities of the validation split, float [m, classes], and its classes, int64 [m].
        probabilities: Of the batch, float [n, classes].
        expected: What to compare with; None: nothing is called degraded.
        config: The recipe's feedback section.

    Returns:
        Fields of the report.
    """
    if config.estimate is None:
        return {}
    found = estimation.estimate(*reference, probabilities, method=config.estimate, calibration=config.calibration)
    told: dict[str, Any] = {"estimated": asdict(found)}
    if expected is None:
        return told
    p_value = estimation.drop_p_value(found, *expected)
    fallen = found.accuracy < expected[0] / expected[1] - config.max_accuracy_drop and p_value <= config.drift.alpha
    told["accuracy_reference"] = expected[0] / expected[1]
    return told | {"estimated_drop_p_value": p_value, "estimated_degraded": fallen}
