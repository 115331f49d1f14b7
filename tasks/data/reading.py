"""A recipe's rows as they are read, and which of them ancestors held: all that comes before the contract."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tasks.data.columns import kinds_of, normalised
from tasks.data.contract import kinds_in
from tasks.data.held import held_rows
from tasks.data.labels import chosen_classes, ordered
from tasks.data.marks import EXPECTED, NEW, parsed
from tasks.data.rawtable import RawTable, labelled
from tasks.data.readers import read
from tasks.data.values import as_number
from tasks.data.wording import listed
from tasks.recipe.schema import Recipe


@dataclass(frozen=True)
class Reading:
    """Rows of the classes asked for.

    Attributes:
        table: As read.
        classes: Label names, in order.
        broken: Row position to reason, of rows whose split column cannot be used.
        past: int8 [n]: split of each row in the ancestors' data sets, NEW where none held it.
        compared: What cannot be told about the ancestors' rows.
    """

    table: RawTable
    classes: list[str]
    broken: dict[int, str]
    past: np.ndarray
    compared: list[str]


def read_rows(recipe: Recipe, base: Path, inherited_contract: dict[str, Any] | None, held: Sequence[Path]) -> Reading:
    """Reads the source and every appended batch, and looks each row up among the ancestors'.

    Args:
        recipe: Sections data and preprocess.
        base: Folder that relative paths start from.
        inherited_contract: An ancestor's suite, which knows the kinds of columns.
        held: The ancestors' data sets.

    Raises:
        InputError: The source, or an ancestor's data set, cannot be read.
    """
    split = recipe.preprocess.split
    by_mark = split.strategy in EXPECTED
    predefined = split.strategy == "predefined"  # appended rows may come without a split
    table = read(recipe.data, base, split.column if by_mark else None, batches_marked=not predefined)
    labels = labelled(table)
    classes = chosen_classes(labels, recipe.data.classes, table.class_order)
    # Rows without a label stay for now: the contract reports them.
    table = table.take(np.array([label is None or label in classes for label in labels]))
    table = replace(
        table,
        rejected=[bad for bad in table.rejected if bad.label is None or bad.label in classes],
        notes=[*table.notes, *_brought(table)],
    )
    broken: dict[int, str] = {}
    if table.marks is not None and by_mark:
        _, unusable = parsed(table.marks, split.strategy)
        unusable &= (table.part == 0) | (not predefined)
        reason = f"{split.column or 'split'}: expected {EXPECTED[split.strategy]}"
        broken = {int(row): f"{reason}. Received: {table.marks[row]}" for row in np.flatnonzero(unusable)}
    past, compared = _past(table, split.strategy, inherited_contract, held)
    return Reading(table, classes, broken, past, compared)


def _brought(table: RawTable) -> list[str]:
    """A note on classes that the source does not have and appended rows do."""
    labels = labelled(table)
    new = {label for label in labels[table.part > 0] if label is not None} - set(labels[table.part == 0])
    return [f"data: the appended rows bring the classes {listed(ordered(list(new)))}"] if new else []


def _past(
    table: RawTable, strategy: str, inherited_contract: dict[str, Any] | None, held: Sequence[Path]
) -> tuple[np.ndarray, list[str]]:
    """Split of each row in the ancestors' data sets; and notes."""
    if not held:
        return np.full(len(table), NEW, dtype=np.int8), []
    frame, hashes = None, table.hashes
    if table.frame is not None:
        frame = _comparable(table.frame, inherited_contract, table.parts[0])
    groups = parsed(table.marks, strategy)[0] if strategy == "group" and table.marks is not None else None
    known = np.zeros(len(table), dtype=np.uint64) if hashes is None else hashes
    found = held_rows(list(held), frame, known, groups, table.part)
    return found.codes, found.notes


def _comparable(frame: pd.DataFrame, inherited_contract: dict[str, Any] | None, where: str) -> pd.DataFrame:
    """Features as the data set will hold them; text among numbers, which the contract takes out, is a gap."""
    kinds = kinds_of(frame, kinds_in(inherited_contract or {}, "tabular"), where)
    frame = normalised(frame, kinds)
    return frame.assign(**{name: as_number(frame[name])[0] for name, kind in kinds.items() if kind == "numeric"})
