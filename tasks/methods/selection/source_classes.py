"""What selectors read that ask for the ancestor's own classifier: its probabilities on the target's rows."""

import numpy as np

from tasks.methods.selection.base import Evidence
from tasks.methods.selection.folds import judged_rows


def joint(evidence: Evidence, *, hard: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The empirical joint distribution of the target's labels and the ancestor's classes.

    Args:
        evidence: Probabilities and labels are used.
        hard: Each row counts for its most probable class alone, instead of for each by its probability.

    Returns:
        The joint distribution, float64 [target classes, source classes], its sum 1; the rows' shares, float64
        [r, source classes]; and the rows' target classes as indices of the first, int64 [r].

    Raises:
        ValueError: The ancestor has no classifier, or fewer than two classes have two rows.
    """
    if evidence.probabilities is None:
        raise ValueError(
            "Invalid `probabilities`. Expected the ancestor's class probabilities. Received: none, it ends in features or "
            "scores; choose a selector that asks for features alone."
        )
    rows = judged_rows(evidence)
    shares = np.asarray(evidence.probabilities, np.float64)[rows]
    shares = np.eye(shares.shape[1])[shares.argmax(axis=1)] if hard else shares / shares.sum(axis=1, keepdims=True)
    _, members = np.unique(np.asarray(evidence.y)[rows], return_inverse=True)
    return np.eye(members.max() + 1)[members].T @ shares / len(rows), shares, members
