"""Domain classifier: can one learn to tell from a row which window it comes from?"""

import numpy as np

from tasks.methods.drift.base import DriftScore
from tasks.methods.drift.multivariate.base import multivariate, sampled

MOST_ROWS, LEAST_ROWS = 2000, 20
SURE = 1e-9  # however many tests the p-value is corrected for, the other half could change no verdict
_TREES, _SEED = 50, 0


@multivariate.register("domain_classifier", reference="Lopez-Paz & Oquab, 2017, arXiv:1610.06545")
def domain_classifier(reference: np.ndarray, current: np.ndarray) -> DriftScore:
    """Area under the ROC curve of extremely randomised trees that tell the windows apart, on rows they were not fitted to.

    Each half of the rows is scored by trees fitted to the other half. On one half the scores are of fixed trees, so the area's
    p-value is that of the one-sided Mann-Whitney test; the batch's is twice the smaller of the two (Bonferroni). Where twice
    the first is below 1e-9 it stands alone, which can only be larger. At most 2,000 seeded rows of each window are used; a
    window of fewer than 20 rows cannot be learned from.

    Args:
        reference: Rows, float64 [n, d].
        current: Rows, float64 [m, d].

    Returns:
        The mean area, 0.5 where the windows cannot be told apart.
    """
    from scipy import stats

    if min(len(reference), len(current)) < LEAST_ROWS:
        return DriftScore(float("nan"), None)
    if reference.shape[1] == 0:
        return DriftScore(0.5, 1.0)
    windows = [sampled(rows, MOST_ROWS, _SEED).astype(np.float32) for rows in (reference, current)]
    halves = [np.random.default_rng(_SEED).permutation(len(rows)) % 2 for rows in windows]
    areas, p_values = [], []
    for half in (0, 1):
        learned = [rows[of != half] for rows, of in zip(windows, halves, strict=True)]
        judged = [rows[of == half] for rows, of in zip(windows, halves, strict=True)]
        before, after = np.split(scores(learned, np.concatenate(judged)), [len(judged[0])])
        found = stats.mannwhitneyu(after, before, alternative="greater", method="asymptotic")
        areas.append(found.statistic / (len(before) * len(after)))
        p_values.append(float(found.pvalue))
        if 2 * p_values[0] <= SURE:
            break
    return DriftScore(float(np.mean(areas)), min(1.0, 2 * min(p_values)))


def scores(learned: list[np.ndarray], rows: np.ndarray) -> np.ndarray:
    """How much like the second of two windows each row is, by trees fitted to them.

    Trees of squared error on 0 and 1 split where trees of Gini impurity do. They are grown one by one, because a forest of
    scikit-learn's spends more on checking the same rows and classes for every tree than on growing it.

    Args:
        learned: Rows of the windows, float32 [n, d] and [m, d].
        rows: Rows to score, float32 [r, d].

    Returns:
        The mean over trees, float64 [r], in [0, 1].
    """
    from sklearn.tree import ExtraTreeRegressor

    known = np.concatenate(learned)
    counts = [len(each) for each in learned]
    window = np.repeat([0.0, 1.0], counts)[:, None]
    balanced = np.repeat([len(known) / count / 2 for count in counts], counts)
    total = np.zeros(len(rows))
    for seed in range(_SEED, _SEED + _TREES):
        tree = ExtraTreeRegressor(max_features="sqrt", min_samples_leaf=5, random_state=seed)
        tree.fit(known, window, sample_weight=balanced, check_input=False)
        total += tree.predict(rows, check_input=False)
    return total / _TREES
