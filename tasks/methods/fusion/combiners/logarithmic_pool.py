"""The logarithmic opinion pool: a weighted product of the members' probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import softmax

from tasks.methods.fusion.combiners.base import as_given, checked_members


@dataclass(frozen=True, eq=False)
class LogPool:
    """softmax(sum(w_i log p_i)) (Genest & Zidek, 1986, doi:10.1214/ss/1177013825).

    Weights that sum to more than 1 sharpen what the members agree on, others flatten it.

    Args:
        weights: One a member, float [m], >= 0.
        floor: Least probability that counts, as a share of an even guess, 1/k: without one, a single member that gives a
            class 0 rules it out whatever the others say, and int8 spends its steps on logarithms of nothing.

    Raises:
        ValueError: Weights below 0 or not finite, or a floor outside (0, 1].
    """

    weights: np.ndarray
    floor: float

    def __post_init__(self) -> None:
        values = np.asarray(self.weights, np.float64)
        if values.ndim != 1 or not len(values) or not np.isfinite(values).all() or (values < 0).any():
            raise ValueError(f"Invalid `weights`. Expected numbers >= 0, one a member. Received: weights={self.weights}.")
        if not 0 < self.floor <= 1:
            raise ValueError(f"Invalid `floor`. Expected a share in (0, 1]. Received: floor={self.floor}.")
        object.__setattr__(self, "weights", values)

    @property
    def shares(self) -> np.ndarray:
        """The weights, scaled to sum 1; equal where all are 0 and the pool knows nothing."""
        total = self.weights.sum()
        return np.asarray(self.weights / total if total > 0 else np.full(len(self.weights), 1 / len(self.weights)))

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """See `Combiner`."""
        members = checked_members(probabilities, len(self.weights))
        return as_given(softmax(np.tensordot(self.weights, logs(members, self.floor), axes=1), axis=1), probabilities)

    def graph(self, outputs: Sequence[Any]) -> Any:
        """NaturalLog, Rescaling, Add and Softmax; see `Combiner`."""
        from tasks.methods.backend import keras
        from tasks.methods.networks.natural_log import NaturalLog

        kept, classes = np.flatnonzero(self.shares), int(outputs[0].shape[-1])
        weighted = []
        for index, output in zip(kept, outputs, strict=True):
            opinion = NaturalLog(self.floor / classes, name=f"m{index}_log")(output)
            weighted.append(keras.layers.Rescaling(float(self.weights[index]), name=f"m{index}_weight")(opinion))
        pooled = weighted[0] if len(weighted) == 1 else keras.layers.Add(name="pooled")(weighted)
        return keras.layers.Softmax(name="fused")(pooled)


def logs(probabilities: np.ndarray, floor: float) -> np.ndarray:
    """log(max(p, floor / k)), float64, same shape.

    Args:
        probabilities: float [..., k].
        floor: As a share of an even guess.
    """
    return np.asarray(np.log(np.maximum(probabilities, floor / probabilities.shape[-1])))
