"""Heirs: an ancestor's contract holds, and its rows keep their split."""

import numpy as np
import pytest

from model_registry.errors import InputError
from tasks.data.dataset import DataSet

SPLITS = ("train", "validation", "test")


def split_by_hash(data: DataSet) -> dict[int, str]:
    found = data.row_splits()
    return dict(zip(found["row_hash"].tolist(), found["split"].tolist(), strict=True))


def test_prepare_enforces_an_inherited_contract(prepared, people):
    ancestor = prepared(people(200))
    frame = people(100, seed=5)
    frame.loc[:2, "age"] = 900
    frame.loc[3, "job"] = "pilot"
    heir = prepared(frame, inherited_contract=ancestor.contract)
    assert heir.card.rows_quarantined == 4
    assert any("'age' is 900 to 900 in 3 of 100 rows" in note for note in heir.card.notes)
    assert any("new categories ['pilot']" in note for note in heir.card.notes)
    assert heir.preprocessing["columns"][2]["categories"] == ["clerk", "cook", "nurse"]
    with pytest.raises(InputError, match=r"the table breaks its contract(.|\n)*missing columns \['pay'\]"):
        prepared(people(100).drop(columns="pay"), inherited_contract=ancestor.contract)
    with pytest.raises(InputError, match="break the contract"):
        prepared(people(100).assign(age=900), inherited_contract=ancestor.contract)


def test_prepare_lets_appended_rows_move_an_inherited_contract(prepared, tmp_path, people):
    ancestor = prepared(people(100))
    people(50, seed=7).assign(pay=900.0 + np.arange(50)).to_csv(tmp_path / "drifted.csv", index=False)
    heir = prepared(people(100, seed=6), data={"append": ["drifted.csv"]}, inherited_contract=ancestor.contract)
    assert (heir.card.rows_read, heir.card.rows_quarantined) == (150, 0)
    assert any("the contract now allows them" in note for note in heir.card.notes)


def test_prepare_keeps_an_ancestors_rows_in_their_split(prepared):
    ancestor = prepared("bundled:digits", data={"classes": [0, 1, 2], "rows": {"end": 0.6}})
    heir = prepared("bundled:digits", data={"classes": [0, 1, 2, 3]}, held=[ancestor.folder], seed=9)
    past, now = split_by_hash(ancestor), split_by_hash(heir)
    assert heir.card.rows_held == len(past) == sum(now[key] == split for key, split in past.items())
    fresh = [split for key, split in now.items() if key not in past]
    assert {split: round(fresh.count(split) / len(fresh), 1) for split in SPLITS} == {
        "train": 0.6,
        "validation": 0.2,
        "test": 0.2,
    }


def test_prepare_knows_an_ancestors_rows_under_other_labels_and_columns(prepared, people):
    frame = people(150)
    ancestor = prepared(frame)
    renamed = frame.assign(label=np.where(frame["age"] > 30, "adult", "youth"), more=np.arange(150.0))
    for heir in (
        prepared(renamed, data={"drop": ["more"]}, held=[ancestor.folder], seed=3),
        prepared(renamed, held=[ancestor.folder], seed=3),
        prepared(renamed, data={"features": ["age", "pay"]}, held=[ancestor.folder], seed=3),
    ):
        assert heir.card.rows_held == 150
        where = {name: set(map(tuple, heir.split(name).raw[["age", "pay"]].to_numpy().tolist())) for name in SPLITS}
        past = {name: set(map(tuple, ancestor.split(name).raw[["age", "pay"]].to_numpy().tolist())) for name in SPLITS}
        assert where == past


def test_prepare_says_when_an_ancestors_rows_cannot_be_told_apart(prepared, people):
    frame = people(150)
    ancestor = prepared(frame)
    told: list[str] = []
    options = {"held": [ancestor.folder, ancestor.folder], "told": told, "preprocess": {"duplicates": "keep"}}
    heir = prepared(frame, data={"features": ["job"]}, **options)
    assert heir.card.rows_held == 0
    assert told == ["split: rows cannot be compared with those of ['trial']; the columns in common do not tell them apart"]


def test_prepare_trains_on_what_any_ancestor_trained_on(prepared, people):
    frame = people(150)
    ancestors = [prepared(frame, seed=seed) for seed in (1, 2)]
    heir = prepared(frame, held=[ancestor.folder for ancestor in ancestors], seed=3)
    past, now = [split_by_hash(ancestor) for ancestor in ancestors], split_by_hash(heir)
    order = {name: i for i, name in enumerate(SPLITS)}
    assert all(now[key] == min((p[key] for p in past), key=order.get) for key in now)


def test_prepare_joins_new_rows_to_an_ancestors_groups(prepared, people):
    frame = people(100).assign(home=[f"h{i // 5}" for i in range(100)])
    options = {"split": {"strategy": "group", "column": "home"}}
    ancestor = prepared(frame, preprocess=options)
    visitors = people(40, seed=8).assign(home=[f"h{i}" for i in range(40)])
    heir = prepared(visitors, held=[ancestor.folder], preprocess=options, seed=4)
    past = dict(zip(ancestor.groups(), ancestor.row_splits()["split"], strict=True))
    now = dict(zip(heir.groups(), heir.row_splits()["split"], strict=True))
    assert all(now[group] == past[group] for group in set(past) & set(now))


def test_prepare_refuses_an_ancestors_data_set_that_is_gone(prepared, tmp_path):
    with pytest.raises(InputError, match="cannot be kept out of the test"):
        prepared("bundled:iris", held=[tmp_path / "gone"])


def test_prepare_knows_an_ancestors_pictures_in_another_size(prepared):
    ancestor = prepared("bundled:digits", data={"classes": [0, 1]})
    options = {"classes": [0, 1], "image": {"size": [4, 4], "channels": 3}}
    heir = prepared("bundled:digits", data=options, held=[ancestor.folder], inherited_contract=ancestor.contract, seed=5)
    assert heir.card.input_shape == (4, 4, 3)
    assert split_by_hash(heir) == split_by_hash(ancestor)


def test_prepare_stops_when_pictures_have_another_size_than_the_inherited_contract(prepared, tmp_path):
    ancestor = prepared("bundled:digits", data={"classes": [0, 1]})
    np.savez(tmp_path / "p.npz", x=np.ones((20, 9, 9)), y=np.arange(20) % 2)
    with pytest.raises(InputError, match=r"height: expected one of \[8.0\].* 20 of 20 rows, e.g. \['9'\]"):
        prepared("p.npz", inherited_contract=ancestor.contract)


def test_prepare_replaces_a_contract_about_another_kind_of_rows(prepared, people):
    ancestor = prepared("bundled:iris")
    told: list[str] = []
    heir = prepared(people(60), inherited_contract=ancestor.contract, held=[ancestor.folder], told=told)
    assert any("profiled a new one" in note for note in heir.card.notes)
    assert any("cannot be compared" in note for note in told)


def test_prepare_knows_an_ancestors_rows_when_codes_turn_into_numbers(prepared, people):
    frame = people(100).assign(code=["1", "2", "3+", "2"] * 25)
    ancestor = prepared(frame)
    heir = prepared(frame[frame["code"] != "3+"], held=[ancestor.folder], seed=3)
    kinds = [[column["kind"] for column in data.preprocessing["columns"]][-1] for data in (ancestor, heir)]
    assert kinds == ["categorical", "numeric"]
    assert heir.card.rows_held == heir.card.rows == 75
