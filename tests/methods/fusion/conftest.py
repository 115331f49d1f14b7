"""Predictions of members that need no network."""

from collections.abc import Callable

import numpy as np
import pytest

Drawn = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="session")
def drawn() -> Callable[..., Drawn]:
    """Draws members of different skill, of whom the first knows least: (m, n, k, seed) -> probabilities [m, n, k], y [n]."""

    def draw(m: int = 3, n: int = 60, k: int = 4, seed: int = 0) -> Drawn:
        rng = np.random.default_rng(seed)
        y = rng.integers(0, k, n)
        logits = rng.normal(size=(m, n, k))
        logits[:, np.arange(n), y] += np.linspace(0.2, 1.5, m)[:, None]
        probabilities = np.exp(logits)
        return probabilities / probabilities.sum(axis=2, keepdims=True), y

    return draw
