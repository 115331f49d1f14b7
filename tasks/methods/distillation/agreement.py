"""How far a student agrees with its teachers, row by row: a number to report, and a weight for training rows."""

import numpy as np


def soft_agreement(teacher: np.ndarray, student: np.ndarray) -> np.ndarray:
    """sum_j t_j s_j / sum_j s_j: the teacher's probabilities, averaged with the student's as weights.

    It is the chance that a class drawn from the student's word is one drawn from the teacher's: high only where both
    are sure of the same class. A teacher that is unsure bounds it by its own largest probability.

    Args:
        teacher: Class probabilities, float [n, k].
        student: Likewise, on the same rows.

    Returns:
        Ratios, float64 [n], each in [0, 1]; `.mean()` is the model's.

    Raises:
        ValueError: The shapes do not fit, or a row is no distribution: a negative or infinite entry, or all zero.
    """
    t, s = _checked(teacher, student)
    ratios: np.ndarray = (t * s).sum(axis=1) / s.sum(axis=1)
    return ratios


def hard_agreement(teacher: np.ndarray, student: np.ndarray) -> np.ndarray:
    """The same ratio of one-hot words: 1 where both find the same class likeliest, else 0.

    Args:
        teacher: Class probabilities, float [n, k]; of equal ones the first class counts.
        student: Likewise, on the same rows.

    Returns:
        Ratios, float64 [n], each 0 or 1; `.mean()` is the share of rows on which they agree.

    Raises:
        ValueError: As for `soft_agreement`.
    """
    t, s = _checked(teacher, student)
    return np.asarray(t.argmax(axis=1) == s.argmax(axis=1), np.float64)


def agreement_weights(agreement: np.ndarray) -> np.ndarray:
    """Agreement as weights of training rows: proportional to it, and 1 on average, so that the learning rate keeps its sense.

    With the labels as one-hot rows in the student's place, rows that the teachers get wrong count less; with a student
    that was trained before, rows that it has understood count more.

    Args:
        agreement: Ratios, float [n], each >= 0.

    Returns:
        Weights, float32 [n], of mean 1.

    Raises:
        ValueError: A ratio is negative or not finite, or no row agrees at all.
    """
    ratios = np.asarray(agreement, np.float64)
    if ratios.ndim != 1 or not np.isfinite(ratios).all() or (ratios < 0).any() or not ratios.any():
        raise ValueError(
            "Invalid `agreement`. Expected one finite ratio >= 0 a row, not all of them 0. "
            f"Received: shape {ratios.shape}{f', {ratios.min()} to {ratios.max()}' if ratios.size else ''}."
        )
    return np.asarray(ratios / ratios.mean(), np.float32)


def _checked(teacher: np.ndarray, student: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    t, s = np.asarray(teacher, np.float64), np.asarray(student, np.float64)
    if t.ndim != 2 or t.shape != s.shape or 0 in t.shape:
        raise ValueError(
            "Invalid `teacher` or `student`. Expected probabilities of one shape [n, k], n and k >= 1. "
            f"Received: shapes {t.shape} and {s.shape}."
        )
    for name, rows in (("teacher", t), ("student", s)):
        bad = np.flatnonzero(~(np.isfinite(rows).all(axis=1) & (rows >= 0).all(axis=1) & (rows.sum(axis=1) > 0)))
        if len(bad):
            raise ValueError(
                f"Invalid `{name}`. Expected finite probabilities >= 0, not all of a row 0; take a softmax of logits first. "
                f"Received: {len(bad)} of {len(rows)} rows otherwise, the first is row {bad[0]}."
            )
    return t, s
