"""From a recipe to a prepared data set: read, hold to the contract, clean, split, fit, write."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model_registry.errors import IntegrityError
from model_registry.manifest import sha256_of
from model_registry.reference import DataRef
from tasks.data.card import DataCard
from tasks.data.cleaning import complete_rows, conflicts, fences_of, kept_of_duplicates, outlying_rows
from tasks.data.contracted import Contracted, hold_to_contract
from tasks.data.dataset import DataSet
from tasks.data.fingerprint import fingerprint_of
from tasks.data.fit import fit_pictures, fit_table
from tasks.data.held import held_splits
from tasks.data.labels import chosen_classes
from tasks.data.marks import EXPECTED, NEW, TRAIN, parsed
from tasks.data.quarantine import write_quarantine
from tasks.data.rawtable import RawTable, labelled, pictures
from tasks.data.readers import read
from tasks.data.rows import Rows
from tasks.data.splits import SPLITS, assign, check_splits
from tasks.data.store import CARD
from tasks.data.transform import input_names, output_shape
from tasks.data.wording import counted, listed
from tasks.data.write import write_data_set
from tasks.recipe.schema import Recipe


def prepare(
    recipe: Recipe,
    *,
    base: Path,
    out_root: Path,
    inherited_contract: dict[str, Any] | None = None,
    held: Sequence[Path] = (),
) -> DataRef:
    """Prepares the data of a recipe, or finds it prepared already.

    Args:
        recipe: Its name, seed and the sections data and preprocess count.
        base: Folder that the recipe's relative paths start from.
        out_root: Folder of prepared data sets; this one's is named by the fingerprint's first 16 digits.
        inherited_contract: An ancestor's suite, held unless the recipe names its own.
        held: The ancestors' data sets, whose rows keep their split.

    Returns:
        The folder, and the sha256 of its card.

    Raises:
        InputError: The data cannot be used; the message says what is wrong, where, and what to do.
        IntegrityError: The data set stands already, but its bytes have been changed.
    """
    inherited_contract = inherited_contract or None
    fingerprint = fingerprint_of(recipe, base, inherited_contract, held)
    folder = out_root.absolute() / fingerprint[:16]
    if (folder / CARD).is_file():
        return _reference(folder, fingerprint)
    table, classes, broken = _read(recipe, base)
    kept = hold_to_contract(
        table,
        classes,
        broken,
        recipe,
        base=base,
        inherited_contract=inherited_contract,
        write=lambda bad: write_quarantine(bad, out_root.absolute() / f"quarantine-{fingerprint[:16]}.csv"),
    )
    counts = {"rows_read": len(table) + len(table.rejected), "rows_quarantined": len(kept.quarantine)}
    notes = [*table.notes, *kept.notes]
    rows = _cleaned(Rows.of(kept, recipe.preprocess.split.strategy), kept, recipe, counts, notes)
    codes, counts["rows_held"] = _split(rows, recipe, held, notes)
    rows, codes, state = _fitted(rows, codes, kept, recipe, counts, notes)
    notes += check_splits(codes, rows.labels, classes, recipe.preprocess.split)
    y = np.array([classes.index(label) for label in rows.labels], dtype=np.int64)
    card = DataCard(
        name=recipe.name,
        modality=table.modality,
        source=recipe.data.source,
        target=table.target,
        classes=classes,
        features=input_names(state),
        input_shape=output_shape(state),
        counts=_per_class(codes, y, classes),
        fingerprint=fingerprint,
        files={},
        notes=notes,
        **counts,
    )
    documents = {"preprocessing.json": state, "contract.json": kept.suite, "contract_result.json": kept.result.to_json()}
    write_data_set(
        folder,
        card,
        documents,
        kept.quarantine,
        rows=rows.raw,
        label=y,
        split=codes,
        row_hash=rows.row_hash,
        group=rows.marks if recipe.preprocess.split.strategy == "group" else None,
    )
    return _reference(folder, fingerprint)


def _reference(folder: Path, fingerprint: str) -> DataRef:
    """A reference to a folder, verified."""
    found = DataSet.at(folder).card.fingerprint
    if found != fingerprint:
        raise IntegrityError(
            f"{folder}: expected the data set {fingerprint}. Received: {found}. Delete the folder and prepare it again."
        )
    return DataRef(uri=str(folder), sha256=sha256_of(folder / CARD))


def _read(recipe: Recipe, base: Path) -> tuple[RawTable, list[str], dict[int, str]]:
    """Rows of the classes asked for, the classes, and the rows whose split column cannot be used."""
    split = recipe.preprocess.split
    by_mark = split.strategy in EXPECTED
    table = read(recipe.data, base, split.column if by_mark else None)
    labels = labelled(table)
    classes = chosen_classes(labels, recipe.data.classes, table.class_order)
    # Rows without a label stay for now: the contract reports them.
    table = table.take(np.array([label is None or label in classes for label in labels]))
    table = replace(table, rejected=[bad for bad in table.rejected if bad.label is None or bad.label in classes])
    broken: dict[int, str] = {}
    if table.marks is not None and by_mark:
        _, unusable = parsed(table.marks, split.strategy)
        unusable &= (table.part == 0) | (split.strategy != "predefined")  # appended rows may come without a split
        reason = f"{split.column or 'split'}: expected {EXPECTED[split.strategy]}"
        broken = {int(row): f"{reason}. Received: {table.marks[row]}" for row in np.flatnonzero(unusable)}
    return table, classes, broken


def _cleaned(rows: Rows, kept: Contracted, recipe: Recipe, counts: dict[str, int], notes: list[str]) -> Rows:
    """Without duplicates, and without gaps where the policy is `drop`."""
    options, table = recipe.preprocess, rows.table
    if clashes := conflicts(rows.values_hash, rows.labels):
        notes.append(f"{counted(clashes, 'row')} share their values with a row of another class")
    alone = kept_of_duplicates(rows.row_hash, options.duplicates, table.parts[0], table.row)
    counts["rows_duplicate"] = int((~alone).sum())
    whole = alone if rows.frame is None else alone & complete_rows(rows.frame, kept.kinds, options.missing)
    counts["rows_dropped"] = int((alone & ~whole).sum())
    return rows.take(whole)


def _split(rows: Rows, recipe: Recipe, held: Sequence[Path], notes: list[str]) -> tuple[np.ndarray, int]:
    """Split of each row, and how many rows keep an ancestor's."""
    split = recipe.preprocess.split
    if rows.table.marks is not None and rows.marks is None:
        notes.append(f"split: the source's own split is not used; strategy {split.strategy!r} makes a new one")
    past, compared = held_splits(list(held), rows.frame, rows.values_hash, rows.marks if split.strategy == "group" else None)
    codes, assigned = assign(past, rows.labels, rows.row_hash, rows.marks, split, recipe.seed)
    notes += [*compared, *assigned]
    return codes, int((past != NEW).sum())


def _fitted(
    rows: Rows, codes: np.ndarray, kept: Contracted, recipe: Recipe, counts: dict[str, int], notes: list[str]
) -> tuple[Rows, np.ndarray, dict[str, Any]]:
    """The preprocessing state, fitted on training rows alone; and the rows without training rows that are outliers."""
    options = recipe.preprocess
    if rows.frame is None:
        return (
            rows,
            codes,
            fit_pictures(pictures(rows.table), options, kept.pixel_max, resize=recipe.data.image.size is not None),
        )
    fences = fences_of(rows.frame[codes == TRAIN], kept.kinds, options)
    if level := [name for name, pair in fences.items() if pair is None]:
        notes.append(f"outliers: columns {listed(level)} have equal quartiles and no fences")
    if options.outliers.method == "drop":
        inliers = ~(outlying_rows(rows.frame, fences) & (codes == TRAIN))
        counts["rows_dropped"] += int((~inliers).sum())
        rows, codes = rows.take(inliers), codes[inliers]
    train = rows.frame[codes == TRAIN] if rows.frame is not None else pd.DataFrame()
    return rows, codes, fit_table(train, kept.kinds, options, fences)


def _per_class(codes: np.ndarray, y: np.ndarray, classes: list[str]) -> dict[str, dict[str, int]]:
    """Split to class to rows."""
    return {
        name: {label: int(((codes == code) & (y == i)).sum()) for i, label in enumerate(classes)}
        for code, name in enumerate(SPLITS)
    }
