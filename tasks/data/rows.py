"""Rows on their way from the source to the data set: what belongs to one row stays together."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tasks.data.columns import arrays_of
from tasks.data.contracted import Contracted
from tasks.data.marks import EXPECTED, parsed
from tasks.data.rawtable import RawTable, labelled, pictures
from tasks.data.rowhash import halves, label_hash, values_hash


@dataclass(frozen=True)
class Rows:
    """Rows that keep their contract.

    Attributes:
        table: As read.
        frame: Features as numbers and text; None for pictures.
        values_hash: uint64 [n]: hash of the features, or of the picture as read. Where a batch has the numbers of a column as
            float32 all count so: its rows go the way of the source's.
        exact_hash: uint64 [n]: the same over every digit: tells duplicates.
        past: int8 [n]: split in an ancestor's data set, NEW where none held the row.
        marks: [n]: group, time or split of each row, see `tasks.data.marks`; None where the strategy needs none.
    """

    table: RawTable
    frame: pd.DataFrame | None
    values_hash: np.ndarray
    exact_hash: np.ndarray
    past: np.ndarray
    marks: np.ndarray | None

    @classmethod
    def of(cls, kept: Contracted, past: np.ndarray, strategy: str) -> "Rows":
        """Rows after the contract, for one split strategy; `past` is of all rows as read."""
        table, marks = kept.table, None
        if table.marks is not None and strategy in EXPECTED:
            marks = parsed(table.marks, strategy)[0]
        if kept.frame is not None:
            columns = arrays_of(kept.frame)
            hashes, exact = values_hash(columns, halves(columns, table.part)), values_hash(columns)
        else:
            hashes = exact = np.zeros(len(table), dtype=np.uint64) if table.hashes is None else table.hashes
        return cls(table, kept.frame, hashes, exact, past[kept.rows], marks)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def labels(self) -> np.ndarray:
        """object [n]: label names."""
        return labelled(self.table)

    @property
    def row_hash(self) -> np.ndarray:
        """uint64 [n]: hash of values and label, as stored."""
        return self.values_hash ^ label_hash(self.labels)

    def repeated(self) -> np.ndarray:
        """uint64 [n]: hash of values and label over every digit; equal for duplicates alone."""
        return self.exact_hash ^ label_hash(self.labels)

    @property
    def raw(self) -> pd.DataFrame | np.ndarray:
        """What a model's transform starts from: features, or pictures [n, h, w, c]."""
        return pictures(self.table) if self.frame is None else self.frame

    def take(self, mask: np.ndarray) -> "Rows":
        """The rows under a mask."""
        return Rows(
            table=self.table.take(mask),
            frame=None if self.frame is None else self.frame[mask].reset_index(drop=True),
            values_hash=self.values_hash[mask],
            exact_hash=self.exact_hash[mask],
            past=self.past[mask],
            marks=None if self.marks is None else self.marks[mask],
        )
