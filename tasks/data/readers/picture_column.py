"""A table's column of pictures: paths of files, or encoded pictures, read into cells that carry their pixels."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model_registry.errors import InputError
from tasks.data.pixels import cell_of, holds_picture
from tasks.data.rawtable import RawTable, Rejected
from tasks.data.readers.image_folder import one_size, pixels_of, reason_of
from tasks.data.readers.pictures import converted
from tasks.data.readers.request import Request
from tasks.data.values import is_missing
from tasks.data.wording import nearest


def with_pictures(table: RawTable, request: Request, folder: Path) -> RawTable:
    """The table with its column of pictures read; the column comes last, so that the others stand side by side.

    A row whose picture is missing or can't be read is rejected, with the reason.

    Args:
        table: As read, the column holding paths relative to `folder`, encoded pictures (PNG, JPEG, BMP) as bytes, or pixels
            (see `tasks.data.pixels`).
        request: Names the column, and the size and channels that pictures get.
        folder: Where the table is.

    Raises:
        InputError: No such column among the features, no picture can be read, or pictures of several sizes and no
            `data.image.size`.
    """
    assert table.frame is not None
    name, names = str(request.image.column), [str(column) for column in table.frame.columns]
    if name not in names:
        raise InputError(
            f"data.image.column: expected a feature column of {request.name}. Received: {name!r}.{nearest(name, names)}"
        )
    cells: list[Any] = list(table.frame[name])
    read: list[tuple[int, np.ndarray]] = []
    texts: dict[int, str] = {}
    rejected: list[Rejected] = []
    for row, cell in enumerate(cells):
        if holds_picture(cell):
            texts[row] = cell
            continue
        try:
            read.append((row, pixels_of(_file(cell, folder))))
        except Exception as error:  # PIL's decoders raise many kinds on damaged files
            label = None if table.labels is None else table.labels[row]
            shown = cell if isinstance(cell, str) else ""
            reason = f"{name}: expected a readable picture. Received: {_why(cell, folder, error)}"
            rejected.append(Rejected(0, row, shown, reason, label))
    if not read and not texts:
        raise InputError(
            f"{request.name}: column {name!r}: expected paths of pictures, relative to {folder}, or their bytes. "
            f"Received: {len(cells)} rows without a readable one, e.g. {rejected[0].reason}"
        )
    if read:
        channels = request.image.channels or max(picture.shape[-1] for _, picture in read)
        pictures = [converted(picture[np.newaxis], request.image.size, channels)[0] for _, picture in read]
        one_size(pictures, f"{request.name}: column {name!r}")
        texts |= {row: cell_of(picture) for (row, _), picture in zip(read, pictures, strict=True)}
    kept = np.array(sorted(texts), dtype=np.int64)
    whole = table.take(kept)
    assert whole.frame is not None
    others = whole.frame.drop(columns=name)
    frame = others.assign(**{name: pd.Series([texts[row] for row in kept.tolist()], dtype=object)})
    return replace(whole, frame=frame, rejected=[*whole.rejected, *rejected])


def _file(cell: Any, folder: Path) -> Path | bytes:
    if isinstance(cell, dict):  # as data sets of pictures are kept in Parquet: {"bytes": ..., "path": ...}
        cell = cell.get("bytes") or cell.get("path")
    if isinstance(cell, bytes | bytearray):
        return bytes(cell)
    if not isinstance(cell, str) or not cell:
        raise ValueError("none")
    return folder / cell


def _why(cell: Any, folder: Path, error: Exception) -> str:
    if is_missing(cell) or str(error) == "none":
        return "none"
    if isinstance(cell, str):
        path = folder / cell
        return reason_of(error, path) if path.is_file() else f"no file {cell!r}"
    return str(error).splitlines()[0] if str(error) else type(error).__name__
