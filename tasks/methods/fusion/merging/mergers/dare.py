"""DARE: most of each member's way from its origin is dropped at random, the rest is scaled up, then ways are averaged."""

import numpy as np

from tasks.methods.fusion.merging.mergers.base import Family, Merged, lowest, merger, mergers
from tasks.methods.fusion.merging.task_vectors import from_origin, task_vectors

RATES = (0.2, 0.5, 0.7, 0.9)


@mergers.register("dare", reference="Yu et al., 2024, arXiv:2311.03099, section 3.1")
@merger(inferences=lambda members: len(RATES), needs_origin=True)
def dare(family: Family) -> Merged:
    """w = w_0 + 1/m sum_i drop(w_i - w_0) / (1 - p), each entry dropped with probability p.

    The mean is kept, and members interfere less. One draw of numbers serves all p, so a higher p drops what a lower one
    dropped and more; p goes by validation loss, four inferences.
    """
    ways = task_vectors(family)
    draws = np.random.default_rng([family.seed, 5]).random(ways.shape)
    rates = ((rate, from_origin(family, dropped(ways, draws, rate).mean(axis=0))) for rate in RATES)
    rate, weights, _ = lowest(family, rates)
    shares = np.full(family.count, 1 / family.count)
    return Merged(weights, shares, f"{rate:.0%} of each way dropped, the rest times {1 / (1 - rate):.3g}")


def dropped(ways: np.ndarray, draws: np.ndarray, rate: float) -> np.ndarray:
    """Ways without the entries whose draw is below `rate`, the others divided by 1 - rate.

    Args:
        ways: float [m, n].
        draws: Uniform in [0, 1), float [m, n].
        rate: [0, 1).

    Returns:
        float [m, n], with the mean of `ways` over draws.
    """
    return np.where(draws < rate, 0.0, ways / (1 - rate))
