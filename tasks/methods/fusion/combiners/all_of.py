"""And: what every member decides on."""

import numpy as np

from tasks.methods.fusion.combiners.base import checked, combiners
from tasks.methods.fusion.combiners.rule import Rule, rule


@combiners.register("all", reference="Varshney, 1997, Distributed Detection and Data Fusion, doi:10.1007/978-1-4612-1904-0")
def all_of(probabilities: np.ndarray, y: np.ndarray, seed: int = 0) -> Rule:
    """Two classes: class 1 where every member decides on it, else class 0. See `Fit` and `rule`.

    More classes: unanimity. The class that every member decides on is the verdict; rows on which they differ get the
    members' mean.
    """
    members, y = checked(probabilities, y)
    return rule(members, y, len(members))
