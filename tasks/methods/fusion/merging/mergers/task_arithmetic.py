"""Task arithmetic: the sum of all members' ways from their origin, as far as validation likes it."""

import numpy as np

from tasks.methods.fusion.merging.mergers.base import Family, Merged, lowest, merger, mergers
from tasks.methods.fusion.merging.task_vectors import from_origin, task_vectors

SCALES = (1.0, 0.25, 0.5, 0.75, 1.25, 1.5, 2.0)  # of the mean way; 1 first, so that of equals it is taken


@mergers.register("task_arithmetic", reference="Ilharco et al., 2023, arXiv:2212.04089, section 4")
@merger(inferences=lambda members: len(SCALES), needs_origin=True)
def task_arithmetic(family: Family) -> Merged:
    """w = w_0 + lambda sum_i (w_i - w_0), lambda by validation loss.

    Lambda is scanned in multiples of 1/m, seven of them: 1/m itself is the uniform soup, less stays nearer to the origin,
    more goes beyond the members, where members that learned different things need it. Seven inferences.
    """
    mean = task_vectors(family).mean(axis=0)
    scale, weights, _ = lowest(family, ((scale, from_origin(family, scale * mean)) for scale in SCALES))
    shares = np.full(family.count, 1 / family.count)
    return Merged(weights, shares, f"lambda {scale / family.count:.3g}, {scale:g} times the mean way from the origin")
