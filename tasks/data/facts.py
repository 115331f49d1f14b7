"""Facts of each picture, so that pictures have a contract too."""

import numpy as np
import pandas as pd

FACTS = ("height", "width", "channels", "min", "max", "mean", "finite")
SHAPE = ("height", "width", "channels")


def picture_facts(images: np.ndarray) -> pd.DataFrame:
    """Shape and brightness of each picture.

    Args:
        images: [n, h, w, c], in raw pixel values.

    Returns:
        Columns FACTS, n rows: pixels, pixel values, and 1.0 where every pixel is a finite number.
    """
    count, height, width, channels = images.shape
    flat = images.reshape(count, -1)
    finite = np.isfinite(flat).all(axis=1) if images.dtype.kind == "f" else np.ones(count, dtype=bool)
    facts = {
        "height": np.full(count, float(height)),
        "width": np.full(count, float(width)),
        "channels": np.full(count, float(channels)),
        "min": flat.min(axis=1).astype(np.float64),
        "max": flat.max(axis=1).astype(np.float64),
        "mean": flat.mean(axis=1, dtype=np.float64),
        "finite": finite.astype(np.float64),
    }
    return pd.DataFrame(facts)
