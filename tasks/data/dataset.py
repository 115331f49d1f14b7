"""A prepared data set, read back and verified."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from model_registry.errors import IntegrityError
from model_registry.manifest import sha256_of
from model_registry.reference import DataRef
from tasks.data.card import DataCard
from tasks.data.columns import arrays_of
from tasks.data.splits import SPLITS
from tasks.data.store import CARD, verify_files
from tasks.data.transform import transform

LABEL, SPLIT, HASH, GROUP = "__label", "__split", "__row_hash", "__group"


@dataclass(frozen=True)
class Split:
    """Rows of one split.

    Attributes:
        x: float32, model input: [n, features] or [n, h, w, c].
        y: int64 [n], index of the class.
        raw: The rows before the transform: a data frame, or pictures [n, h, w, c].
        row_hash: uint64 [n].
    """

    x: np.ndarray
    y: np.ndarray
    raw: pd.DataFrame | np.ndarray
    row_hash: np.ndarray


class DataSet:
    """A prepared data set on disk."""

    def __init__(self, folder: Path, card: DataCard) -> None:
        self.folder = folder
        self.card = card

    @classmethod
    def open(cls, ref: DataRef) -> "DataSet":
        """Opens what a reference stands for, once every file is found to be the one that was prepared.

        Raises:
            IntegrityError: The folder is gone, or some bytes are others.
        """
        folder = Path(ref.uri)
        path = folder / CARD
        if not path.is_file():
            raise IntegrityError(
                f"{path}: expected a prepared data set. Received: no such file. Run the recipe again to prepare it."
            )
        found = sha256_of(path)
        if found != ref.sha256:
            raise IntegrityError(
                f"{path}: expected sha256 {ref.sha256}. Received: {found}. "
                f"The data set was changed after it was prepared: delete {folder} and prepare it again."
            )
        try:
            card = DataCard.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise IntegrityError(f"{path}: expected a card of this version of bequest. Received: {error}") from error
        verify_files(folder, card.files)
        return cls(folder, card)

    @classmethod
    def at(cls, folder: Path) -> "DataSet":
        """Opens the data set in a folder, taking its card as it is and verifying the files against it.

        Raises:
            IntegrityError: As `open`.
        """
        path = folder / CARD
        return cls.open(DataRef(uri=str(folder), sha256=sha256_of(path) if path.is_file() else "unknown"))

    @cached_property
    def preprocessing(self) -> dict[str, Any]:
        """The fitted state; see `tasks.data.transform`."""
        return self._json("preprocessing.json")

    @cached_property
    def contract(self) -> dict[str, Any]:
        """The great-expectations suite that these rows met."""
        return self._json("contract.json")

    def split(self, name: str) -> Split:
        """Rows of one split, ready for a model.

        Args:
            name: train, validation or test.

        Raises:
            ValueError: No such split.
        """
        if name not in SPLITS:
            raise ValueError(f"Invalid `name`. Expected one of {list(SPLITS)}. Received: name={name!r}.")
        raw, labels, splits, row_hash = self._rows
        rows = np.flatnonzero(splits == SPLITS.index(name))
        if isinstance(raw, pd.DataFrame):
            picked: pd.DataFrame | np.ndarray = raw.iloc[rows].reset_index(drop=True)
            x = transform(self.preprocessing, arrays_of(picked))  # type: ignore[arg-type]
        else:
            picked = raw[rows]
            x = transform(self.preprocessing, picked)
        return Split(x, labels[rows], picked, row_hash[rows])

    def row_splits(self) -> dict[str, np.ndarray]:
        """Which row is in which split: `row_hash` uint64 [n] and `split` text [n], for heirs to keep."""
        _, _, splits, row_hash = self._rows
        return {"row_hash": row_hash, "split": np.array(SPLITS)[splits]}

    def labels(self) -> np.ndarray:
        """Label name of every row: object [n], in the order of `row_splits`."""
        return np.array(self.card.classes, dtype=object)[self._rows[1]]

    def features(self) -> pd.DataFrame | None:
        """Raw features of every row, in the order of `row_splits`; None for pictures."""
        raw = self._rows[0]
        return raw if isinstance(raw, pd.DataFrame) else None

    def groups(self) -> np.ndarray | None:
        """Group of every row: object [n]; None where the split is not by group."""
        if self.card.modality == "image":
            return None
        import pyarrow.parquet as pq

        path = self.folder / "rows.parquet"
        if GROUP not in pq.read_schema(path).names:
            return None
        return pd.read_parquet(path, columns=[GROUP])[GROUP].to_numpy(dtype=object)

    @cached_property
    def _rows(self) -> tuple[pd.DataFrame | np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Raw features, label int64, split int8 and row hash uint64 of every row."""
        if self.card.modality == "image":
            with np.load(self.folder / "rows.npz", allow_pickle=False) as rows:
                return rows["image"], rows["label"], rows["split"], rows["row_hash"]
        table = pd.read_parquet(self.folder / "rows.parquet")
        splits = table[SPLIT].map({name: code for code, name in enumerate(SPLITS)}).to_numpy(dtype=np.int8)
        return table[self.card.features], table[LABEL].to_numpy(np.int64), splits, table[HASH].to_numpy(np.uint64)

    def _json(self, name: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.folder / name).read_text(encoding="utf-8"))
        return document
