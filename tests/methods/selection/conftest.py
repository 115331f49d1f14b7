"""Evidence of made-up ancestors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tasks.methods.selection import Evidence


@pytest.fixture(scope="session")
def blobs() -> Callable[..., Evidence]:
    """`blobs(n, k, d, gap)`: evidence on k classes whose centres lie `gap` standard deviations from 0; 0 tells nothing.

    The ancestor's own classifier knows a class for each of them, as sure as the features are far apart. Its own rows are
    like the target's.
    """

    def made(n: int = 120, k: int = 3, d: int = 5, gap: float = 4.0, seed: int = 0, **more: Any) -> Evidence:
        rng = np.random.default_rng(seed)
        y = np.arange(n) % k
        centres = gap * np.eye(k, d)
        features, own = (rng.normal(size=(n, d)) + centres[y] for _ in range(2))
        logits = features @ centres.T - gap**2 / 2
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        lower = np.concatenate([features, rng.normal(size=(n, d))], axis=1)
        known: dict[str, Any] = {
            "probabilities": odds / odds.sum(axis=1, keepdims=True),
            "source_features": own,
            "layers": [features, lower],
        }
        return Evidence(features, y, seed, **(known | more))

    return made
