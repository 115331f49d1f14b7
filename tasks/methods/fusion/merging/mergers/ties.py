"""TIES: members' ways from their origin are trimmed, a sign is elected for each weight, and those that agree are averaged."""

import numpy as np

from tasks.methods.fusion.merging.mergers.base import Family, Merged, lowest, merger, mergers
from tasks.methods.fusion.merging.task_vectors import from_origin, task_vectors

KEPT = (0.2, 0.5, 1.0)
SCALES = (1.0, 0.5, 1.5)


@mergers.register("ties", reference="Yadav et al., 2023, arXiv:2306.01708, algorithm 1")
@merger(inferences=lambda members: len(KEPT) * len(SCALES), needs_origin=True)
def ties(family: Family) -> Merged:
    """w = w_0 + lambda times the disjoint mean of the trimmed ways.

    Of each way the largest entries stay (a fifth, half or all of them), the others become zero. A weight's sign is that of
    the sum over members; its mean is over the members whose entry has that sign. The fraction and lambda (0.5, 1 or 1.5) go
    by validation loss: nine inferences. A member's share is its part of the sum of all entries that were used.
    """
    ways = task_vectors(family)
    parts = {kept: disjoint(trimmed(ways, kept)) for kept in KEPT}
    settings = [(kept, scale) for kept in KEPT for scale in SCALES]
    candidates = ((each, from_origin(family, each[1] * parts[each[0]].sum(axis=0))) for each in settings)
    (kept, scale), weights, _ = lowest(family, candidates)
    used = np.abs(parts[kept]).sum(axis=1)
    shares = used / used.sum() if used.sum() else np.full(family.count, 1 / family.count)
    return Merged(weights, shares, f"{kept:.0%} of each way kept, lambda {scale:g}")


def trimmed(ways: np.ndarray, kept: float) -> np.ndarray:
    """Each way without its smallest entries.

    Args:
        ways: float [m, n].
        kept: Fraction of the entries that stay, (0, 1]; rounded up to whole ones. Of equals the first stay.

    Returns:
        float [m, n].
    """
    stay = int(np.ceil(kept * ways.shape[1] - 1e-9))
    order = np.argsort(-np.abs(ways), axis=1, kind="stable")[:, :stay]
    mask = np.zeros(ways.shape, bool)
    np.put_along_axis(mask, order, True, axis=1)
    return np.where(mask, ways, 0.0)


def disjoint(ways: np.ndarray) -> np.ndarray:
    """What each way adds to the disjoint mean; its entry where it has the elected sign, over how many have it.

    Args:
        ways: Trimmed, float [m, n]. Where their sum is 0 no sign is elected, and nothing is added.

    Returns:
        float [m, n]; the mean is its sum over members.
    """
    agrees = np.sign(ways) == np.sign(ways.sum(axis=0))
    return np.asarray(np.where(agrees, ways, 0.0) / np.maximum(agrees.sum(axis=0), 1))
