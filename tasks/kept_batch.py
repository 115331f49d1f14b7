"""A batch kept for retraining: the rows its reader sees, under the label's name in training."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model_registry import artifacts
from model_registry.errors import InputError
from model_registry.store import ensure
from model_registry.versions import Version
from tasks.data.batch import picture_reading
from tasks.data.digest import content_digest
from tasks.data.rawtable import RawTable, labelled, pictures
from tasks.data.readers.dispatch import read_one
from tasks.data.readers.request import Request
from tasks.solution import Solution

PICTURE_KEY = "y"  # where pictures have their labels unless the recipe names another key


def batch_key(sha256: str, version: Version, target: str | None) -> str:
    """What tells one labelled batch from another: its content, and which of its labels are meant.

    Args:
        sha256: Hash of the batch.
        version: The version it was compared with.
        target: The batch's label column or key, where it has another name than in training.

    Returns:
        The hash itself where the labels have their name in training; else a hash of both.
    """
    if target in (None, _trained_target(version)):
        return sha256
    return hashlib.sha256(f"{sha256}:{target}".encode()).hexdigest()


def keep_batch(data: Path, sha256: str, version: Version, target: str | None) -> Path:
    """Keeps the labelled rows of a batch in the workspace, so that a retrained version can be reproduced without the original.

    The copy holds what the batch's reader reads, with the label under its name in training: a table becomes Parquet with
    every column but a former one of that name, arrays of pictures become an archive of `x` and the label key. Class folders
    are copied as they are; there the folder is the label.

    Args:
        data: The batch.
        sha256: Its hash; equal batches with the same labels are kept once.
        version: The version it was compared with.
        target: The batch's label column or key, where it has another name than in training.

    Raises:
        InputError: The batch was changed since it was hashed, cannot be read, or lacks the column by which the version's
            rows were split.
    """
    if content_digest(data) != sha256:
        raise InputError(
            f"{data}: expected the batch as it was compared (sha256 {sha256[:16]}...). Received: another content; it was "
            "changed meanwhile. Run feedback again."
        )
    name = _trained_target(version)
    stem = ensure().home / "batches" / batch_key(sha256, version, target)[:16]
    if data.is_dir():
        return _once(stem, lambda partial: shutil.copytree(data, partial))
    image = picture_reading(Solution.read(artifacts.fetch(version)).preprocessing or {})  # the copy carries the pixels
    table = read_one(Request(str(data.absolute()), target or name, image=image), Path())
    table = table.take(np.array([label is not None for label in labelled(table)], dtype=bool))
    if table.frame is None:
        return _once(stem.with_suffix(".npz"), lambda partial: _write_pictures(table, name, partial))
    _require_split_column(data, table.frame, version)
    frame = table.frame.drop(columns=name, errors="ignore").assign(**{name: pd.Series(table.labels, dtype=object)})
    return _once(stem.with_suffix(".parquet"), lambda partial: frame.to_parquet(partial, index=False))


def _require_split_column(data: Path, frame: pd.DataFrame, version: Version) -> None:
    """Rows that cannot be split as the version's were would stop the retraining they are kept for."""
    split = (Solution.read(artifacts.fetch(version)).recipe or {}).get("preprocess", {}).get("split", {})
    column = split.get("column")
    if split.get("strategy") in ("group", "time") and column not in frame.columns:
        raise InputError(
            f"{data}: expected the column {column!r}, by which the rows of {version.label} are split ({split['strategy']}); "
            f"without it nothing can be retrained. Received: columns {[str(name) for name in frame.columns]}. Add it, or give "
            "--no-retrain for the report alone."
        )


def _trained_target(version: Version) -> str:
    """Name of the label column or key that a retraining of the version reads."""
    solution = Solution.read(artifacts.fetch(version))
    stated = (solution.recipe or {}).get("data", {}).get("target")
    if solution.card is not None and solution.card.modality == "tabular":
        return solution.card.target
    return str(stated or PICTURE_KEY)


def _write_pictures(table: RawTable, name: str, path: Path) -> None:
    arrays: dict[str, Any] = {"x": pictures(table), name: labelled(table).astype(str)}
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _once(kept: Path, write: Callable[[Path], object]) -> Path:
    """Writes a file or folder whole, or leaves the one that stands."""
    if kept.exists():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    partial = kept.with_name(f".{os.getpid()}.{kept.name}")
    _remove(partial)
    try:
        write(partial)
        partial.replace(kept)
    except OSError:
        if not kept.exists():  # else a folder that another process has kept meanwhile
            raise
    finally:
        _remove(partial)
    return kept


def _remove(path: Path) -> None:
    """Removes a file or folder, where there is one."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
