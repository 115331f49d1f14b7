"""Numbers that tell what pictures look like, so that pictures can be watched for drift as a table is."""

import numpy as np

_VALUES = 4_000_000  # pixels held at once, so that memory does not grow with the number of pictures


def picture_features(x: np.ndarray) -> dict[str, np.ndarray]:
    """Numbers of each picture.

    Grey values are the mean over channels. Both windows must be on the same scale (both bytes, or both in [0, 1]).

    Args:
        x: Pictures, [n, h, w, c] or [n, h, w], of numbers.

    Returns:
        Name to float64 [n]:
        mean, std, min, max; contrast (95th less 5th percentile);
        edges_vertical, edges_horizontal (mean absolute difference of neighbours along a row, a column);
        centre_row, centre_column (centre of mass of the brightness above the darkest pixel, in [0, 1]; 0.5 in a flat
        picture); top_left, top_right, bottom_left, bottom_right (mean of each quadrant);
        and with several channels channel_0, channel_1, ... (mean of each).

    Raises:
        ValueError: `x` has another shape, or no pixels.
    """
    x = np.asarray(x)
    if x.ndim == 3:
        x = x[..., None]
    if x.ndim != 4 or 0 in x.shape[1:]:
        raise ValueError(f"Invalid `x`. Expected pictures of shape [n, h, w, c] or [n, h, w]. Received: x.shape={x.shape}.")
    step = max(1, _VALUES // int(np.prod(x.shape[1:])))
    parts = [_of_chunk(x[start : start + step].astype(np.float64)) for start in range(0, max(1, len(x)), step)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _of_chunk(x: np.ndarray) -> dict[str, np.ndarray]:
    grey = x.mean(axis=3)
    n, h, w = grey.shape
    flat = grey.reshape(n, h * w)
    low, high = np.quantile(flat, [0.05, 0.95], axis=1)
    numbers = {
        "mean": flat.mean(axis=1),
        "std": flat.std(axis=1),
        "min": flat.min(axis=1),
        "max": flat.max(axis=1),
        "contrast": high - low,
        "edges_vertical": _mean_step(grey, axis=2),
        "edges_horizontal": _mean_step(grey, axis=1),
    }
    weight = grey - numbers["min"][:, None, None]
    numbers["centre_row"] = _centre(weight.sum(axis=2))
    numbers["centre_column"] = _centre(weight.sum(axis=1))
    rows, columns = (slice(0, (h + 1) // 2), slice(h // 2, h)), (slice(0, (w + 1) // 2), slice(w // 2, w))
    for row, vertical in zip(rows, ("top", "bottom"), strict=True):
        for column, horizontal in zip(columns, ("left", "right"), strict=True):
            numbers[f"{vertical}_{horizontal}"] = grey[:, row, column].mean(axis=(1, 2))
    if x.shape[3] > 1:
        for channel in range(x.shape[3]):
            numbers[f"channel_{channel}"] = x[..., channel].mean(axis=(1, 2))
    return numbers


def _mean_step(grey: np.ndarray, axis: int) -> np.ndarray:
    """Mean absolute difference of neighbours, float64 [n]; 0 in a picture one pixel wide."""
    if grey.shape[axis] == 1:
        return np.zeros(len(grey))
    return np.asarray(np.abs(np.diff(grey, axis=axis)).mean(axis=(1, 2)))


def _centre(weight: np.ndarray) -> np.ndarray:
    """Centre of mass of each row of [n, length], as a fraction of the way from the first pixel to the last."""
    total, last = weight.sum(axis=1), weight.shape[1] - 1
    if last == 0:
        return np.full(len(weight), 0.5)
    where = weight @ np.arange(last + 1) / np.where(total > 0, total, 1.0) / last
    return np.where(total > 0, where, 0.5)
