"""Appended batches: what they may bring, what they need not have, and what they must not move."""

import numpy as np
import pytest

from model_registry.errors import InputError
from tasks.data.dataset import DataSet

SPLITS = ("train", "validation", "test")


def rows_in(data: DataSet) -> int:
    return sum(len(data.split(name).y) for name in SPLITS)


@pytest.mark.parametrize("missing", ["job", "pay"])
def test_prepare_takes_a_batch_whose_drift_is_gaps(prepared, people, tmp_path, missing):
    ancestor = prepared(people(100))
    batch = people(60, seed=7)
    batch.loc[::2, missing] = None
    batch.to_csv(tmp_path / "batch.csv", index=False)
    options = {"data": {"append": ["batch.csv"]}, "inherited_contract": ancestor.contract}
    heir = prepared(people(100), **options)
    assert (heir.card.rows_read, heir.card.rows_quarantined) == (160, 0)
    assert any(f"{missing!r} lacks a value in 50% of the appended rows" in note for note in heir.card.notes)
    again = prepared(people(100), **options | {"inherited_contract": heir.contract})
    assert again.card.rows_quarantined == 0
    with pytest.raises(InputError, match=rf"{missing}: expected a value in every row .*first in rows \[0, 2, 4\] of batch.csv"):
        prepared(people(100), preprocess={"missing": {"numeric": "drop", "categorical": "drop"}}, **options)


def test_prepare_takes_a_batch_without_the_split_column_when_the_split_is_predefined(prepared, people, tmp_path):
    frame = people(100).assign(part=["train"] * 60 + ["validation"] * 20 + ["test"] * 20)
    people(50, seed=7).to_csv(tmp_path / "batch.csv", index=False)
    split = {"strategy": "predefined", "column": "part"}
    data = prepared(frame, data={"append": ["batch.csv"]}, preprocess={"split": split})
    assert (rows_in(data), data.card.rows_quarantined) == (150, 0)
    assert "split: 50 appended rows without a given split are split by class" in data.card.notes
    assert set(frame["pay"][80:]) <= set(data.split("test").raw["pay"])
    for strategy, column in (("group", "part"), ("time", "part")):
        with pytest.raises(InputError, match=r"preprocess.split.column: expected a column of batch.csv. Received: 'part'"):
            prepared(frame, data={"append": ["batch.csv"]}, preprocess={"split": {"strategy": strategy, "column": column}})
    with pytest.raises(InputError, match=r"split\.column: expected a column of rows"):
        prepared(people(50), data={"append": ["batch.csv"]}, preprocess={"split": split})


def test_prepare_learns_a_class_that_only_appended_rows_have(prepared, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", x=rng.random((60, 4)), y=np.arange(60) % 2, classes=["ham", "egg"])
    np.savez(tmp_path / "b.npz", x=rng.random((30, 4)), y=np.repeat(["ham", "spam"], 15))
    data = prepared("a.npz", data={"append": ["b.npz"]})
    assert (data.card.classes, rows_in(data)) == (["ham", "egg", "spam"], 90)
    assert "data: the appended rows bring the classes ['spam']" in data.card.notes
    chosen = prepared("a.npz", data={"append": ["b.npz"], "classes": ["ham", "egg"]})
    assert (chosen.card.classes, rows_in(chosen)) == (["ham", "egg"], 75)


def pictures(path, seed: int, largest: float, dtype) -> None:
    rng = np.random.default_rng(seed)
    np.savez(path, x=(rng.random((60, 4, 4)) * largest).astype(dtype), y=np.arange(60) % 2)


def test_prepare_scales_by_the_source_whatever_is_appended(prepared, tmp_path):
    pictures(tmp_path / "bytes.npz", 0, 255, np.uint8)
    pictures(tmp_path / "floats.npz", 1, 338, np.float32)
    pictures(tmp_path / "ones.npz", 2, 0.9, np.float32)
    alone, more = (prepared("bytes.npz", data={"append": append}) for append in ([], ["floats.npz"]))
    assert alone.preprocessing["pixel_max"] == more.preprocessing["pixel_max"] == 255
    assert more.split("train").x.max() > 1
    assert prepared("ones.npz", data={"append": []}).preprocessing["pixel_max"] == 1


def test_prepare_estimates_a_scale_on_training_rows_and_hands_it_down_with_the_contract(prepared, tmp_path):
    pictures(tmp_path / "a.npz", 0, 200, np.float32)
    pictures(tmp_path / "b.npz", 1, 220, np.float32)
    parent = prepared("a.npz")
    scale = parent.preprocessing["pixel_max"]
    assert scale == pytest.approx(parent.split("train").raw.max())
    heir = prepared("b.npz", data={"append": ["a.npz"]}, inherited_contract=parent.contract)
    assert heir.preprocessing["pixel_max"] == heir.contract["meta"]["bequest"]["pixel_max"] == scale
    stated = prepared("b.npz", data={"image": {"pixel_max": 255}}, inherited_contract=parent.contract)
    assert stated.preprocessing["pixel_max"] == 255
