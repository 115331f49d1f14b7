import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from model_registry.reference import DataRef
from model_registry.versions import Version
from tasks.contest import unseen_rows
from tasks.data.dataset import DataSet


def cells(frame: pd.DataFrame) -> list[tuple]:
    """Each row's values in the two columns that every data set here has."""
    return list(frame[["a", "b"]].itertuples(index=False, name=None))


def learned(data: DataRef) -> set[tuple]:
    """The rows that a data set trains and chooses on."""
    return {row for name in ("train", "validation") for row in cells(DataSet.open(data).split(name).raw)}


def judged(champion: Version, data: DataRef) -> tuple[np.ndarray, str, list[tuple]]:
    """Which test rows count as unseen, the note, and the rows."""
    rows = DataSet.open(data)
    test = rows.split("test")
    unseen, note = unseen_rows(champion, rows, test)
    return unseen, note, cells(test.raw)


def test_unseen_rows_leaves_out_what_the_champion_learned_from_under_other_labels(prepared, registered, measured):
    frame = measured()
    recipe, past = prepared(frame)
    _, data = prepared(frame.assign(label=np.where(frame["b"] > 0, "up", "down")), seed=5)
    unseen, note, rows = judged(registered(recipe, past), data)
    assert unseen.tolist() == [row not in learned(past) for row in rows]
    assert 0 < unseen.sum() < len(unseen)
    assert note == f"{(~unseen).sum()} test rows that trial/1 learned from are left out of the comparison"


def test_unseen_rows_knows_rows_again_when_the_columns_changed(prepared, registered, measured):
    narrow, past = prepared(measured(), data={"drop": ["c"]})
    _, data = prepared(measured(), seed=5)
    unseen, note, rows = judged(registered(narrow, past), data)
    assert unseen.tolist() == [row not in learned(past) for row in rows]
    assert 0 < unseen.sum() < len(unseen)
    assert "left out of the comparison" in note


def test_unseen_rows_leaves_out_what_an_ancestor_of_the_champion_learned_from(prepared, registered, measured):
    first, second = measured(120, seed=1), measured(120, seed=2)
    recipe, past = prepared(first)
    heir, own = prepared(second)
    champion = registered(heir, own, (registered(recipe, past),))
    _, data = prepared(first, seed=5)
    unseen, note, rows = judged(champion, data)
    assert unseen.tolist() == [row not in learned(past) for row in rows]
    assert "test rows that trial/2 learned from are left out" in note


def test_unseen_rows_says_so_when_a_data_set_of_the_family_is_gone_or_damaged(prepared, registered, measured):
    recipe, past = prepared(measured(seed=1))
    heir, own = prepared(measured(seed=2))
    champion = registered(heir, own, (registered(recipe, past),))
    _, data = prepared(measured(seed=3))
    shutil.rmtree(past.uri)
    (Path(own.uri) / "rows.parquet").write_bytes(b"damaged")
    unseen, note, _ = judged(champion, data)
    assert unseen.all()
    assert "rows that trial/1 learned from cannot be told: trial/2 may be flattered" in note
    assert "rows that trial/2 learned from cannot be told: an ancestor's data set cannot be read" in note
