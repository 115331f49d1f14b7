"""The rows a network is trained on: checked before the first step, weighed by class."""

import numpy as np

from tasks.methods.backend import keras

Rows = tuple[np.ndarray, np.ndarray]


def checked(name: str, rows: Rows, model: keras.Model) -> Rows:
    """Rows as float32 [n, ...] and labels as int64 [n], known to fit `model`.

    Raises:
        ValueError: No rows, another shape, numbers that are not finite, or labels the model has no unit for.
    """
    x, y = np.asarray(rows[0], np.float32), np.asarray(rows[1], np.int64)
    expected, classes = model.inputs[0].shape[1:], int(model.outputs[0].shape[-1])
    if len(x) == 0 or y.shape != (len(x),):
        raise ValueError(
            f"Invalid `{name}`. Expected at least one row, and one label a row. "
            f"Received: {len(x)} rows and labels of shape {list(y.shape)}."
        )
    if not expected.is_compatible_with(x.shape[1:]):
        raise ValueError(
            f"Invalid `{name}`. Expected rows of shape {list(expected)}, as {model.name!r} takes them. "
            f"Received: rows of shape {list(x.shape[1:])}."
        )
    if not np.isfinite(x).all():
        bad = int((~np.isfinite(x.reshape(len(x), -1)).all(axis=1)).sum())
        raise ValueError(f"Invalid `{name}`. Expected finite numbers. Received: NaN or infinity in {bad} of {len(x)} rows.")
    if y.min() < 0 or y.max() >= classes:
        raise ValueError(f"Invalid `{name}`. Expected labels in [0, {classes}). Received: labels in [{y.min()}, {y.max()}].")
    return x, y


def weights(y: np.ndarray, class_weight: str) -> np.ndarray:
    """Weight of each row in the loss.

    Args:
        y: Class indices [n].
        class_weight: `none`: all 1. `balanced`: n / (classes * rows of its class), so that every class that has rows
            counts alike and the mean weight is 1.

    Returns:
        float32 [n].
    """
    if class_weight == "none":
        return np.ones(len(y), np.float32)
    present, index, counts = np.unique(y, return_inverse=True, return_counts=True)
    return (len(y) / (len(present) * counts))[index].astype(np.float32)


def given_weights(row_weights: np.ndarray, rows: int) -> np.ndarray:
    """Weights that a caller gives for `rows` rows, as float32 [rows].

    Raises:
        ValueError: They are not one finite number >= 0 a row.
    """
    found = np.asarray(row_weights, np.float32)
    if found.shape != (rows,) or not np.isfinite(found).all() or (found < 0).any():
        raise ValueError(
            f"Invalid `row_weights`. Expected {rows} finite numbers >= 0, one a training row. "
            f"Received: shape {found.shape}{f', {found.min()} to {found.max()}' if found.size else ''}."
        )
    return found
