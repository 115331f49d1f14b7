"""Raw rows in the form a bundle takes."""

from typing import Any

import numpy as np
import pandas as pd


def as_columns(raw: pd.DataFrame | np.ndarray) -> Any:
    """Raw rows as a bundle predicts them: columns by name, or pictures."""
    return raw if isinstance(raw, np.ndarray) else {str(name): raw[name].to_numpy() for name in raw.columns}
