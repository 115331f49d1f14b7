"""Or: what at least one member decides on."""

import numpy as np

from tasks.methods.fusion.combiners.base import checked, combiners
from tasks.methods.fusion.combiners.rule import Rule, rule


@combiners.register("any", reference="Varshney, 1997, Distributed Detection and Data Fusion, doi:10.1007/978-1-4612-1904-0")
def any_of(probabilities: np.ndarray, y: np.ndarray, seed: int = 0) -> Rule:
    """Two classes: class 1 where at least one member decides on it, else class 0. See `Fit` and `rule`.

    Raises:
        ValueError: More than two classes: members that differ would make several classes the verdict at once.
    """
    members, y = checked(probabilities, y)
    if members.shape[2] > 2:
        raise ValueError(
            "Invalid `method`. Expected two classes for 'any': of more, each member that differs would name another one. Use "
            f"'k_of_n' or 'majority'. Received: {members.shape[2]} classes."
        )
    return rule(members, y, 1)
