"""What every initialisation of centroids looks like."""

from typing import Protocol

import numpy as np

from tasks.methods.registry import Methods


class Initial(Protocol):
    """Chooses the centroids that k-means starts from."""

    def __call__(self, weights: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
        """Chooses k centroids.

        Args:
            weights: float32 [n], n >= 1; zeros that are to stay zero are left out.
            k: Centroids, at least 1.
            rng: For initialisations that draw.

        Returns:
            float32 [k], inside the range of `weights`.
        """


initials: Methods[Initial] = Methods("initialisation")
