"""Parquet tables."""

from pathlib import Path

import pandas as pd

from model_registry.errors import InputError
from tasks.data.rawtable import RawTable
from tasks.data.readers.request import Request
from tasks.data.readers.table import table_of


def read_parquet(path: Path, request: Request) -> RawTable:
    """Reads a Parquet file.

    Raises:
        InputError: The file is damaged or not Parquet.
    """
    import pyarrow

    try:
        frame = pd.read_parquet(path)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{request.name}: expected a readable Parquet file. Received: {reason}") from error
    return table_of(frame.reset_index(drop=True), request)
