"""What every selector looks like: how well an ancestor's features suit the new data, before any training."""

from typing import Protocol

import numpy as np

from tasks.methods.registry import Methods


class Selector(Protocol):
    """Scores one ancestor by what its frozen features tell about the labels."""

    def __call__(self, features: np.ndarray, y: np.ndarray, seed: int) -> float:
        """Scores the features.

        Args:
            features: Outputs of the ancestor's backbone, float [n, d].
            y: Class indices, int64 [n].
            seed: Seed of everything random in the score.

        Returns:
            The score, unitless; higher is better. Comparable between ancestors on the same rows alone.

        Raises:
            ValueError: The shapes do not fit, a feature is not finite, or there is too little to judge by.
        """


selectors: Methods[Selector] = Methods("selector")
