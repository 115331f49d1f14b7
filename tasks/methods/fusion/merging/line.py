"""A way from the best member to the second best, walked on validation."""

from collections.abc import Callable

import numpy as np

from tasks.methods.fusion.merging.mergers.base import Family, Merged, lowest
from tasks.methods.fusion.merging.units import Weights

ALPHAS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # at 1 stands the second best, which lost already
Path = Callable[[Weights, Weights, float], Weights]


def inferences(members: int) -> int:
    """How often `walked` calls the family's loss."""
    return members + len(ALPHAS)


def walked(family: Family, path: Path) -> Merged:
    """The best point between the two members of the lowest validation loss; of equals the one nearest to the best.

    Args:
        family: Two members or more.
        path: (best, second, alpha) -> weights; alpha 0 gives the best member, and 1 would give the second.
    """
    best, second = np.argsort([family.loss(member) for member in family.members], kind="stable")[:2].tolist()
    ends = (family.members[best], family.members[second])
    alpha, weights, _ = lowest(family, ((alpha, path(*ends, alpha)) for alpha in ALPHAS))
    shares = np.zeros(family.count)
    shares[[best, second]] = 1 - alpha, alpha
    of = "the two" if family.count == 2 else f"the best two of {family.count}"
    return Merged(weights, shares, f"alpha {alpha:g} between {of} members")
