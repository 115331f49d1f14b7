"""A linear model on what the members say: one Dense layer over all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import softmax

from tasks.methods.fusion.combiners.base import as_given, checked_members
from tasks.methods.fusion.combiners.logarithmic_pool import logs

SLOPE = 4.0  # of the logit over the probability at 1/2: brings probabilities to the scale of their logarithms


@dataclass(frozen=True, eq=False)
class Stack:
    """softmax(sum_i(log(max(p_i, floor / k)) A_i + p_i B_i) + b).

    Args:
        of_logs: A, float64 [m, k, k].
        of_probabilities: B, float64 [m, k, k].
        bias: b, float64 [k].
        floor: Least probability that counts, as a share of an even guess.
    """

    of_logs: np.ndarray
    of_probabilities: np.ndarray
    bias: np.ndarray
    floor: float

    @property
    def shares(self) -> np.ndarray:
        """Each member's part in the sum of all coefficients' sizes."""
        sizes = np.abs(self.of_logs).sum(axis=(1, 2)) + np.abs(self.of_probabilities).sum(axis=(1, 2))
        return np.asarray(sizes / sizes.sum())

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """See `Combiner`."""
        members = checked_members(probabilities, len(self.of_logs))
        scores = np.einsum("mnk,mkc->nc", logs(members, self.floor), self.of_logs)
        scores += np.einsum("mnk,mkc->nc", members, self.of_probabilities) + self.bias
        return as_given(softmax(scores, axis=1), probabilities)

    def graph(self, outputs: Sequence[Any]) -> Any:
        """Concatenate, NaturalLog, Rescaling and a Dense layer with softmax; see `Combiner`."""
        from tasks.methods.backend import keras
        from tasks.methods.networks.natural_log import NaturalLog

        kept, classes = np.flatnonzero(self.shares), len(self.bias)
        said = outputs[0] if len(outputs) == 1 else keras.layers.Concatenate(name="said")(list(outputs))
        opinions = NaturalLog(self.floor / classes, name="log")(said)
        # Scaled, because what is concatenated has one scale in int8, and a softmax's output can't be given another.
        scaled = keras.layers.Rescaling(SLOPE, name="as_wide_as_logs")(said)
        dense = keras.layers.Dense(classes, activation="softmax", name="fused")
        fused = dense(keras.layers.Concatenate(name="read")([opinions, scaled]))
        kernel = np.concatenate([*self.of_logs[kept], *(self.of_probabilities[kept] / SLOPE)])
        dense.set_weights([kernel.astype(np.float32), self.bias.astype(np.float32)])
        return fused
