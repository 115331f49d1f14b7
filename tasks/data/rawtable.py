"""What every reader gives: rows as the source has them, with labels by name and what could not be read."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from model_registry.errors import InputError
from tasks.data.wording import listed

Modality = Literal["tabular", "image"]


@dataclass(frozen=True)
class Rejected:
    """A row that could not be read at all."""

    part: int
    row: int
    file: str
    reason: str
    label: str | None


@dataclass(frozen=True)
class RawTable:
    """Rows of a source and of the batches appended to it.

    Attributes:
        modality: Kind of rows.
        target: Name of the label column.
        labels: object [n]: label names, None where missing; None where the source has no labels at all.
        part: int64 [n]: index into `parts`.
        row: int64 [n]: position in its part, from 0.
        parts: Names of the source and of each appended batch.
        frame: Tabular: features in order, one row each; else None.
        images: Image: [n, h, w, c], uint8 or float32; else None.
        hashes: Image: uint64 [n], hash of each picture as read; else None.
        files: Image folder: object [n], path of each picture within the folder; else None.
        marks: object [n]: group, time or split of each row, None where missing; None where there is no such column.
        class_order: Label names in the order the source gives; None where it gives none.
        pixel_max: Largest pixel value where the source says, as bytes do; None else.
        rejected: Rows that could not be read.
        notes: What the reader did that the user should know.
    """

    modality: Modality
    target: str
    labels: np.ndarray | None
    part: np.ndarray
    row: np.ndarray
    parts: list[str]
    frame: pd.DataFrame | None = None
    images: np.ndarray | None = None
    hashes: np.ndarray | None = None
    files: np.ndarray | None = None
    marks: np.ndarray | None = None
    class_order: list[str] | None = None
    pixel_max: float | None = None
    rejected: list[Rejected] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.row)

    def take(self, rows: np.ndarray) -> "RawTable":
        """The rows at these positions (or under this mask); `rejected` stays."""
        picked: dict[str, Any] = {
            name: None if (values := getattr(self, name)) is None else values[rows]
            for name in ("labels", "part", "row", "images", "hashes", "files", "marks")
        }
        frame = None if self.frame is None else self.frame.iloc[np.arange(len(self))[rows]].reset_index(drop=True)
        return replace(self, frame=frame, **picked)


def concatenate(tables: list[RawTable]) -> RawTable:
    """A source followed by the batches appended to it.

    Raises:
        InputError: A batch has another form than the source.
    """
    first = tables[0]
    for table in tables[1:]:
        if table.modality != first.modality:
            raise InputError(
                f"{table.parts[0]}: expected {first.modality} rows, as in {first.parts[0]}. Received: {table.modality}."
            )
        if first.images is not None and table.images is not None and table.images.shape[1:] != first.images.shape[1:]:
            raise InputError(
                f"{table.parts[0]}: expected pictures of {list(first.images.shape[1:])}, as in {first.parts[0]}. "
                f"Received: {list(table.images.shape[1:])}. State data.image.size and data.image.channels to convert them."
            )
    if len(tables) == 1:
        return first
    return replace(
        first,
        labels=_joined([table.labels for table in tables]),
        part=np.concatenate([np.full(len(table), i) for i, table in enumerate(tables)]),
        row=np.concatenate([table.row for table in tables]),
        parts=[table.parts[0] for table in tables],
        frame=_stacked([table.frame for table in tables if table.frame is not None]),
        images=_joined([table.images for table in tables]),
        hashes=_joined([table.hashes for table in tables]),
        files=_filled([table.files for table in tables], [len(table) for table in tables]),
        marks=_filled([table.marks for table in tables], [len(table) for table in tables]),
        pixel_max=first.pixel_max,
        rejected=[replace(bad, part=i) for i, table in enumerate(tables) for bad in table.rejected],
        notes=[note for table in tables for note in table.notes],
    )


def labelled(table: RawTable) -> np.ndarray:
    """The labels of a table that must have them.

    Raises:
        InputError: It has none.
    """
    if table.labels is None:
        raise InputError(
            f"{table.parts[0]}: expected labels. Received: none. State data.target, the column or key that holds them."
        )
    return table.labels


def pictures(table: RawTable) -> np.ndarray:
    """The pictures of a table that must have them: [n, h, w, c].

    Raises:
        InputError: It has none.
    """
    if table.images is None:
        raise InputError(f"{table.parts[0]}: expected pictures. Received: a table.")
    return table.images


def located(table: RawTable, rows: Iterable[int], limit: int = 3) -> str:
    """The first of some rows, for a message: `rows [3, 8]`, and of which file where there are several."""
    first = list(rows)[:limit]
    if len(table.parts) == 1:
        return f"rows {listed(int(table.row[row]) for row in first)}"
    files = dict.fromkeys(int(table.part[row]) for row in first)
    return ", ".join(
        f"rows {listed(int(table.row[row]) for row in first if table.part[row] == part)} of {table.parts[part]}"
        for part in files
    )


def _stacked(frames: list[pd.DataFrame]) -> pd.DataFrame | None:
    """Rows below one another; a column that is numbers here and text there becomes object."""
    return pd.concat(frames, ignore_index=True) if frames else None


def _joined(arrays: list[np.ndarray | None]) -> np.ndarray | None:
    """All arrays as one; None where any is missing."""
    present = [array for array in arrays if array is not None]
    return np.concatenate(present) if present and len(present) == len(arrays) else None


def _filled(arrays: list[np.ndarray | None], lengths: list[int]) -> np.ndarray | None:
    """All arrays as one, None in the rows of those that are missing."""
    if all(array is None for array in arrays):
        return None
    return np.concatenate(
        [np.full(n, None, dtype=object) if array is None else array for array, n in zip(arrays, lengths, strict=True)]
    )
