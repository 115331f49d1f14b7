"""Why a batch has no labels: what was looked for, and what stands there."""

import csv
from pathlib import Path

import numpy as np

from tasks.data.card import DataCard
from tasks.data.readers.pictures import PICTURE_TARGET
from tasks.data.readers.source import SUFFIXES
from tasks.kept_batch import PICTURE_KEY


def no_labels(data: Path, card: DataCard, target: str | None) -> str:
    """Says why no row of a batch that was read has a label, and what follows.

    Args:
        data: The batch: CSV, Parquet, npz or a folder of pictures.
        card: The version's.
        target: The label column or key, where it has another name than in training.
    """
    return f"no labels: {_cause(data, card, target)}, so accuracy is not known"


def _cause(data: Path, card: DataCard, target: str | None) -> str:
    if data.is_dir():
        if any(path.is_dir() for path in data.iterdir()):
            return "no class folder has a picture that can be used"
        return "no class folders in the batch, only pictures"
    kind = SUFFIXES[data.suffix.lower()]
    word = "key" if kind == "npz" else "column"
    name = target or (PICTURE_KEY if card.modality == "image" and card.target == PICTURE_TARGET else card.target)
    if name in _names(data, kind):
        return f"{word} {name!r} is empty in every row that can be used"
    return f"no {word} {name!r} in the batch"


def _names(data: Path, kind: str) -> set[str]:
    """Columns or keys, without reading the rows."""
    if kind == "parquet":
        import pyarrow.parquet

        return set(pyarrow.parquet.read_schema(data).names)
    if kind == "npz":
        with np.load(data, allow_pickle=False) as archive:
            return set(archive.files)
    names: set[str] = set()
    for mark in ",;\t|":  # a name is found where the mark is the file's own
        with data.open(encoding="utf-8-sig", newline="") as file:
            names |= {column.strip() for column in next(csv.reader(file, delimiter=mark, skipinitialspace=True), [])}
    return names
