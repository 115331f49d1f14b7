"""How selectors judge on few rows: the same stratified folds for every candidate."""

import warnings
from collections.abc import Iterator

import numpy as np

MAX_ROWS = 2000
MAX_FOLDS = 5


def prepared(features: np.ndarray, y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows to judge by: of classes with at least two rows, and at most MAX_ROWS of them.

    Args:
        features: Outputs of the ancestor's backbone, float [n, d].
        y: Class indices, int [n].
        seed: Seed of the choice of rows.

    Returns:
        Features, float64 [r, d], and class indices, int64 [r].

    Raises:
        ValueError: The shapes do not fit, a feature is not finite, or fewer than two classes have two rows.
    """
    features, y = np.asarray(features, np.float64), np.asarray(y)
    if features.ndim != 2 or features.shape[1] == 0 or y.shape != features.shape[:1] or y.dtype.kind not in "iu":
        raise ValueError(
            "Invalid `features`. Expected shape [n, d] with d >= 1, and n class indices `y`. "
            f"Received: features.shape={features.shape}, y.shape={y.shape}, y.dtype={y.dtype}."
        )
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(bad):
        raise ValueError(
            "Invalid `features`. Expected finite numbers; leave an ancestor that gives NaN out. "
            f"Received: {len(bad)} of {len(y)} rows with NaN or infinity, the first is row {bad[0]}."
        )
    classes, rows = np.unique(y, return_counts=True)
    if (rows >= 2).sum() < 2:
        raise ValueError(
            "Invalid `y`. Expected at least two classes with two rows each, one to learn from and one to judge by. "
            f"Received: rows a class {dict(zip(classes.tolist(), rows.tolist(), strict=True))}."
        )
    kept = np.flatnonzero(np.isin(y, classes[rows >= 2]))
    if len(kept) > MAX_ROWS:
        # A share of each class, but never less than the two rows that keep it in play.
        shuffled = np.random.default_rng(seed).permutation(kept)
        rank = np.empty(len(shuffled), np.int64)
        for label in classes:
            rank[y[shuffled] == label] = np.arange((y[shuffled] == label).sum())
        share = np.bincount(y[shuffled])[y[shuffled]] * MAX_ROWS / len(kept)
        kept = np.sort(shuffled[rank < np.maximum(2, np.floor(share))])
    return features[kept], y[kept].astype(np.int64)


def folds(features: np.ndarray, y: np.ndarray, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Five stratified folds, or as many as the largest class has rows; those of a class lie in different ones.

    Args:
        features: As `prepared` gives them, float64 [r, d].
        y: Class indices, int64 [r].
        seed: Seed of the folds.

    Yields:
        Features and labels to learn from, features and labels to judge by; features standardised on the former.
    """
    from sklearn.model_selection import StratifiedKFold
    from sklearn.preprocessing import StandardScaler

    largest = int(np.bincount(y).max())
    splitter = StratifiedKFold(min(MAX_FOLDS, largest), shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A class with fewer rows than folds is absent from some folds' judging, never from the learning.
        warnings.filterwarnings("ignore", message="The least populated class")
        parts = list(splitter.split(features, y))
    for learn, judge in parts:
        scaler = StandardScaler().fit(features[learn])
        yield scaler.transform(features[learn]), y[learn], scaler.transform(features[judge]), y[judge]
