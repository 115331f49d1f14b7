"""A golden set: labelled rows that must not be lost, read for whichever version is asked about them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from model_registry.errors import InputError
from tasks.data.batch import request_of
from tasks.data.card import DataCard
from tasks.data.columns import normalised
from tasks.data.raw import as_columns
from tasks.data.rawtable import RawTable, labelled, located, pictures
from tasks.data.readers.dispatch import read_one
from tasks.data.transform import transform
from tasks.data.wording import listed, nearest

KEY = "evaluate.gate.golden"


@dataclass(frozen=True)
class Golden:
    """The rows of a golden set.

    Attributes:
        name: The file, as the recipe has it.
        table: As read; every row has a label that the recipe's classes have, too.
        labels: Label names, object [n].
    """

    name: str
    table: RawTable
    labels: np.ndarray

    def raw_for(self, preprocessing: Mapping[str, Any]) -> Any:
        """The rows in the form that a version with this fitted state predicts them."""
        if self.table.frame is None:
            return pictures(self.table)
        kinds = {column["name"]: column["kind"] for column in preprocessing.get("columns", [])}
        return as_columns(normalised(self.table.frame, kinds))


def read_golden(name: str, card: DataCard, preprocessing: Mapping[str, Any]) -> Golden:
    """Reads a golden set, of the form of a prepared data set.

    Args:
        name: CSV, Parquet, npz or a folder of class folders; an absolute path.
        card: The data set's.
        preprocessing: Its fitted state.

    Raises:
        InputError: The file can't be read, a row has no label or one that is not among the classes, or a row is none that
            the recipe's own preprocessing takes.
    """
    # All columns of a table: the version in production may need others than the candidate.
    asked = replace(request_of(name, card, preprocessing, None), features=None, labels="required")
    table = read_one(asked, Path())
    if table.rejected:
        raise InputError(f"{KEY}: {name}: expected rows that can be read. Received: {table.rejected[0].reason}.")
    labels = labelled(table)
    if unlabelled := [row for row, label in enumerate(labels) if label is None]:
        raise InputError(f"{KEY}: {name}: expected a label in every row. Received: none in {located(table, unlabelled)}.")
    if strange := sorted(set(labels) - set(card.classes)):
        raise InputError(
            f"{KEY}: {name}: expected labels among {listed(card.classes)}. Received: {listed(strange)}."
            f"{nearest(strange[0], card.classes)}"
        )
    golden = Golden(name, table, labels)
    try:
        transform(preprocessing, golden.raw_for(preprocessing))
    except InputError as error:
        raise InputError(f"{KEY}: {name}: {error}") from error
    return golden
