"""The linear opinion pool: a weighted average of the members' probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.methods.fusion.combiners.base import as_given, checked_members


@dataclass(frozen=True, eq=False)
class LinearPool:
    """sum(w_i p_i) (Jacobs et al., 1991, doi:10.1162/neco.1991.3.1.79).

    Args:
        shares: One weight a member, >= 0, not all of them 0; scaled to sum 1.

    Raises:
        ValueError: Weights that are not such.
    """

    shares: np.ndarray

    def __post_init__(self) -> None:
        values = np.asarray(self.shares, np.float64)
        if values.ndim != 1 or not np.isfinite(values).all() or (values < 0).any() or values.sum() <= 0:
            raise ValueError(
                f"Invalid `shares`. Expected numbers >= 0 with a sum > 0, one a member. Received: shares={self.shares}."
            )
        object.__setattr__(self, "shares", values / values.sum())

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """See `Combiner`."""
        members = checked_members(probabilities, len(self.shares))
        return as_given(np.tensordot(self.shares, members, axes=1), probabilities)

    def graph(self, outputs: Sequence[Any]) -> Any:
        """Rescaling and Add; the only member's output itself where one is left. See `Combiner`."""
        from tasks.methods.backend import keras

        kept = np.flatnonzero(self.shares)
        if len(kept) == 1:
            return outputs[0]
        weighted = [
            keras.layers.Rescaling(float(self.shares[index]), name=f"m{index}_weight")(output)
            for index, output in zip(kept, outputs, strict=True)
        ]
        return keras.layers.Add(name="fused")(weighted)


def combine(probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The members' weighted sum.

    Args:
        probabilities: Each member's class probabilities on the same rows, float [m, n, k].
        weights: One a member, float [m].

    Returns:
        Probabilities, float [n, k], of the same dtype as `probabilities`.

    Raises:
        ValueError: The shapes do not fit, or a member's numbers are no probabilities; the message names it.
    """
    members = checked_members(probabilities)
    if np.shape(weights) != (len(members),):
        raise ValueError(f"Invalid `weights`. Expected {len(members)}, one a member. Received: shape {np.shape(weights)}.")
    return as_given(np.tensordot(np.asarray(weights, np.float64), members, axes=1), probabilities)
