"""Domain classifier: can one learn to tell from a row which window it comes from?"""

import numpy as np

from tasks.methods.drift.base import DriftScore
from tasks.methods.drift.multivariate.base import multivariate, sampled

MOST_ROWS, LEAST_ROWS = 2000, 20
_TREES, _SEED = 50, 0


@multivariate.register("domain_classifier", reference="Lopez-Paz & Oquab, 2017, arXiv:1610.06545")
def domain_classifier(reference: np.ndarray, current: np.ndarray) -> DriftScore:
    """Area under the ROC curve of extremely randomised trees that tell the windows apart, on rows they were not fitted to.

    Each half of the rows is scored by trees fitted to the other half. On one half the scores are of fixed trees, so the area's
    p-value is that of the one-sided Mann-Whitney test; the batch's is twice the smaller of the two (Bonferroni). At most 2,000
    seeded rows of each window are used; a window of fewer than 20 rows cannot be learned from.

    Args:
        reference: Rows, float64 [n, d].
        current: Rows, float64 [m, d].

    Returns:
        The mean area, 0.5 where the windows cannot be told apart.
    """
    from scipy import stats
    from sklearn.ensemble import ExtraTreesClassifier

    if min(len(reference), len(current)) < LEAST_ROWS:
        return DriftScore(float("nan"), None)
    if reference.shape[1] == 0:
        return DriftScore(0.5, 1.0)
    windows = [sampled(reference, MOST_ROWS, _SEED), sampled(current, MOST_ROWS, _SEED)]
    halves = [np.random.default_rng(_SEED).permutation(len(rows)) % 2 for rows in windows]
    areas, p_values = [], []
    for half in (0, 1):
        learned = [rows[of != half] for rows, of in zip(windows, halves, strict=True)]
        judged = [rows[of == half] for rows, of in zip(windows, halves, strict=True)]
        trees = ExtraTreesClassifier(_TREES, min_samples_leaf=5, class_weight="balanced", random_state=_SEED)
        trees.fit(np.concatenate(learned), np.repeat([0, 1], [len(rows) for rows in learned]))
        before, after = (trees.predict_proba(rows)[:, 1] for rows in judged)
        found = stats.mannwhitneyu(after, before, alternative="greater", method="asymptotic")
        areas.append(found.statistic / (len(before) * len(after)))
        p_values.append(found.pvalue)
    return DriftScore(float(np.mean(areas)), min(1.0, 2 * float(min(p_values))))
