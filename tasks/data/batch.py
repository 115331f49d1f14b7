"""Rows from production, labelled or not, read for feedback."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from model_registry.errors import InputError
from tasks.data.card import DataCard
from tasks.data.columns import Kind, arrays_of, normalised
from tasks.data.contract import enforce
from tasks.data.contract_result import columns_of
from tasks.data.digest import content_digest
from tasks.data.facts import picture_facts
from tasks.data.pixels import fault
from tasks.data.quarantine import quarantined, write_quarantine
from tasks.data.rawtable import RawTable, pictures
from tasks.data.readers.dispatch import read_one
from tasks.data.readers.pictures import PICTURE_TARGET
from tasks.data.readers.request import Request
from tasks.data.readers.source import BUNDLED
from tasks.data.transform import picture_shape, state_of_pictures
from tasks.data.values import as_number
from tasks.data.wording import listed, nearest
from tasks.recipe.data_schema import Image


@dataclass(frozen=True)
class Batch:
    """A batch, without the rows that cannot be used.

    Attributes:
        raw: Features in the card's order, or pictures [n, h, w, c] in the model's size.
        labelled: bool [n]: rows that have a label. Labels often come late, and drift is watched on all rows alike.
        y: int64 [labelled rows], index of the class; None where no row has a label.
        rows_read: Rows in the file.
        rows_quarantined: Rows left out: unreadable, of a broken type, or with a gap the model was prepared without.
        reasons: Reason to number of quarantined rows.
        warnings: Reason to number of rows that stay though they are unlike the training data: out of its range, of a category
            it did not have. They are what drift looks like, so they are not hidden from its detectors.
        fingerprint: sha256 of the file's bytes, or of the folder's names and bytes.
    """

    raw: pd.DataFrame | np.ndarray
    labelled: np.ndarray
    y: np.ndarray | None
    rows_read: int
    rows_quarantined: int
    reasons: dict[str, int]
    warnings: dict[str, int]
    fingerprint: str


def read_batch(
    path: Path,
    dataset_card: DataCard,
    preprocessing: Mapping[str, Any],
    contract: dict[str, Any],
    *,
    quarantine_to: Path | None,
    target: str | None,
) -> Batch:
    """Reads rows of the form that a version was trained on.

    Args:
        path: CSV, Parquet, npz (x[, y]) or folder of pictures (with class folders, or without for unlabelled ones).
        dataset_card: The version's.
        preprocessing: The version's fitted state.
        contract: The version's suite; empty holds nothing.
        quarantine_to: CSV for the rows that cannot be used; written where there are any.
        target: Label column or key, which must then be there; None: the card's, where the batch has it.

    Raises:
        InputError: The file is missing or of another form, a label was not among the training labels, or no row can be used.
    """
    name = str(path)
    if name.startswith(BUNDLED):
        raise InputError(f"{name}: expected a file or folder from production. Received: data that comes with scikit-learn.")
    table = read_one(request_of(name, dataset_card, preprocessing, target), Path())
    labels = _known_labels(table.labels, dataset_card.classes, name)
    seen = _seen(table, dataset_card, preprocessing)
    reasons, warnings, counts = _judged(seen, contract, dataset_card.target)
    told = set(reasons)
    for row, reason in _unusable(seen, preprocessing):
        if row not in told:
            reasons.setdefault(row, []).append(reason)
            counts[reason] += 1
    shown = seen if labels is None else seen.assign(**{dataset_card.target: pd.Series(labels, dtype=object)})
    left_out = quarantined(table, shown, reasons)
    if table.rejected:
        counts["expected a readable picture"] = len(table.rejected)
    if len(left_out) and quarantine_to is not None:
        write_quarantine(left_out, quarantine_to)
    kept = np.setdiff1d(np.arange(len(table)), list(reasons))
    if not len(kept):
        where = "" if quarantine_to is None else f" The rows, with their reasons: {quarantine_to}."
        raise InputError(
            f"{name}: expected rows that can be used. Received: none of {len(left_out)}. {listed(counts, 5)}.{where}"
        )
    known = np.array([label is not None for label in labels[kept]] if labels is not None else [False] * len(kept), dtype=bool)
    names = labels[kept][known] if labels is not None and known.any() else None
    return Batch(
        raw=pictures(table)[kept]
        if table.frame is None
        else normalised(seen.iloc[kept].reset_index(drop=True), _kinds(preprocessing)),
        labelled=known,
        y=None if names is None else np.array([dataset_card.classes.index(name) for name in names], dtype=np.int64),
        rows_read=len(table) + len(table.rejected),
        rows_quarantined=len(left_out),
        reasons=dict(counts.most_common()),
        warnings=warnings,
        fingerprint=content_digest(path),
    )


def request_of(name: str, card: DataCard, preprocessing: Mapping[str, Any], target: str | None) -> Request:
    """What is asked of the reader: the features of the card, pictures as they were read for training."""
    if card.modality == "tabular":
        labels: Literal["required", "optional"] = "optional" if target is None else "required"
        wanted = target or card.target
        return Request(
            name, wanted, features=card.features, image=picture_reading(preprocessing), modality="tabular", labels=labels
        )
    size = preprocessing["size"] if preprocessing["resize"] else None
    image = Image(size=size, channels=preprocessing["channels"], pixel_max=preprocessing["pixel_max"])
    # Without a key of its own the reader looks where labels of pictures are by default: class folders, or the key y.
    key = target or (None if card.target == PICTURE_TARGET else card.target)
    return Request(name, key, image=image, modality="image", labels="optional" if target is None else "required")


def picture_reading(preprocessing: Mapping[str, Any]) -> Image:
    """How the pictures among a table's columns are read, where it has any: as they were for training."""
    column = state_of_pictures(preprocessing)
    return Image() if column is None else Image(column=column["name"], size=column["size"], channels=column["channels"])


def _kinds(preprocessing: Mapping[str, Any]) -> dict[str, Kind]:
    return {column["name"]: column["kind"] for column in preprocessing["columns"]}


def _known_labels(labels: np.ndarray | None, classes: list[str], name: str) -> np.ndarray | None:
    """The labels, once each is found among those of training."""
    strange = sorted({label for label in labels if label is not None} - set(classes)) if labels is not None else []
    if strange:
        raise InputError(
            f"{name}: expected labels among {listed(classes)}, those of training. Received: {listed(strange)}."
            f"{nearest(strange[0], classes)} For new classes, start a recipe that names them and inherits from this version."
        )
    return labels


def _seen(table: RawTable, card: DataCard, preprocessing: Mapping[str, Any]) -> pd.DataFrame:
    """What the contract looks at: features as numbers and text, or the facts of pictures."""
    if table.frame is not None:
        return normalised(table.frame, _kinds(preprocessing))
    images = pictures(table)
    if images.shape[1:] != card.input_shape:
        raise InputError(
            f"{table.parts[0]}: expected pictures of {list(card.input_shape)}. Received: {list(images.shape[1:])}."
        )
    return picture_facts(images)


def _judged(
    seen: pd.DataFrame, contract: dict[str, Any], target: str
) -> tuple[dict[int, list[str]], dict[str, int], Counter[str]]:
    """Holds the rows to the contract.

    Returns:
        Row position to reasons, of rows that cannot stay; reason to number of rows, of those that may and of the others.
    """
    configs = [config for config in contract.get("expectations", []) if target not in columns_of(config)]
    configs = [config for config in configs if config["type"] != "expect_table_columns_to_match_set"]  # the reader saw to it
    result = enforce(seen, {**contract, "expectations": configs})
    reasons = result.rows_failing(("critical",))
    counts, warnings = Counter[str](), {}
    for failure in result.failed_expectations:
        if failure.rows is None:
            warnings[f"{failure.rule}. Received: {failure.found}"] = len(seen)
        elif failure.severity == "critical":
            counts[failure.rule] = len(failure.rows)
        else:
            warnings[failure.rule] = len(failure.rows)
    return reasons, warnings, counts


def _unusable(seen: pd.DataFrame, preprocessing: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """Rows that the transform would refuse."""
    for column in preprocessing.get("columns", []):
        name, cells = column["name"], arrays_of(seen[[column["name"]]])[column["name"]]
        if column["kind"] == "picture":
            why = (fault(cell, picture_shape(column)) for cell in cells)
            yield from ((row, f"{name}: expected a picture as in training") for row, each in enumerate(why) if each)
            continue
        if column["kind"] == "categorical":
            gaps = np.array([cell is None for cell in cells], dtype=bool) & (column["missing"] == "error")
        else:
            numbers, text = as_number(cells)
            yield from ((int(row), f"{name}: expected finite numbers") for row in np.flatnonzero(text | np.isinf(numbers)))
            gaps = np.isnan(numbers) & ~text & (column["fill"] is None)
        yield from (
            (int(row), f"{name}: expected a value, the model was prepared without gaps") for row in np.flatnonzero(gaps)
        )
