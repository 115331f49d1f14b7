"""Maximum mean discrepancy: how far apart the windows' means are in the space of a kernel."""

import numpy as np

from tasks.methods.drift.base import DriftScore
from tasks.methods.drift.multivariate.base import multivariate, sampled
from tasks.methods.drift.permutation import tail

MOST_ROWS = 500
_DEALINGS, _SEED = 999, 0


@multivariate.register("mmd", reference="Gretton et al., 2012, jmlr.org/papers/v13/gretton12a.html, equation 5")
def mmd(reference: np.ndarray, current: np.ndarray) -> DriftScore:
    """MMD^2 = mean k(x, x') + mean k(y, y') - 2 mean k(x, y), with a permutation p-value.

    The kernel is exp(-|x - y|^2 / (2 s^2)), s the median distance of both windows' rows. Dealing the rows to the windows anew
    changes no distance, so the test is exact; where no dealing reaches what was found, the tail is a Pearson type III curve, as
    in `permutation_p_value`. At most 500 seeded rows of each window are used.

    Args:
        reference: Rows, float64 [n, d].
        current: Rows, float64 [m, d].

    Returns:
        MMD^2 >= 0.
    """
    windows = sampled(reference, MOST_ROWS, _SEED), sampled(current, MOST_ROWS, _SEED)
    rows = np.concatenate(windows)
    if rows.shape[1] == 0 or min(map(len, windows)) < 2:
        return DriftScore(0.0, 1.0)
    squares = (rows**2).sum(axis=1)
    distances = np.maximum(0.0, squares[:, None] + squares - 2 * rows @ rows.T)
    apart = distances[np.triu_indices(len(rows), 1)]
    scale = np.median(apart) or apart.mean() or 1.0
    kernel = np.exp(-distances / scale / 2)
    n, m = map(len, windows)
    signs = np.repeat([1 / n, -1 / m], [n, m])
    found = float(signs @ kernel @ signs)
    dealt = np.random.default_rng(_SEED).permuted(np.tile(signs, (_DEALINGS, 1)), axis=1)
    drawn = ((dealt @ kernel) * dealt).sum(axis=1)
    reached = int((drawn >= found - 1e-12).sum())
    p_value = (1 + reached) / (1 + _DEALINGS) if reached else min(1 / (1 + _DEALINGS), tail(drawn, found))
    return DriftScore(max(0.0, found), p_value)
