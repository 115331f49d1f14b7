"""Rows split into stratified folds, the same for every method that asks."""

import warnings

import numpy as np

MAX_FOLDS = 5


def stratified(y: np.ndarray, seed: int, folds: int = MAX_FOLDS) -> list[tuple[np.ndarray, np.ndarray]]:
    """Folds in which classes stand as they do in the whole.

    Args:
        y: Class indices, int64 [n], n >= 2.
        seed: Draws them.
        folds: How many, at least 2; as many as the largest class has rows where that is less, but never fewer than 2.

    Returns:
        For each fold the indices of the rows to learn from and of those to judge by; every row is judged once.

    Raises:
        ValueError: Fewer than two folds or rows.
    """
    from sklearn.model_selection import KFold, StratifiedKFold

    if folds < 2:
        raise ValueError(f"Invalid `folds`. Expected at least 2. Received: folds={folds}.")
    if len(y) < 2:
        raise ValueError(
            f"Invalid `y`. Expected at least 2 rows: some to fit on, others to judge by. Received: {len(y)}. Use more rows."
        )
    largest = int(np.bincount(y).max())
    if largest < 2:  # every row is the only one of its class
        return list(KFold(min(folds, len(y)), shuffle=True, random_state=seed).split(y))
    with warnings.catch_warnings():
        # A class with fewer rows than folds is absent from some folds' judging, never from all of the learning.
        warnings.filterwarnings("ignore", message="The least populated class")
        return list(StratifiedKFold(min(folds, largest), shuffle=True, random_state=seed).split(y, y))
