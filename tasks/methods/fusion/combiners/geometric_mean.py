"""The members' geometric mean: what all of them hold possible."""

import numpy as np

from tasks.methods.fusion.combiners.base import Combiner, checked, combiners
from tasks.methods.fusion.combiners.linear_pool import LinearPool
from tasks.methods.fusion.combiners.logarithmic_pool import LogPool

FLOOR = 1e-3  # of an even guess


@combiners.register("geometric_mean", reference="Hinton, 2002, doi:10.1162/089976602760128018; Genest & Zidek, 1986")
def geometric_mean(probabilities: np.ndarray, y: np.ndarray, seed: int = 0) -> Combiner:
    """prod(p_i) ** (1/m), scaled to sum 1; nothing is fitted. One member is itself. See `Fit`.

    Probabilities below a thousandth of an even guess count as that much.
    """
    members, _ = checked(probabilities, y)
    if len(members) == 1:
        return LinearPool(np.ones(1))
    return LogPool(np.full(len(members), 1 / len(members)), FLOOR)
