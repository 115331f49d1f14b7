"""What every fuser looks like: how much each member's word counts."""

from typing import Protocol

import numpy as np

from tasks.methods.registry import Methods


class Fuser(Protocol):
    """Weighs several members by their predictions on validation rows."""

    def __call__(self, probabilities: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Weighs the members.

        Args:
            probabilities: Each member's class probabilities on the same validation rows, float [m, n, k].
            y: Class indices, int64 [n].

        Returns:
            Weights, float64 [m], each in [0, 1], summing to 1.

        Raises:
            ValueError: The shapes do not fit, or a member's probabilities are not finite; the message names it.
        """


fusers: Methods[Fuser] = Methods("fuser")


def checked(probabilities: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The arguments as float64 [m, n, k] and int64 [n]; every fuser calls it first.

    Raises:
        ValueError: The shapes do not fit, a class index is out of range, or a member's probabilities are not finite.
    """
    probabilities, y = _members(probabilities), np.asarray(y)
    n, k = probabilities.shape[1:]
    if n == 0 or y.shape != (n,) or y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= k:
        raise ValueError(
            f"Invalid `y`. Expected {n or 'at least one'} class indices in [0, {k}), one a validation row. "
            f"Received: y.shape={y.shape}, y.dtype={y.dtype}{f', {y.min()} to {y.max()}' if y.size else ''}."
        )
    return probabilities, y.astype(np.int64)


def combine(probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The members' weighted average (Jacobs et al., 1991: a linear opinion pool).

    Args:
        probabilities: Each member's class probabilities on the same rows, float [m, n, k].
        weights: One a member, float [m].

    Returns:
        Probabilities, float [n, k], of the same dtype as `probabilities`.

    Raises:
        ValueError: The shapes do not fit, or a member's probabilities are not finite; the message names it.
    """
    members = _members(probabilities)
    if np.shape(weights) != (len(members),):
        raise ValueError(f"Invalid `weights`. Expected {len(members)}, one a member. Received: shape {np.shape(weights)}.")
    dtype = np.asarray(probabilities).dtype
    return np.tensordot(np.asarray(weights, np.float64), members, axes=1).astype(dtype if dtype.kind == "f" else np.float64)


def _members(probabilities: np.ndarray) -> np.ndarray:
    members = np.asarray(probabilities, np.float64)
    if members.ndim != 3 or members.shape[0] == 0 or members.shape[2] < 2:
        raise ValueError(
            "Invalid `probabilities`. Expected shape [m, n, k] with m >= 1 members and k >= 2 classes. "
            f"Received: probabilities.shape={members.shape}."
        )
    bad = np.flatnonzero(~np.isfinite(members).all(axis=(1, 2)))
    if len(bad):
        raise ValueError(
            "Invalid `probabilities`. Expected finite numbers; leave a member that diverged out. "
            f"Received: NaN or infinity from member {', '.join(map(str, bad))} (counted from 0) of {len(members)}."
        )
    return members
