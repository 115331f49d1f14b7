"""What ancestors held: their rows keep the split they had, so that nothing trained on is ever judged on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from model_registry.errors import InputError, IntegrityError
from tasks.data.columns import arrays_of
from tasks.data.dataset import DataSet
from tasks.data.marks import NEW
from tasks.data.rowhash import halves, is_half, label_hash, values_hash
from tasks.data.splits import SPLITS
from tasks.data.values import as_text
from tasks.data.wording import listed

DISTINCT = 0.95  # columns in common tell rows apart where at least this fraction of an ancestor's rows differs in them
APART = "the columns in common do not tell them apart"


@dataclass(frozen=True)
class Held:
    """Which rows ancestors held.

    Attributes:
        codes: int8 [n]: split of each row in the ancestors' data sets, NEW where none held it.
        unlike: Names of the ancestors whose rows cannot be compared with ours.
        strangers: Names of those that have our columns and none of our rows.
    """

    codes: np.ndarray
    unlike: list[str]
    strangers: list[str]

    @property
    def doubts(self) -> list[str]:
        """Notes on ancestors whose rows cannot be told."""
        return [f"split: rows cannot be compared with those of {listed(self.unlike)}; {APART}"] if self.unlike else []

    @property
    def notes(self) -> list[str]:
        """All that is worth a look."""
        if not self.strangers:
            return self.doubts
        return [*self.doubts, f"split: no row is one that {listed(self.strangers)} held, though the columns are the same"]


def held_splits(
    folders: list[Path], frame: pd.DataFrame | None, hashes: np.ndarray, groups: np.ndarray | None
) -> tuple[np.ndarray, list[str]]:
    """Split of each row in the ancestors' data sets, and notes on those that cannot be told; see `held_rows`."""
    held = held_rows(folders, frame, hashes, groups, np.zeros(len(hashes), dtype=np.int64))
    return held.codes, held.doubts


def held_rows(
    folders: list[Path], frame: pd.DataFrame | None, hashes: np.ndarray, groups: np.ndarray | None, part: np.ndarray
) -> Held:
    """Looks rows up in the ancestors' data sets.

    Rows are recognised by their values, whatever their label: a model has seen a row also where it learned another name for it.
    A row that several ancestors held goes to the first of train, validation and test.

    Args:
        folders: The ancestors' data sets.
        frame: Features; None for pictures.
        hashes: uint64 [n]: hash of each picture as read; tables are compared by their features.
        groups: object [n]: group of each row with strategy `group`; else None.
        part: int64 [n]: file that each row comes from.

    Raises:
        InputError: A data set cannot be opened.
    """
    codes = np.full(len(hashes), NEW, dtype=np.int8)
    met: dict[str, bool] = {}  # project with our columns to whether any of its rows is among ours
    unlike: set[str] = set()
    for folder in folders:
        try:
            past = DataSet.at(folder)
        except IntegrityError as error:
            raise InputError(
                f"an ancestor's data set cannot be read, so its rows cannot be kept out of the test: {error}"
            ) from error
        if (past.card.modality == "image") != (frame is None):
            continue  # no row of a table is a picture
        keys, now = _keys(past, frame, hashes, part)
        if now is None:
            unlike.add(past.card.name)
            continue
        splits = _codes(past)
        found = _looked_up(keys, splits, now)
        codes = _first(codes, found)
        if frame is not None and set(past.card.features) == set(frame.columns):
            met[past.card.name] = met.get(past.card.name, False) or bool((found != NEW).any())
        past_groups = past.groups()
        if groups is not None and past_groups is not None:
            codes = np.where(codes == NEW, _looked_up(_text_keys(past_groups), splits, _text_keys(groups)), codes)
    return Held(codes.astype(np.int8), sorted(unlike), sorted(name for name, some in met.items() if not some))


def _keys(
    past: DataSet, frame: pd.DataFrame | None, hashes: np.ndarray, part: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """Hashes of an ancestor's rows and of ours, over the columns in common; None where these cannot tell rows apart.

    Those of tables are made here, because it takes both sides to see which numbers are to be compared as float32.
    """
    features = past.features()
    if features is None or frame is None:
        return past.row_splits()["row_hash"] ^ label_hash(past.labels()), hashes
    before, now = arrays_of(features), arrays_of(frame)
    common = [name for name in before if name in now]
    if not common:
        return np.zeros(0, dtype=np.uint64), None
    for name in common:
        if before[name].dtype != now[name].dtype:
            # A column of codes is text in one file and numbers in another that has no "3+": compared as text.
            before[name], now[name] = as_text(before[name]), as_text(now[name])
    ours = {name: now[name] for name in common}
    rounded = {*halves(ours, part), *(name for name in common if is_half(before[name]))}
    keys = values_hash({name: before[name] for name in common}, rounded)
    told_apart = before.keys() == now.keys() or len(np.unique(keys)) >= DISTINCT * len(keys)
    return keys, values_hash(ours, rounded) if told_apart else None


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
