"""k of n: a class is the verdict where at least k members decide on it."""

import numpy as np

from tasks.methods.fusion.combiners.base import checked, combiners
from tasks.methods.fusion.combiners.rule import Rule, rule
from tasks.methods.metrics.log_loss import row_losses


@combiners.register("k_of_n", reference="Varshney, 1997, Distributed Detection and Data Fusion, doi:10.1007/978-1-4612-1904-0")
def k_of_n(probabilities: np.ndarray, y: np.ndarray, seed: int = 0) -> Rule:
    """The k with the lowest log loss; of equals that with the fewest errors, then that nearest to half. See `Fit`.

    With two classes the question is class 1: k members have to decide on it, from 1 (`any`) to all of them (`all`), so a
    dear false alarm and a dear miss lead to different k. With more classes any class can be the verdict, k is more than half
    of the members, and rows without a verdict get the members' mean.
    """
    members, y = checked(probabilities, y)
    m, _, k = members.shape

    def badness(found: Rule, votes_needed: int) -> tuple[float, float, float]:
        said = found(members)
        return float(row_losses(said, y).mean()), float((said.argmax(axis=1) != y).mean()), abs(votes_needed - (m + 1) / 2)

    rules = {votes_needed: rule(members, y, votes_needed) for votes_needed in range(1 if k == 2 else m // 2 + 1, m + 1)}
    return min(rules.items(), key=lambda item: badness(item[1], item[0]))[1]
