"""What small random noise on a network's input costs in accuracy."""

from collections.abc import Callable

import numpy as np


def drop_under_noise(
    predict: Callable[[np.ndarray], np.ndarray], x: np.ndarray, y: np.ndarray, sigma: np.ndarray, *, draws: int, seed: int
) -> float:
    """Accuracy on the rows as they are, less the mean accuracy on rows with Gaussian noise.

    Args:
        predict: Network input, float32 [m, ...], to class probabilities [m, k].
        x: Network input, float32 [n, ...].
        y: Class indices, int64 [n].
        sigma: Standard deviation of the noise on one row's input, in its units; any shape that a row's broadcasts with.
        draws: How often noise is drawn for every row.
        seed: Of the noise.

    Returns:
        The drop, in [-1, 1]; negative where noise happens to help.

    Raises:
        ValueError: There is no row or no draw.
    """
    if not len(y) or draws < 1:
        raise ValueError(f"Invalid rows or `draws`. Expected one of each at least. Received: {len(y)} rows, draws={draws}.")
    rng = np.random.default_rng(seed)
    noisy = [_accuracy(predict, x + (sigma * rng.standard_normal(x.shape)).astype(np.float32), y) for _ in range(draws)]
    return _accuracy(predict, x, y) - float(np.mean(noisy))


def _accuracy(predict: Callable[[np.ndarray], np.ndarray], x: np.ndarray, y: np.ndarray) -> float:
    return float((predict(x).argmax(axis=1) == y).mean())
