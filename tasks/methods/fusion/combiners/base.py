"""What every combiner looks like: fitted on validation rows, it predicts in numpy and as layers of a network."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from tasks.methods.registry import Methods

_ROUNDING = 0.05  # an int8 output may leave [0, 1] by a few steps


class Combiner(Protocol):
    """What was fitted. Its two forms, numpy and graph, agree to rounding."""

    @property
    def shares(self) -> np.ndarray:
        """Each member's share in what is said, float64 [m], >= 0, summing to 1; a member with share 0 is not needed."""

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """The combined prediction.

        Args:
            probabilities: Each member's class probabilities on the same rows, float [m, n, k]; also of those not needed.

        Returns:
            Probabilities, float [n, k], of the same dtype.

        Raises:
            ValueError: The shapes do not fit, or a member's probabilities are not finite; the message names it.
        """

    def graph(self, outputs: Sequence[Any]) -> Any:
        """The same as Keras layers.

        Args:
            outputs: Keras tensors [batch, k], the softmax outputs of the members whose share is not 0, in order.

        Returns:
            A Keras tensor [batch, k].
        """


class Fit(Protocol):
    """Makes a combiner from members' predictions on validation rows."""

    def __call__(self, probabilities: np.ndarray, y: np.ndarray, seed: int = 0) -> Combiner:
        """Fits.

        Args:
            probabilities: Each member's class probabilities on the same validation rows, float [m, n, k].
            y: Class indices, int64 [n].
            seed: Seed of whatever is drawn.

        Returns:
            The combiner.

        Raises:
            ValueError: The shapes do not fit, or a member's probabilities are not finite; the message names it.
        """


combiners: Methods[Fit] = Methods("combiner")


def checked(probabilities: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The arguments as float64 [m, n, k] and int64 [n]; every fit calls it first.

    Raises:
        ValueError: The shapes do not fit, a class index is out of range, or a member's numbers are no probabilities.
    """
    probabilities, y = checked_members(probabilities), np.asarray(y)
    n, k = probabilities.shape[1:]
    if n == 0 or y.shape != (n,) or y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= k:
        raise ValueError(
            f"Invalid `y`. Expected {n or 'at least one'} class indices in [0, {k}), one a validation row. "
            f"Received: y.shape={y.shape}, y.dtype={y.dtype}{f', {y.min()} to {y.max()}' if y.size else ''}."
        )
    return probabilities, y.astype(np.int64)


def checked_members(probabilities: np.ndarray, members: int | None = None) -> np.ndarray:
    """Members' probabilities as float64 [m, n, k].

    Args:
        probabilities: An array, or one array [n, k] a member.
        members: How many there must be; any number from 1 where None.

    Raises:
        ValueError: They differ in rows or classes, there are too few, or a member's numbers are no probabilities.
    """
    shapes = sorted({np.shape(each) for each in probabilities})
    if len(shapes) > 1:
        raise ValueError(
            "Invalid `probabilities`. Expected the same rows and the same classes, in the same order, from every member. "
            f"Received: members of shapes {shapes}."
        )
    found = np.asarray(probabilities, np.float64)
    if found.ndim != 3 or found.shape[0] == 0 or found.shape[2] < 2:
        raise ValueError(
            "Invalid `probabilities`. Expected shape [m, n, k] with m >= 1 members and k >= 2 classes. "
            f"Received: probabilities.shape={found.shape}."
        )
    if members is not None and len(found) != members:
        raise ValueError(
            f"Invalid `probabilities`. Expected the {members} members that were fitted, in the same order. "
            f"Received: {len(found)}."
        )
    _require_probabilities(found)
    return found


def _require_probabilities(members: np.ndarray) -> None:
    broken = np.flatnonzero(~np.isfinite(members).all(axis=(1, 2)))
    if len(broken):
        raise ValueError(
            "Invalid `probabilities`. Expected finite numbers; leave a member that diverged out. "
            f"Received: NaN or infinity from member {_listed(broken)} (counted from 0) of {len(members)}."
        )
    outside = np.flatnonzero(((members < -_ROUNDING) | (members > 1 + _ROUNDING)).any(axis=(1, 2)))
    if len(outside):
        raise ValueError(
            "Invalid `probabilities`. Expected numbers in [0, 1]; give a member that ends in logits a softmax. "
            f"Received: {members.min():.3g} to {members.max():.3g}, from member {_listed(outside)} (counted from 0)."
        )


def _listed(numbers: np.ndarray) -> str:
    return ", ".join(map(str, numbers))


def as_given(combined: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """`combined` in the dtype of `probabilities`, float64 where that is no float."""
    dtype = np.asarray(probabilities).dtype
    return combined.astype(dtype if dtype.kind == "f" else np.float64)
