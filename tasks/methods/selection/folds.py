"""How selectors judge on few rows: the same stratified folds for every candidate."""

from collections.abc import Iterator

import numpy as np

from tasks.methods.folds import stratified
from tasks.methods.selection.base import MAX_ROWS, Evidence


def judged_rows(evidence: Evidence, most: int = MAX_ROWS) -> np.ndarray:
    """The rows to judge by: of classes with at least two rows, and a share of each class where they are many.

    Args:
        evidence: Of one ancestor; the choice depends on its labels and seed alone.
        most: Rows to choose.

    Returns:
        Indices of rows, int64 [r], ascending.

    Raises:
        ValueError: Fewer than two classes have two rows.
    """
    y = np.asarray(evidence.y)
    classes, rows = np.unique(y, return_counts=True)
    if (rows >= 2).sum() < 2:
        raise ValueError(
            "Invalid `y`. Expected at least two classes with two rows each, one to learn from and one to judge by. "
            f"Received: rows a class {dict(zip(classes.tolist(), rows.tolist(), strict=True))}."
        )
    kept = np.flatnonzero(np.isin(y, classes[rows >= 2]))
    if len(kept) > most:
        # A share of each class, but never less than the two rows that keep it in play.
        shuffled = np.random.default_rng(evidence.seed).permutation(kept)
        rank = np.empty(len(shuffled), np.int64)
        for label in classes:
            rank[y[shuffled] == label] = np.arange((y[shuffled] == label).sum())
        share = np.bincount(y[shuffled])[y[shuffled]] * most / len(kept)
        kept = np.sort(shuffled[rank < np.maximum(2, np.floor(share))])
    return kept


def prepared(evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Features, float64 [r, d], and class indices, int64 [r], of the rows to judge by; see `judged_rows`."""
    rows = judged_rows(evidence)
    return np.asarray(evidence.features, np.float64)[rows], np.asarray(evidence.y, np.int64)[rows]


def standardised(features: np.ndarray) -> np.ndarray:
    """Each feature with mean 0 and variance 1, float64 [n, d]; one that never changes is 0."""
    spread = features.std(axis=0)
    # What is left of a constant after its mean is taken off is rounding, not a feature.
    still = spread <= 1e-9 * np.abs(features).max(axis=0, initial=0)
    return np.asarray((features - features.mean(axis=0)) / np.where(still, np.inf, spread), np.float64)


def folds(features: np.ndarray, y: np.ndarray, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Five stratified folds, or as many as the largest class has rows; those of a class lie in different ones.

    Args:
        features: As `prepared` gives them, float64 [r, d].
        y: Class indices, int64 [r].
        seed: Seed of the folds.

    Yields:
        Features and labels to learn from, features and labels to judge by; features standardised on the former.
    """
    from sklearn.preprocessing import StandardScaler

    for learn, judge in stratified(y, seed):
        scaler = StandardScaler().fit(features[learn])
        yield scaler.transform(features[learn]), y[learn], scaler.transform(features[judge]), y[judge]
