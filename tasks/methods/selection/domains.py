"""What selectors compare that judge relevance: rows the ancestor has learned from beside the target's, in its feature space."""

import numpy as np

from tasks.methods.selection.base import Evidence
from tasks.methods.selection.folds import standardised

MAX_ROWS = 300  # of either


def domains(evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Features of the source's rows and of the target's, each standardised on both together.

    So a distance does not depend on the units of the features, and can be told beside that of another ancestor.

    Args:
        evidence: Features and source features are used.

    Returns:
        float64 [m, d] and [n, d], at most MAX_ROWS rows each.

    Raises:
        ValueError: There are no source features, or fewer than two rows of either.
    """
    if evidence.source_features is None:
        raise ValueError(
            "Invalid `source_features`. Expected rows that the ancestor has learned from. Received: none, they are not here; "
            "choose a selector that asks for the target's rows alone."
        )
    source, target = (
        _sample(np.asarray(each, np.float64), evidence.seed) for each in (evidence.source_features, evidence.features)
    )
    if min(len(source), len(target)) < 2:
        raise ValueError(
            "Invalid `source_features`. Expected at least two rows of the source and two of the target. "
            f"Received: {len(source)} and {len(target)}."
        )
    both = standardised(np.concatenate([source, target]))
    return both[: len(source)], both[len(source) :]


def _sample(rows: np.ndarray, seed: int) -> np.ndarray:
    if len(rows) <= MAX_ROWS:
        return rows
    return rows[np.random.default_rng(seed).permutation(len(rows))[:MAX_ROWS]]
