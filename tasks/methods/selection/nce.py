"""NCE: how much the ancestor's labels leave open about the target's (Tran et al., 2019)."""

import numpy as np

from tasks.methods.selection.base import Evidence, asks_for, selectors
from tasks.methods.selection.source_classes import joint


@selectors.register("nce", reference="arXiv:1908.08142")
@asks_for("probabilities")
def nce(evidence: Evidence) -> float:
    """Negative conditional entropy of the target's labels given the ancestor's most probable classes (Eq. 4 and 5).

        NCE = -H(Y | Z) = sum_{y, z} P(y, z) log(P(y, z) / P(z))

    Args:
        evidence: Probabilities, for the most probable class of each row, and labels are used.

    Returns:
        Nats, at most 0.
    """
    together, _, _ = joint(evidence, hard=True)
    alone = np.broadcast_to(together.sum(axis=0), together.shape)
    seen = together > 0
    return float((together[seen] * np.log(together[seen] / alone[seen])).sum())
