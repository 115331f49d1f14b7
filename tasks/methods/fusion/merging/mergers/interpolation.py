"""Linear interpolation: the best point on the straight line between the best two members."""

import numpy as np

from tasks.methods.fusion.merging.line import inferences, walked
from tasks.methods.fusion.merging.mergers.base import Family, Merged, average, merger, mergers
from tasks.methods.fusion.merging.units import Weights


@mergers.register("interpolation", reference="Frankle et al., 2020, arXiv:1912.05671; Neyshabur et al., 2020, arXiv:2008.11687")
@merger(inferences=inferences)
def interpolation(family: Family) -> Merged:
    """w = (1 - alpha) w_best + alpha w_second, alpha in tenths by validation loss. One inference a member and ten more.

    Fine-tunes of one network are joined by a line of low loss (Neyshabur et al.); networks from different starts have a
    barrier of high loss between them (Frankle et al.), and then alpha is 0: the best member alone.
    """
    return walked(family, _line)


def _line(best: Weights, second: Weights, alpha: float) -> Weights:
    return average([best, second], np.array([1 - alpha, alpha]))
