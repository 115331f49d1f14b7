"""What every criterion looks like: a kernel in, a score for each of its weights out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tasks.methods.registry import Methods


@dataclass(frozen=True)
class Kernel:
    """The large weights of one layer, and what a criterion may want to know of them.

    Attributes:
        weights: float, [..., inputs, outputs], or as `output_axis` says.
        gradient: Gives the size of the training loss's gradient for each weight, >= 0, shape of `weights`: the root mean
            square over batches. A function, because only some criteria are worth the pass over rows that it costs.
        rng: Draws what is random in the score.
        output_axis: The axis that counts the layer's output units or filters.
    """

    weights: np.ndarray
    gradient: Callable[[], np.ndarray]
    rng: np.random.Generator
    output_axis: int = -1


class Criterion(Protocol):
    """Scores the weights of one kernel."""

    def __call__(self, kernel: Kernel) -> np.ndarray:
        """Scores the weights.

        Args:
            kernel: The kernel.

        Returns:
            Scores, finite, of the shape of `kernel.weights`; the lowest are pruned first.
        """


criteria: Methods[Criterion] = Methods("criterion")
