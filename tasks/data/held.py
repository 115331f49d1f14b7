"""What ancestors held: their rows keep the split they had, so that nothing trained on is ever judged on."""

from pathlib import Path

import numpy as np
import pandas as pd

from model_registry.errors import InputError, IntegrityError
from tasks.data.columns import arrays_of
from tasks.data.dataset import DataSet
from tasks.data.marks import NEW
from tasks.data.rowhash import label_hash, values_hash
from tasks.data.splits import SPLITS
from tasks.data.values import as_text

DISTINCT = 0.95  # columns in common tell rows apart where at least this fraction of an ancestor's rows differs in them


def held_splits(
    folders: list[Path], frame: pd.DataFrame | None, hashes: np.ndarray, groups: np.ndarray | None
) -> tuple[np.ndarray, list[str]]:
    """Split of each row in the ancestors' data sets.

    Rows are recognised by their values, whatever their label: a model has seen a row also where it learned another name for it.
    A row that several ancestors held goes to the first of train, validation and test.

    Args:
        folders: The ancestors' data sets.
        frame: Features; None for pictures.
        hashes: uint64 [n]: hash of each row's values.
        groups: object [n]: group of each row with strategy `group`; else None.

    Returns:
        int8 [n]: split, NEW where no ancestor held the row; and notes.

    Raises:
        InputError: A data set cannot be opened.
    """
    codes, notes = np.full(len(hashes), NEW, dtype=np.int8), []
    for folder in folders:
        try:
            past = DataSet.at(folder)
        except IntegrityError as error:
            raise InputError(
                f"an ancestor's data set cannot be read, so its rows cannot be kept out of the test: {error}"
            ) from error
        keys, now = _keys(past, frame, hashes)
        if now is None:
            notes.append(
                f"split: rows cannot be compared with those of ancestor {past.card.name!r}; "
                "the columns in common do not tell them apart"
            )
            continue
        splits = _codes(past)
        codes = _first(codes, _looked_up(keys, splits, now))
        past_groups = past.groups()
        if groups is not None and past_groups is not None:
            codes = np.where(codes == NEW, _looked_up(_text_keys(past_groups), splits, _text_keys(groups)), codes)
    return codes.astype(np.int8), notes


def _keys(past: DataSet, frame: pd.DataFrame | None, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Hashes of an ancestor's rows and of ours, over the columns in common; None where these cannot tell rows apart."""
    stored = past.row_splits()["row_hash"] ^ label_hash(past.labels())
    features = past.features()
    if features is None or frame is None:
        return stored, hashes if features is None and frame is None else None
    before, now = arrays_of(features), arrays_of(frame)
    common = [name for name in before if name in now]
    # A column of codes is text in one file and numbers in another that has no "3+": compared as text.
    unlike = [name for name in common if before[name].dtype != now[name].dtype]
    if before.keys() == now.keys() and not unlike:
        return stored, hashes
    if not common:
        return stored, None
    keys, ours = (
        values_hash({name: as_text(columns[name]) if name in unlike else columns[name] for name in common})
        for columns in (before, now)
    )
    told_apart = before.keys() == now.keys() or len(np.unique(keys)) >= DISTINCT * len(keys)
    return keys, ours if told_apart else None


def _codes(past: DataSet) -> np.ndarray:
    names = past.row_splits()["split"]
    return np.select([names == name for name in SPLITS], list(range(len(SPLITS)))).astype(np.int8)


def _looked_up(keys: np.ndarray, codes: np.ndarray, now: np.ndarray) -> np.ndarray:
    """Code of each key of `now` among `keys`, the smallest where there are several; NEW where there is none."""
    order = np.lexsort((codes, keys))
    distinct, first = np.unique(keys[order], return_index=True)
    place = np.searchsorted(distinct, now).clip(max=len(distinct) - 1)
    return np.where(distinct[place] == now, codes[order][first][place], NEW).astype(np.int8)


def _first(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The earlier split of two, NEW counting as none."""
    return np.where(one == NEW, other, np.where(other == NEW, one, np.minimum(one, other)))


def _text_keys(groups: np.ndarray) -> np.ndarray:
    return label_hash([str(group) for group in groups])
