"""Polynomial: fast while there is much to prune, slow towards the end (Zhu & Gupta, 2017)."""

from tasks.methods.pruning.schedules.base import schedules

POWER = 3


@schedules.register("polynomial", reference="Zhu & Gupta, 2017, arXiv:1710.01878, equation 1")
def polynomial(progress: float, start: float, end: float) -> float:
    """The sparsity end + (start - end) * (1 - progress)^3.

    Args:
        progress: Share of the ramp's steps that are done, [0, 1].
        start: Sparsity before the ramp, [0, 1).
        end: Sparsity to reach, [start, 1).
    """
    return end + (start - end) * (1 - progress) ** POWER
