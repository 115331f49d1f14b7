"""The folder of data that some benchmarks need, and the pictures in it."""

import io
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image


def folder(*needed: str) -> Path:
    """The folder that BEQUEST_TRIAL_DATA names; ends the program where a needed file is not in it."""
    named = os.environ.get("BEQUEST_TRIAL_DATA")
    if not named or not all((Path(named) / each).is_file() for each in needed):
        sys.exit(f"Set BEQUEST_TRIAL_DATA to the folder with {', '.join(needed)}. Received: {named!r}.")
    return Path(named)


def pictures(path: Path) -> tuple[np.ndarray, pd.DataFrame]:
    """Pictures, uint8 [n, h, w, 3], and the table they stand in: `label`, `label_name`, `split`."""
    table = pd.read_parquet(path)
    return np.stack([np.asarray(Image.open(io.BytesIO(each)).convert("RGB")) for each in table["image"]]), table
