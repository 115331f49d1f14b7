"""Maximum mean discrepancy: do source and target rows have the same distribution? (Gretton et al., 2012)."""

import numpy as np

from tasks.methods.selection.base import Evidence, asks_for, selectors
from tasks.methods.selection.domains import MAX_ROWS, domains


@selectors.register("mmd", reference="JMLR 13(25), 2012")
@asks_for("source_features", rows=MAX_ROWS)
def mmd(evidence: Evidence) -> float:
    """Minus the unbiased estimate of MMD squared (Eq. 3), with a Gaussian kernel as wide as the median distance.

        MMD^2 = mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j) - 2 mean_{i, j} k(x_i, y_j)

    Args:
        evidence: Features and source features are used.

    Returns:
        A number in [-2, 0]; up to noise about 0 where the distributions agree.
    """
    from scipy.spatial.distance import pdist, squareform

    source, target = domains(evidence)
    squared = pdist(np.concatenate([source, target]), "sqeuclidean")
    width = float(np.median(squared))
    if width == 0:
        width = float(squared.mean())
    if width == 0:
        return 0.0  # every row is the same
    kernel = squareform(np.exp(-squared / (2 * width)))
    m = len(source)
    own = [block.sum() / (len(block) * (len(block) - 1)) for block in (kernel[:m, :m], kernel[m:, m:])]
    return float(2 * kernel[:m, m:].mean() - sum(own))
