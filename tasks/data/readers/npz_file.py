"""numpy archives: pictures, or tables without column names."""

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from model_registry.errors import InputError
from tasks.data.labels import label_names
from tasks.data.rawtable import RawTable
from tasks.data.readers.pictures import picture_table
from tasks.data.readers.request import Request
from tasks.data.readers.table import table_of
from tasks.data.wording import listed, nearest

PARTS = {"train": "train", "val": "validation", "test": "test"}


def read_npz(path: Path, request: Request) -> RawTable:
    """Reads `x` and `y`, or `x_train`, `y_train`, [`x_val`, `y_val`,] `x_test`, `y_test`, and `classes` where given.

    The parts are joined, and remembered for the split strategy `predefined`. x [n, features] is a table with the columns
    x0, x1, ...; x [n, h, w] or [n, h, w, c] are pictures. y [n] holds names, or positions in `classes`.

    Raises:
        InputError: A key is missing, an array has the wrong shape, or the file holds pickled objects.
    """
    arrays = _load(path, request.name)
    x, y, marks = _joined(arrays, request)
    order = [str(name) for name in arrays["classes"].tolist()] if "classes" in arrays else None
    if y is not None and order is not None and y.dtype.kind in "iu":
        if y.min() < 0 or y.max() >= len(order):
            raise InputError(
                f"{request.name}: expected labels from 0 to {len(order) - 1}, positions in `classes`. Received: {y.max()}."
            )
        y = np.array(order, dtype=object)[y]
    if x.ndim == 2:
        return _table(x, y, marks, order, request)
    labels = None if y is None else label_names(y, f"{request.name}: key {request.target or 'y'!r}")
    return picture_table(x, labels, request, marks=marks, class_order=order)


def _load(path: Path, name: str) -> dict[str, np.ndarray]:
    """All arrays of the archive."""
    with path.open("rb") as file:
        head = file.read(6)
    # What is neither an archive nor an array, NumPy takes for a pickle.
    if not head.startswith((b"PK", b"\x93NUMPY", b"\x80")):
        raise InputError(f"{name}: expected an .npz archive, as np.savez writes it. Received: a file of another kind.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise InputError(
                    f"{name}: expected an .npz archive. Received: a single array; save it with np.savez(x=..., y=...)."
                )
            return {key: archive[key] for key in archive.files}
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{name}: expected arrays of numbers or text. Received: pickled Python objects, which bequest never loads "
            "because they can run code. Save them as plain arrays, e.g. y.astype(str)."
        ) from error
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
        raise InputError(f"{name}: expected a readable .npz archive. Received: {error}") from error


def _joined(arrays: Mapping[str, np.ndarray], request: Request) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Rows, labels and predefined split; the last is None where the archive has no parts."""
    label = request.target or "y"
    if "x" in arrays:
        if label not in arrays and request.labels == "required":
            raise _no_key(label, arrays, request.name)
        return (*_checked(arrays["x"], arrays.get(label), "x", label, request.name), None)
    if "x_train" not in arrays:
        raise _no_key("x", arrays, request.name)
    if "x_test" not in arrays:
        raise _no_key("x_test", arrays, request.name)
    xs, ys, marks = [], [], []
    for part, split in PARTS.items():
        if f"x_{part}" not in arrays:
            continue
        if f"{label}_{part}" not in arrays:
            raise _no_key(f"{label}_{part}", arrays, request.name)
        x, y = _checked(arrays[f"x_{part}"], arrays[f"{label}_{part}"], f"x_{part}", f"{label}_{part}", request.name)
        xs.append(x)
        ys.append(y)
        marks += [split] * len(x)
    shapes = {x.shape[1:] for x in xs}
    if len(shapes) > 1:
        raise InputError(f"{request.name}: expected rows of one shape in all parts. Received: {sorted(shapes)}.")
    return np.concatenate(xs), np.concatenate(ys), np.array(marks, dtype=object)  # type: ignore[arg-type]


def _checked(x: np.ndarray, y: np.ndarray | None, x_key: str, y_key: str, name: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Rows and their labels, of matching length."""
    if x.ndim not in (2, 3, 4):
        raise InputError(
            f"{name}: expected `{x_key}` of shape [n, features], [n, height, width] or [n, height, width, channels]. "
            f"Received: {list(x.shape)}."
        )
    if x.dtype.kind not in "biuf":
        raise InputError(f"{name}: expected numbers in `{x_key}`. Received: dtype {x.dtype}.")
    if y is not None:
        y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
        if y.shape != (len(x),):
            raise InputError(
                f"{name}: expected `{y_key}` of shape [{len(x)}], one label a row of `{x_key}`. Received: {list(y.shape)}."
            )
    if not len(x):
        raise InputError(f"{name}: expected rows. Received: `{x_key}` of shape {list(x.shape)}.")
    return x, y


def _no_key(key: str, arrays: Mapping[str, np.ndarray], name: str) -> InputError:
    return InputError(
        f"{name}: expected the key {key!r} (x and y, or x_train, y_train, [x_val, y_val,] x_test, y_test). "
        f"Received: {listed(arrays)}.{nearest(key, arrays)}"
    )


def _table(
    x: np.ndarray, y: np.ndarray | None, marks: np.ndarray | None, order: list[str] | None, request: Request
) -> RawTable:
    """A table with the columns x0, x1, ... and the label."""
    target = request.target or "y"
    frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(x.shape[1])])
    if y is not None:
        frame[target] = y
    table = table_of(frame, replace(request, target=target, mark_column=None), class_order=order)
    return replace(table, marks=marks)
