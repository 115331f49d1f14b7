"""From scores to masks: exactly as many weights go as were asked for."""

import numpy as np


def prune_mask(scores: np.ndarray, sparsity: float) -> np.ndarray:
    """The mask that leaves out the lowest scores.

    Args:
        scores: Any shape, at least one; infinities are allowed, and hold a weight back or let it go first.
        sparsity: Fraction to leave out, [0, 1); rounded to whole weights, and at least one weight stays.

    Returns:
        bool, shape of `scores`; True keeps. Equal scores go in the order of the array.

    Raises:
        ValueError: A score is not a number, or the sparsity is no fraction.
    """
    fraction(sparsity)
    if np.isnan(scores).any():
        raise ValueError(
            "Invalid `scores`. Expected numbers: weights or gradients that are NaN come of a training that diverged. "
            f"Received: NaN in {int(np.isnan(scores).sum())} of {scores.size} scores."
        )
    keep = np.ones(scores.size, bool)
    keep[np.argsort(scores, axis=None, kind="stable")[: min(round(sparsity * scores.size), scores.size - 1)]] = False
    return keep.reshape(scores.shape)


def fraction(sparsity: float, name: str = "sparsity") -> float:
    """`sparsity`, known to be a fraction.

    Args:
        sparsity: The value.
        name: What to call it in the message.

    Raises:
        ValueError: It is not in [0, 1).
    """
    if not 0 <= sparsity < 1:
        hint = f" Did you mean {sparsity / 100:g}?" if 1 < sparsity < 100 else ""
        raise ValueError(
            f"Invalid `{name}`. Expected a fraction in [0, 1), not a percentage. Received: {name}={sparsity}.{hint}"
        )
    return sparsity
