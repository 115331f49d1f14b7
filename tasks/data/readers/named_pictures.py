"""Which files a table's column of pictures names: they are part of the source."""

from pathlib import Path

import pandas as pd

from model_registry.errors import InputError
from tasks.data.pixels import holds_picture
from tasks.data.readers.csv_file import read_columns


def named_pictures(kind: str, path: Path, name: str, column: str) -> list[Path]:
    """The files that are there, each once, sorted; none where the column is not, which the reader tells.

    Args:
        kind: Of the source, as `locate` tells it.
        path: Where it is.
        name: As the user wrote it, for messages.
        column: The column of pictures.

    Raises:
        InputError: The source can't be read, or a file stands outside the table's folder.
    """
    if kind == "csv":
        cells = read_columns(path, name, [column])
    elif kind == "parquet":
        cells = _of_parquet(path, column)
    else:
        return []
    folder = path.parent.resolve()
    named = {str(cell) for cell in cells.get(column, []) if isinstance(cell, str) and not holds_picture(cell)}
    files = sorted((folder / each).resolve() for each in named)
    if outside := [each for each in files if not each.is_relative_to(folder)]:
        raise InputError(
            f"{name}: column {column!r}: expected paths within {folder}, so that the source can be moved as a whole. "
            f"Received: {outside[0]}."
        )
    return [each for each in files if each.is_file()]


def _of_parquet(path: Path, column: str) -> pd.DataFrame:
    import pyarrow.parquet as pq

    try:
        return pd.read_parquet(path, columns=[column]) if column in pq.read_schema(path).names else pd.DataFrame()
    except (OSError, ValueError):
        return pd.DataFrame()  # the reader tells what is wrong with it
