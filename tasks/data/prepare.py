"""From a recipe to a prepared data set: read, hold to the contract, clean, split, fit, write."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model_registry.errors import IntegrityError
from model_registry.manifest import sha256_of
from model_registry.reference import DataRef
from tasks.data.card import DataCard
from tasks.data.cleaning import complete_rows, conflicts, fences_of, kept_of_duplicates, outlying_rows
from tasks.data.contract import with_scale
from tasks.data.contracted import Contracted, hold_to_contract
from tasks.data.dataset import DataSet
from tasks.data.fingerprint import fingerprint_of
from tasks.data.fit import fit_pictures, fit_table, fitted_scale
from tasks.data.marks import NEW, TRAIN
from tasks.data.quarantine import write_quarantine
from tasks.data.rawtable import pictures
from tasks.data.reading import read_rows
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
    anew: bool = False,
    tell: Callable[[str], object] = lambda note: None,
) -> DataRef:
    """Prepares the data of a recipe, or finds it prepared already.

    Args:
        recipe: Its name, seed and the sections data and preprocess count.
        base: Folder that the recipe's relative paths start from.
        out_root: Folder of prepared data sets; this one's is named by the fingerprint's first 16 digits.
        inherited_contract: An ancestor's suite, held unless the recipe names its own.
        held: The ancestors' data sets, whose rows keep their split.
        anew: Prepare a data set that stands already once more.
        tell: Called with what cannot be told about the ancestors' rows. The card does not say so: the data set is the same
            with and without an ancestor that shares no row with it.

    Returns:
        The folder, and the sha256 of its card.

    Raises:
        InputError: The data cannot be used; the message says what is wrong, where, and what to do.
        IntegrityError: The data set stands already, but its bytes have been changed.
    """
    inherited_contract = inherited_contract or None
    reading = read_rows(recipe, base, inherited_contract, held) if held else None
    fingerprint = fingerprint_of(recipe, base, inherited_contract, reading.past if reading else None)
    folder = out_root.absolute() / fingerprint[:16]
    for note in reading.compared if reading else []:
        tell(note)
    if anew:
        shutil.rmtree(folder, ignore_errors=True)
    if (folder / CARD).is_file():
        return _reference(folder, fingerprint)
    reading = reading or read_rows(recipe, base, inherited_contract, [])
    table, classes = reading.table, reading.classes
    kept = hold_to_contract(
        table,
        classes,
        reading.broken,
        recipe,
        base=base,
        inherited_contract=inherited_contract,
        write=lambda bad: write_quarantine(bad, out_root.absolute() / f"quarantine-{fingerprint[:16]}.csv"),
    )
    counts = {"rows_read": len(table) + len(table.rejected), "rows_quarantined": len(kept.quarantine)}
    notes = [*table.notes, *kept.notes]
    rows = _cleaned(Rows.of(kept, reading.past, recipe.preprocess.split.strategy), kept, recipe, counts, notes)
    codes, counts["rows_held"] = _split(rows, recipe, notes)
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
    suite = kept.suite if table.modality == "tabular" else with_scale(kept.suite, state["pixel_max"])
    documents = {"preprocessing.json": state, "contract.json": suite, "contract_result.json": kept.result.to_json()}
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


def _cleaned(rows: Rows, kept: Contracted, recipe: Recipe, counts: dict[str, int], notes: list[str]) -> Rows:
    """Without duplicates, and without gaps where the policy is `drop`."""
    options, table = recipe.preprocess, rows.table
    if clashes := conflicts(rows.exact_hash, rows.labels):
        notes.append(f"{counted(clashes, 'row')} share their values with a row of another class")
    alone = kept_of_duplicates(rows.repeated(), options.duplicates, table)
    counts["rows_duplicate"] = int((~alone).sum())
    whole = alone if rows.frame is None else alone & complete_rows(rows.frame, kept.kinds, options.missing)
    counts["rows_dropped"] = int((alone & ~whole).sum())
    return rows.take(whole)


def _split(rows: Rows, recipe: Recipe, notes: list[str]) -> tuple[np.ndarray, int]:
    """Split of each row, and how many rows keep an ancestor's."""
    split = recipe.preprocess.split
    if rows.table.marks is not None and rows.marks is None:
        notes.append(f"split: the source's own split is not used; strategy {split.strategy!r} makes a new one")
    codes, assigned = assign(rows.past, rows.labels, rows.row_hash, rows.marks, split, recipe.seed)
    notes += assigned
    return codes, int((rows.past != NEW).sum())


def _fitted(
    rows: Rows, codes: np.ndarray, kept: Contracted, recipe: Recipe, counts: dict[str, int], notes: list[str]
) -> tuple[Rows, np.ndarray, dict[str, Any]]:
    """The preprocessing state, fitted on training rows alone; and the rows without training rows that are outliers."""
    options = recipe.preprocess
    if rows.frame is None:
        images, own = pictures(rows.table), rows.table.part == 0
        train = (codes == TRAIN) & (own if own.any() else ~own)
        pixel_max = fitted_scale(images, train, recipe.data.image.pixel_max, rows.table.pixel_max)
        return rows, codes, fit_pictures(images, options, pixel_max, resize=recipe.data.image.size is not None)
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
