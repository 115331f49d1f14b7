"""Rows taken out because they break the contract: kept in a file, each with its reasons."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from tasks.data.rawtable import RawTable

SOURCE, ROW, REASON, FILE = "__source", "__row", "__reason", "__file"
"""Columns beside the row's own, which no source may name so; see `RESERVED` in `tasks.data.readers.table`."""


def quarantined(table: RawTable, frame: pd.DataFrame, reasons: Mapping[int, Sequence[str]]) -> pd.DataFrame:
    """The rows that fail, and those that could not be read.

    Args:
        table: All rows.
        frame: Their values, row by row: features, or the facts of pictures, and labels.
        reasons: Row position to reasons.

    Returns:
        SOURCE, ROW (from 0, the header not counted), REASON, FILE (image folders alone), then the row's values.
    """
    rows = list(reasons)
    listed = frame.iloc[rows].reset_index(drop=True).astype(object)
    listed.insert(0, SOURCE, [table.parts[table.part[row]] for row in rows])
    listed.insert(1, ROW, [int(table.row[row]) for row in rows])
    listed.insert(2, REASON, ["; ".join(reasons[row]) for row in rows])
    if table.files is not None:
        listed.insert(3, FILE, [table.files[row] for row in rows])
    unread = pd.DataFrame(
        [
            {SOURCE: table.parts[bad.part], ROW: bad.row, REASON: bad.reason, FILE: bad.file, table.target: bad.label}
            for bad in table.rejected
        ],
        dtype=object,
    )
    both = listed if unread.empty else unread if listed.empty else pd.concat([unread, listed], ignore_index=True)
    return both if len(both) else pd.DataFrame(columns=listed.columns)


def write_quarantine(rows: pd.DataFrame, path: Path) -> Path:
    """Writes the quarantined rows as CSV, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    rows.to_csv(half, index=False)
    os.replace(half, path)
    return path
