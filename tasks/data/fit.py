"""Fits the preprocessing state on the training split alone."""

from typing import Any

import numpy as np
import pandas as pd

from model_registry.errors import InputError
from tasks.data.columns import Kind
from tasks.data.contract_profile import MAX_CATEGORIES
from tasks.data.pixels import shape_of
from tasks.data.transform import FORMAT, FORMAT_VERSION, SCALE_SLACK
from tasks.data.wording import listed
from tasks.recipe.data_schema import Preprocess

Fences = dict[str, tuple[float, float] | None]


def fit_table(train: pd.DataFrame, kinds: dict[str, Kind], preprocess: Preprocess, fences: Fences) -> dict[str, Any]:
    """State of a table.

    Args:
        train: Features of the training rows, as numbers or text.
        kinds: Kind of each column.
        preprocess: The recipe's section.
        fences: Of the numeric columns; used with method `clip`.

    Returns:
        Plain JSON, see `tasks.data.transform`.

    Raises:
        InputError: A column has no value to learn from, or too many categories.
    """
    clip = fences if preprocess.outliers.method == "clip" else {}
    columns = [
        _numeric(train[name].to_numpy(dtype=np.float64), name, preprocess, clip.get(name))
        if kind == "numeric"
        else _picture(train[name], name)
        if kind == "picture"
        else _categorical(train[name], name, preprocess)
        for name, kind in kinds.items()
    ]
    return {"format": FORMAT, "format_version": FORMAT_VERSION, "modality": "tabular", "columns": columns}


def _picture(cells: pd.Series, name: str) -> dict[str, Any]:
    """A column of pictures: their size, which the reader has seen to."""
    shape = shape_of(str(cells.iloc[0]))
    if shape is None:
        raise InputError(f"column {name!r}: expected pictures. Received: {str(cells.iloc[0])[:40]!r}.")
    return {"name": name, "kind": "picture", "size": list(shape[:2]), "channels": shape[2], "pixel_max": 255.0}


def fit_pictures(images: np.ndarray, preprocess: Preprocess, pixel_max: float, *, resize: bool) -> dict[str, Any]:
    """State of pictures [n, h, w, c]: nothing is fitted but their form.

    Args:
        images: The pictures.
        preprocess: The recipe's section.
        pixel_max: What becomes 1.
        resize: Whether the recipe has files resized when they are read; batches are then read the same way.
    """
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "modality": "image",
        "size": [int(side) for side in images.shape[1:3]],
        "channels": int(images.shape[3]),
        "pixel_max": float(pixel_max),
        "resize": resize,
        "denoise": preprocess.denoise.model_dump(),
    }


def fitted_scale(images: np.ndarray, train: np.ndarray, stated: float | None, given: float | None) -> float:
    """What becomes 1: the largest pixel value, of training rows alone where it has to be estimated.

    Args:
        images: [n, h, w, c], in raw pixel values.
        train: bool [n]: the source's training rows.
        stated: The recipe's `data.image.pixel_max`, which wins.
        given: The source's own, or the parent's.

    Returns:
        An estimate leaves room for every picture: none passes it by more than `SCALE_SLACK`, which a transform refuses.
    """
    if stated is not None or given is not None:
        return largest_pixel(images, stated, given)
    return max(largest_pixel(images[train], None, None), largest_pixel(images, None, None) / SCALE_SLACK)


def largest_pixel(images: np.ndarray, stated: float | None, given: float | None) -> float:
    """Largest pixel value.

    Args:
        images: [n, h, w, c], in raw pixel values.
        stated: The recipe's `data.image.pixel_max`, which wins.
        given: The source's own.

    Returns:
        Without either: 255 for bytes, else the largest seen, 1 at least.
    """
    if stated is not None or given is not None:
        return float(stated if stated is not None else given or 1.0)
    if images.dtype == np.uint8:
        return 255.0
    finite = images[np.isfinite(images)]
    return max(1.0, float(finite.max())) if finite.size else 1.0


def _numeric(numbers: np.ndarray, name: str, preprocess: Preprocess, fences: tuple[float, float] | None) -> dict[str, Any]:
    """Fill value, fences, offset and scale of one column."""
    present = numbers[~np.isnan(numbers)]
    if not len(present):
        raise InputError(
            f"column {name!r}: expected numbers in the training rows. Received: none. Leave it out with data.drop."
        )
    policy = preprocess.missing.numeric
    fill = {"median": float(np.median(present)), "mean": float(np.mean(present)), "zero": 0.0}.get(policy)
    filled = present if fill is None else np.where(np.isnan(numbers), fill, numbers)
    clipped = filled if fences is None else np.clip(filled, *fences)
    offset, scale = _scaling(clipped, preprocess.scaling)
    return {
        "name": name,
        "kind": "numeric",
        "fill": fill,
        "fences": None if fences is None else list(fences),
        "offset": offset,
        "scale": scale,
    }


def _scaling(numbers: np.ndarray, method: str) -> tuple[float, float]:
    """Offset and scale; a column without spread keeps scale 1."""
    if method == "standard":
        offset, scale = float(np.mean(numbers)), float(np.std(numbers))
    elif method == "minmax":
        offset, scale = float(np.min(numbers)), float(np.ptp(numbers))
    elif method == "robust":
        low, middle, high = np.quantile(numbers, [0.25, 0.5, 0.75])
        # Where most values are equal the quartiles are too; the standard deviation still says how far the others lie.
        offset, scale = float(middle), float(high - low) or float(np.std(numbers))
    else:
        return 0.0, 1.0
    # Relative to the numbers' size: the spread of a constant is rounding noise, and dividing by it would blow it up.
    steady = scale <= 1e-12 * float(np.max(np.abs(numbers)))
    return offset, 1.0 if steady or not np.isfinite(scale) else scale


def _categorical(values: pd.Series, name: str, preprocess: Preprocess) -> dict[str, Any]:
    """Categories and the fate of gaps of one column."""
    counts = values.dropna().value_counts()
    categories = sorted(str(category) for category in counts.index)
    if not categories:
        raise InputError(
            f"column {name!r}: expected categories in the training rows. Received: none. Leave it out with data.drop."
        )
    if len(categories) > MAX_CATEGORIES:
        raise InputError(
            f"column {name!r}: expected at most {MAX_CATEGORIES} categories. Received: {len(categories)}, such as "
            f"{listed(categories, 3)}. It looks like free text, dates or an identifier: leave it out with data.drop."
        )
    policy, fill = preprocess.missing.categorical, None
    if policy == "most_frequent":
        missing = "fill"
        fill = min(str(category) for category in counts.index[counts == counts.max()])  # the first by name among equals
    elif policy == "category":
        missing = "category" if values.isna().any() else "zeros"
    else:
        missing = "error"
    return {"name": name, "kind": "categorical", "categories": categories, "missing": missing, "fill": fill}
