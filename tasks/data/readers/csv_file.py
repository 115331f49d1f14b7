"""Comma-separated tables (also with semicolons, tabs or bars)."""

import csv
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model_registry.errors import InputError
from tasks.data.rawtable import RawTable
from tasks.data.readers.request import Request
from tasks.data.readers.table import table_of
from tasks.data.wording import listed

# low_memory=False: one type for the whole column instead of one a chunk.
OPTIONS: dict[str, Any] = {"encoding": "utf-8-sig", "skipinitialspace": True, "low_memory": False, "index_col": False}


def read_csv(path: Path, request: Request) -> RawTable:
    """Reads a CSV file with a header line.

    Raises:
        InputError: Not UTF-8, no header, a repeated column, or a line with too many cells.
    """
    try:
        separator = _separator(path, request.name)
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # cells beyond the header would be lost
            frame = pd.read_csv(path, sep=separator, **OPTIONS)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{request.name}: expected UTF-8 text. Received: byte {error.start} is not. Save the file as UTF-8."
        ) from error
    except (pd.errors.EmptyDataError, pd.errors.ParserError, pd.errors.ParserWarning, csv.Error) as error:
        raise InputError(f"{request.name}: expected a table with a header line. Received: {str(error).strip()}") from error
    frame, notes = _without_row_numbers(frame, request.name)
    return table_of(frame, request, notes=notes)


def read_columns(path: Path, name: str, columns: list[str]) -> pd.DataFrame:
    """Some columns of a CSV file, as far as they are there.

    Raises:
        InputError: A column is repeated.
    """
    try:
        return pd.read_csv(path, sep=_separator(path, name), usecols=lambda each: each in columns, **OPTIONS)
    except (UnicodeDecodeError, pd.errors.EmptyDataError, pd.errors.ParserError, csv.Error):
        return pd.DataFrame()  # `read_csv` tells what is wrong with it


def _separator(path: Path, name: str) -> str:
    """What stands between the columns of the header line."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        line = file.readline()
        candidates = [mark for mark in ",;\t|" if mark in line]
        separator = max(candidates, key=line.count) if candidates else ","
        file.seek(0)
        header = [column.strip() for column in next(csv.reader(file, delimiter=separator), [])]
    repeated = sorted({column for column in header if column and header.count(column) > 1})
    if repeated:
        raise InputError(f"{name}: expected each column once. Received: {listed(repeated)} more than once.")
    return separator


def _without_row_numbers(frame: pd.DataFrame, name: str) -> tuple[pd.DataFrame, list[str]]:
    """Leaves out a nameless first column that only counts the rows, as `DataFrame.to_csv` writes it."""
    first = frame.columns[0] if len(frame.columns) else ""
    if str(first).startswith("Unnamed:") and np.array_equal(frame[first].to_numpy(), np.arange(len(frame))):
        return frame.drop(columns=first), [f"{name}: left out the nameless first column, which only counts rows"]
    return frame, []
