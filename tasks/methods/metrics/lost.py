"""Rows that the champion gets right and the challenger does not: a regression that a mean may hide."""

import numpy as np


def lost_rows(correct_challenger: np.ndarray, correct_champion: np.ndarray) -> np.ndarray:
    """Positions of the rows that a change of model would lose.

    Args:
        correct_challenger: Whether the challenger is right, bool [n].
        correct_champion: The same of the champion, on the same rows.

    Returns:
        int64, sorted.

    Raises:
        ValueError: The two are not of one length.
    """
    if correct_challenger.shape != correct_champion.shape:
        raise ValueError(
            "Invalid `correct_champion`. Expected one value for each of the challenger's. "
            f"Received: shapes {correct_champion.shape} and {correct_challenger.shape}."
        )
    return np.flatnonzero(correct_champion & ~correct_challenger)
