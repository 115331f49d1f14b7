"""One door to all readers."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from model_registry.errors import InputError
from tasks.data.columns import carries_pixels
from tasks.data.rawtable import RawTable, concatenate
from tasks.data.readers.bundled import read_bundled
from tasks.data.readers.csv_file import read_csv
from tasks.data.readers.image_folder import read_folder
from tasks.data.readers.npz_file import read_npz
from tasks.data.readers.parquet_file import read_parquet
from tasks.data.readers.picture_column import with_pictures
from tasks.data.readers.request import Request, request_for
from tasks.data.readers.source import locate
from tasks.data.wording import listed
from tasks.recipe.data_schema import Data, Rows

READERS = {"csv": read_csv, "parquet": read_parquet, "npz": read_npz, "folder": read_folder, "bundled": read_bundled}


def read(data: Data, base: Path, mark_column: str | None = None, *, batches_marked: bool = True) -> RawTable:
    """Reads a recipe's source, its share of rows, and every appended batch.

    Args:
        data: The recipe's data section.
        base: Folder that relative paths start from.
        mark_column: Column that the split strategy needs; None where it needs none.
        batches_marked: Whether appended batches must have that column too.

    Raises:
        InputError: See each reader; the message names the file, the column and what to do.
    """
    source = read_one(request_for(data.source, data, mark_column), base)
    chosen = share(len(source) + len(source.rejected), data.rows)
    rejected = [bad for bad in source.rejected if np.isin(bad.row, chosen)]
    source = replace(source.take(np.isin(source.row, chosen)), rejected=rejected)
    if not len(source):
        raise InputError(
            f"data.rows: expected at least one row of {data.source}. Received: none from {data.rows.start} to {data.rows.end}."
        )
    features = None if source.frame is None else [str(name) for name in source.frame.columns]
    batches = []
    for name in data.append:
        asked = replace(request_for(name, data, mark_column), features=features, drop=[], modality=source.modality)
        batches.append(read_one(asked if batches_marked else replace(asked, marks="optional"), base))
    return concatenate([source, *batches])


def read_one(request: Request, base: Path) -> RawTable:
    """Reads one file, all rows.

    Raises:
        InputError: The file is missing, of another modality than stated, or cannot be read.
    """
    kind, path = locate(request.name, base)
    table = READERS[kind](path, request)
    if column := _picture_column(table, request):
        table = with_pictures(table, replace(request, image=request.image.model_copy(update={"column": column})), path.parent)
    if request.modality not in ("auto", table.modality):
        raise InputError(
            f"data.modality: expected {table.modality!r}, which is what {request.name} holds. Received: {request.modality!r}."
        )
    return table


def _picture_column(table: RawTable, request: Request) -> str | None:
    """The column that holds pictures: the one that is named, else the one whose cells carry pixels already."""
    if table.frame is None:
        if request.image.column is not None:
            raise InputError(
                f"data.image.column: expected a table, which has columns. Received: {request.image.column!r} with pictures "
                f"alone, {request.name}."
            )
        return None
    carrying = [str(name) for name in table.frame.columns if carries_pixels(table.frame[name])]
    found = list(dict.fromkeys([*([request.image.column] if request.image.column else []), *carrying]))
    if len(found) > 1:
        raise InputError(
            f"{request.name}: expected at most one column of pictures. Received: {listed(found)}. Leave others out (data.drop)."
        )
    return found[0] if found else None


def share(total: int, rows: Rows) -> np.ndarray:
    """Row positions of a share, sorted; shares that do not overlap have no row in common.

    Args:
        total: Rows in the source.
        rows: Start, end and seed.

    Returns:
        int64 [round(end * total) - round(start * total)].
    """
    shuffled = np.random.default_rng(rows.seed).permutation(total)
    return np.sort(shuffled[round(rows.start * total) : round(rows.end * total)])
