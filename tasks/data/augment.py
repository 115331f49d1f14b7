"""Random changes to training pictures: the label stays, the network learns not to mind."""

import numpy as np

from tasks.recipe.data_schema import Augment


def augment(x: np.ndarray, config: Augment, rng: np.random.Generator) -> np.ndarray:
    """Changes each picture by its own draw; what is uncovered at the edges repeats the nearest pixel.

    Of a table with a column of pictures see `augment_column`.

    Args:
        x: float32 [n, h, w, c] in [0, 1]. Tables [n, features] come back as they are.
        config: Largest changes; 0 or false turns one off.
        rng: Source of the draws.

    Returns:
        float32, same shape, in [0, 1]; `x` itself where nothing is to change.
    """
    if x.ndim != 4 or not any(config.model_dump().values()):
        return x
    changed = x
    if config.flip:
        changed = np.where(rng.random(len(x))[:, np.newaxis, np.newaxis, np.newaxis] < 0.5, changed[:, :, ::-1], changed)
    if config.shift or config.rotate or config.zoom:
        changed = _moved(changed, config, rng)
    if config.noise:
        changed = changed + rng.normal(0.0, config.noise, x.shape)
    return np.clip(changed, 0.0, 1.0).astype(np.float32)


def augment_column(
    x: np.ndarray, view: tuple[int, tuple[int, int, int]], config: Augment, rng: np.random.Generator
) -> np.ndarray:
    """The same for the pictures among a table's columns; the other columns stay.

    Args:
        x: float32 [n, features].
        view: Where the pixels begin, and the pictures' shape.
        config: As in `augment`.
        rng: Source of the draws.
    """
    start, shape = view
    changed = augment(x[:, start:].reshape(len(x), *shape), config, rng)
    return np.concatenate([x[:, :start], changed.reshape(len(x), -1)], axis=1)


def _moved(x: np.ndarray, config: Augment, rng: np.random.Generator) -> np.ndarray:
    """Shift, rotation about the centre and zoom as one bilinear resampling, so that pictures are blurred once."""
    from scipy.ndimage import map_coordinates

    count, height, width, channels = x.shape

    def drawn(limit: float) -> np.ndarray:
        return rng.uniform(-limit, limit, size=(count, 1, 1)) if limit else np.zeros((count, 1, 1))

    angle, zoom = np.deg2rad(drawn(config.rotate)), 1.0 + drawn(config.zoom)
    down, right = drawn(config.shift) * height, drawn(config.shift) * width
    # Where each pixel of the new picture lies in the old one: the inverse of the change.
    rows = np.arange(height)[:, np.newaxis] - (height - 1) / 2 - down
    columns = np.arange(width) - (width - 1) / 2 - right
    from_rows = (np.cos(angle) * rows + np.sin(angle) * columns) / zoom + (height - 1) / 2
    from_columns = (np.cos(angle) * columns - np.sin(angle) * rows) / zoom + (width - 1) / 2
    pictures = np.broadcast_to(np.arange(count)[:, np.newaxis, np.newaxis], from_rows.shape)
    planes = [map_coordinates(x[..., c], (pictures, from_rows, from_columns), order=1, mode="nearest") for c in range(channels)]
    return np.stack(planes, axis=-1)
