"""Raw rows to model input: the one transform that training and serving share (numpy alone).

The fitted state is plain JSON:

    {"format": "bequest-preprocessing", "format_version": 1, "modality": "tabular", "columns": [
        {"name": "age", "kind": "numeric", "fill": 37.0, "fences": [0.0, 99.0], "offset": 38.6, "scale": 13.7},
        {"name": "job", "kind": "categorical", "categories": ["clerk", "cook"], "missing": "category", "fill": null},
        {"name": "photo", "kind": "picture", "size": [8, 8], "channels": 1, "pixel_max": 255.0}]}
    {"format": "bequest-preprocessing", "format_version": 1, "modality": "image",
        "size": [8, 8], "channels": 1, "pixel_max": 16.0, "resize": false, "denoise": {"method": "none", "size": 3}}

`resize` says whether files are resized when they are read; a transform never resizes. `fill` null means that a missing
number is an error, `fences` null that nothing is clipped. `missing` says what a missing category becomes: `fill` the category
in `fill`, `category` a one-hot place of its own (the last), `zeros` no place, `error` an error. A category not seen in
training has no place: all zeros. A table has at most one column of pictures, the last; its cells are those of
`tasks.data.pixels`, and its places the pixels, row by row.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from model_registry.errors import InputError
from tasks.data.median import median_filter
from tasks.data.pixels import head_of, pictures_of
from tasks.data.values import as_number, as_text

FORMAT = "bequest-preprocessing"
FORMAT_VERSION = 1
SCALE_SLACK = 1.5  # pixels of real-valued pictures may pass the largest one seen in training by this factor


def transform(state: Mapping[str, Any], raw: Mapping[str, Any] | np.ndarray) -> np.ndarray:
    """Applies a fitted preprocessing state.

    Args:
        state: See the top of this file.
        raw: Tabular: column name to values [n], numbers with NaN or text with None. Image: [n, h, w, c], or [n, h, w]
            where the pictures are grey; 0 to `pixel_max`.

    Returns:
        float32 [n, features] (tabular) or [n, h, w, c] in [0, 1] (image).

    Raises:
        InputError: A column is missing or holds what it must not, or pictures have another shape or scale.
    """
    _known_format(state)
    return _pictures(state, raw) if state["modality"] == "image" else _table(state, raw)


def input_names(state: Mapping[str, Any]) -> list[str]:
    """Names of the raw inputs, in order; `image` for pictures."""
    return ["image"] if state["modality"] == "image" else [column["name"] for column in state["columns"]]


def output_shape(state: Mapping[str, Any]) -> tuple[int, ...]:
    """Shape of one transformed row, without the batch dimension."""
    if state["modality"] == "image":
        return (*state["size"], state["channels"])
    return (len(feature_names(state)),)


def feature_names(state: Mapping[str, Any]) -> list[str]:
    """Names of the transformed features, `job=cook` for a one-hot place; none for pictures."""
    names: list[str] = []
    for column in state.get("columns", []):
        if column["kind"] == "numeric":
            names.append(column["name"])
            continue
        if column["kind"] == "picture":
            height, width = column["size"]
            places = ((y, x, c) for y in range(height) for x in range(width) for c in range(column["channels"]))
            names += [f"{column['name']}[{y},{x},{c}]" for y, x, c in places]
            continue
        names += [f"{column['name']}={category}" for category in column["categories"]]
        if column["missing"] == "category":
            names.append(f"{column['name']}=<missing>")
    return names


def state_of_pictures(state: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The state of a table's column of pictures; None where it has none."""
    return next((each for each in state.get("columns", []) if each["kind"] == "picture"), None)


def picture_shape(column: Mapping[str, Any]) -> tuple[int, int, int]:
    """Height, width and channels of the pictures of a column, by its state."""
    height, width = column["size"]
    return height, width, column["channels"]


def picture_view(state: Mapping[str, Any]) -> tuple[int, tuple[int, int, int]] | None:
    """Where the pixels of a table with a column of pictures begin in a transformed row, and the pictures' shape; else None."""
    column = state_of_pictures(state)
    if column is None:
        return None
    shape = picture_shape(column)
    return output_shape(state)[0] - int(np.prod(shape)), shape


def picture_column(state: Mapping[str, Any]) -> tuple[str, str] | None:
    """A table's column of pictures, and what each of its cells begins with; None where it has none."""
    column = state_of_pictures(state)
    return None if column is None else (column["name"], head_of(picture_shape(column)))


def _known_format(state: Mapping[str, Any]) -> None:
    if state.get("format") != FORMAT or state.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"preprocessing state: expected format {FORMAT!r} version {FORMAT_VERSION}. "
            f"Received: {state.get('format')!r} version {state.get('format_version')!r}. Write it with this version of bequest."
        )


def _table(state: Mapping[str, Any], raw: Mapping[str, Any] | np.ndarray) -> np.ndarray:
    """All columns, side by side."""
    columns = state["columns"]
    if isinstance(raw, np.ndarray):
        raise InputError(f"expected the columns {input_names(state)} by name. Received: an array of shape {list(raw.shape)}.")
    missing = [column["name"] for column in columns if column["name"] not in raw]
    if missing:
        raise InputError(
            f"expected the columns {input_names(state)}. Missing: {missing}. Received: {[str(name) for name in raw]}."
        )
    blocks = [_BLOCKS[column["kind"]](column, raw[column["name"]]) for column in columns]  # type: ignore[index]
    rows = {column["name"]: len(block) for column, block in zip(columns, blocks, strict=True)}
    if len(set(rows.values())) > 1:
        raise InputError(f"expected as many values in every column. Received: {rows}.")
    return np.concatenate(blocks, axis=1, dtype=np.float32)


def _numbers(column: Mapping[str, Any], values: Any) -> np.ndarray:
    """(x - offset) / scale of one numeric column, filled and clipped first: [n, 1]."""
    name = column["name"]
    numbers, bad = as_number(values)
    if numbers.ndim != 1:
        raise InputError(f"column {name!r}: expected one value a row, shape [n]. Received: shape {list(numbers.shape)}.")
    bad |= np.isinf(numbers)
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(
            f"column {name!r}: expected finite numbers. Received: {np.asarray(values, dtype=object)[row]!r} in row {row}."
        )
    missing = np.isnan(numbers)
    if missing.any():
        if column["fill"] is None:
            raise InputError(
                f"column {name!r}: expected a number in every row, the model was prepared without missing values. "
                f"Received: a missing value in row {int(np.argmax(missing))}."
            )
        numbers = np.where(missing, column["fill"], numbers)
    if column["fences"] is not None:
        numbers = np.clip(numbers, *column["fences"])
    return ((numbers - column["offset"]) / column["scale"])[:, np.newaxis]


def _one_hot(column: Mapping[str, Any], values: Any) -> np.ndarray:
    """One place a category, and one for missing where training had it: [n, places]."""
    places = {category: place for place, category in enumerate(column["categories"])}
    width = len(places) + (column["missing"] == "category")
    texts = as_text(values)
    missing = {"fill": places.get(column["fill"], -1), "category": width - 1}.get(column["missing"], -1)
    if column["missing"] == "error" and any(text is None for text in texts):
        raise InputError(
            f"column {column['name']!r}: expected a category in every row, the model was prepared without missing values. "
            f"Received: a missing value in row {[text is None for text in texts].index(True)}."
        )
    taken = np.array([missing if text is None else places.get(text, -1) for text in texts], dtype=np.int64)
    encoded = np.zeros((len(taken), width), dtype=np.float32)
    known = np.flatnonzero(taken >= 0)
    encoded[known, taken[known]] = 1.0
    return encoded


def _pixels(column: Mapping[str, Any], values: Any) -> np.ndarray:
    """The pixels of a column of pictures, scaled to [0, 1]: [n, h * w * c]."""
    found = pictures_of(values, picture_shape(column), column["name"])
    return found.reshape(len(found), -1).astype(np.float32) / np.float32(column["pixel_max"])


_BLOCKS = {"numeric": _numbers, "categorical": _one_hot, "picture": _pixels}


def _pictures(state: Mapping[str, Any], raw: Mapping[str, Any] | np.ndarray) -> np.ndarray:
    """Pictures, denoised and scaled to [0, 1]."""
    if isinstance(raw, Mapping) and "image" not in raw:
        raise InputError(f"expected `image`, an array of pictures. Received: {[str(name) for name in raw]}.")
    images = np.asarray(raw["image"] if isinstance(raw, Mapping) else raw)
    shape, received = output_shape(state), list(images.shape)
    if images.ndim == 3 and shape[2] == 1:
        images = images[..., np.newaxis]
    if images.ndim != 4 or images.shape[1:] != shape:
        raise InputError(f"expected pictures of shape [n, {', '.join(map(str, shape))}]. Received: {received}.")
    if images.dtype.kind not in "biuf":
        raise InputError(f"expected pictures of numbers. Received: dtype {images.dtype}.")
    if images.size:
        low, high = float(images.min()), float(images.max())
        if not (low >= 0 and high <= state["pixel_max"] * SCALE_SLACK):  # NaN fails too
            raise InputError(
                f"expected finite pixels from 0 to {state['pixel_max']:g}, as in training. Received: {low:g} to {high:g}."
            )
    if state["denoise"]["method"] == "median":
        images = median_filter(images, state["denoise"]["size"])
    return images.astype(np.float32) / np.float32(state["pixel_max"])
