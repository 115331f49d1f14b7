import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_registry.errors import InputError, IntegrityError
from model_registry.manifest import sha256_of
from model_registry.reference import DataRef
from tasks.data.dataset import DataSet
from tasks.data.prepare import prepare

SPLITS = ("train", "validation", "test")


def rows_in(data: DataSet) -> int:
    return sum(len(data.split(name).y) for name in SPLITS)


def test_prepare_gives_splits_ready_for_a_model(prepared, people):
    data = prepared(people())
    card, train = data.card, data.split("train")
    assert card.features == ["age", "pay", "job"]
    assert card.classes == ["old", "young"]
    assert card.input_shape == train.x.shape[1:] == (5,)
    assert train.x.dtype == np.float32
    assert train.y.dtype == np.int64
    assert train.row_hash.dtype == np.uint64
    assert train.raw.columns.tolist() == card.features
    np.testing.assert_allclose(train.x[:, :2].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(train.x[:, :2].std(axis=0), 1, atol=1e-5)
    for name in SPLITS:
        assert card.counts[name] == {label: int((data.split(name).y == i).sum()) for i, label in enumerate(card.classes)}
    assert rows_in(data) == 120


def test_prepare_accounts_for_every_row(prepared, people):
    frame = people(100).astype({"age": object})
    frame.loc[0, "age"] = "unknown"
    frame.loc[1, "label"] = None
    frame.loc[2, "pay"] = np.nan
    frame = pd.concat([frame, frame.tail(3)], ignore_index=True)
    data = prepared(frame, preprocess={"missing": {"numeric": "drop"}})
    card = data.card
    assert (card.rows_read, card.rows_quarantined, card.rows_duplicate, card.rows_dropped) == (103, 2, 3, 1)
    assert rows_in(data) == card.rows == 97
    quarantine = pd.read_csv(data.folder / "quarantine.csv")
    assert quarantine["__row"].tolist() == [0, 1]
    assert quarantine["__source"].tolist() == ["rows1.csv"] * 2
    assert "age: expected numbers" in quarantine["__reason"][0]
    assert quarantine["age"][0] == "unknown"


def test_prepare_fits_on_training_rows_alone(prepared, people):
    frame = people(60).assign(part=["train"] * 30 + ["validation"] * 15 + ["test"] * 15)
    frame.loc[30:, "age"] += 1000
    frame.loc[30:, "job"] = "pilot"
    data = prepared(frame, preprocess={"split": {"strategy": "predefined", "column": "part"}, "scaling": "minmax"})
    age, job = data.preprocessing["columns"][0], data.preprocessing["columns"][2]
    train = data.split("train")
    assert age["offset"] == frame["age"][:30].min()
    assert job["categories"] == ["clerk", "cook", "nurse"]
    assert (train.x.min(), train.x.max()) == (0.0, 1.0)
    assert data.split("test").x[:, 2:].sum() == 0  # a category not seen in training has no place
    assert data.card.features == ["age", "pay", "job"]


def test_prepare_drops_outliers_of_training_rows_alone(prepared, people):
    frame = people(200, seed=1)
    frame.loc[::10, "pay"] = 9000.0 + np.arange(20)
    data = prepared(frame, preprocess={"outliers": {"method": "drop"}})
    outliers = {name: int((data.split(name).raw["pay"] > 1000).sum()) for name in SPLITS}
    assert outliers["train"] == 0
    assert outliers["validation"] + outliers["test"] == 20 - data.card.rows_dropped > 0


def test_prepare_is_idempotent_and_changes_with_content_seed_and_sections(tmp_path, recipe, people):
    people(60).to_csv(tmp_path / "t.csv", index=False)

    def ref(seed=0, **sections):
        asked = recipe("t.csv", data={"target": "label", **sections.pop("data", {})}, seed=seed, **sections)
        return prepare(asked, base=tmp_path, out_root=tmp_path / "data")

    first = ref()
    stamp = os.stat(Path(first.uri) / "dataset.json").st_mtime_ns
    assert ref() == first
    assert os.stat(Path(first.uri) / "dataset.json").st_mtime_ns == stamp
    others = [ref(seed=1), ref(preprocess={"scaling": "minmax"}), ref(data={"drop": ["job"]})]
    people(61).to_csv(tmp_path / "t.csv", index=False)
    others.append(ref())
    assert len({first.uri, *(other.uri for other in others)}) == 5


def test_prepare_gives_the_same_bytes_again(tmp_path, recipe, people):
    people(60).to_csv(tmp_path / "t.csv", index=False)
    asked = recipe("t.csv", data={"target": "label"})
    refs = [prepare(asked, base=tmp_path, out_root=tmp_path / out) for out in ("one", "two")]
    assert refs[0].sha256 == refs[1].sha256
    assert Path(refs[0].uri).name == DataSet.open(refs[0]).card.fingerprint[:16]


def test_prepare_leaves_nothing_half_written_when_it_fails(tmp_path, recipe, monkeypatch, people):
    people(60).to_csv(tmp_path / "t.csv", index=False)

    def crash(*_):
        raise OSError("disk full")

    monkeypatch.setattr("tasks.data.write.sha256_of", crash)
    with pytest.raises(OSError, match="disk full"):
        prepare(recipe("t.csv", data={"target": "label"}), base=tmp_path, out_root=tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.parametrize("name", ["rows.parquet", "preprocessing.json", "contract.json", "quarantine.csv", "dataset.json"])
def test_open_refuses_changed_files(prepared, name):
    data = prepared("bundled:iris")
    ref = DataRef(uri=str(data.folder), sha256=sha256_of(data.folder / "dataset.json"))
    with (data.folder / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(IntegrityError, match=f"{name}: expected sha256 .* delete"):
        DataSet.open(ref)


def test_open_refuses_a_missing_folder(tmp_path):
    with pytest.raises(IntegrityError, match=r"no such file. Run the recipe again"):
        DataSet.open(DataRef(uri=str(tmp_path), sha256="0"))


def test_prepare_stops_when_too_many_rows_break_the_contract(prepared, tmp_path, people):
    frame = people(100).astype({"age": object})
    frame.loc[:9, "age"] = "unknown"
    with pytest.raises(InputError) as caught:
        prepared(frame)
    message = str(caught.value)
    assert "rows1.csv: 10 of 100 rows (10.0%) break the contract, more than preprocess.contract.max_failing (5.0%)" in message
    assert "age: expected numbers (expect_column_values_to_be_in_type_list)" in message
    assert "e.g. ['unknown'], first in rows [0, 1, 2]" in message
    (written,) = (tmp_path / "data").glob("quarantine-*.csv")
    assert str(written) in message
    assert len(pd.read_csv(written)) == 10
    data = prepared(frame, preprocess={"contract": {"max_failing": 0.1}})
    assert data.card.rows_quarantined == 10


def test_prepare_enforces_the_users_own_suite(prepared, tmp_path, people):
    own = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "age", "max_value": 75}}
    (tmp_path / "mine.json").write_text(json.dumps({"name": "mine", "expectations": [own]}))
    frame = people(100).assign(age=lambda rows: rows["age"].clip(upper=70))
    frame.loc[4, "age"] = 76
    data = prepared(frame, preprocess={"contract": {"path": "mine.json"}})
    assert data.card.rows_quarantined == 1
    assert data.contract["name"] == "mine"
    assert json.loads((data.folder / "contract_result.json").read_text())["failed_expectations"][0]["rows"] == 1
    with pytest.raises(InputError, match=r"no such file. Did you mean 'mine.json'"):
        prepared(frame, preprocess={"contract": {"path": "mime.json"}})


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"missing": {"numeric": "error"}}, "column 'age': expected a finite value in every row"),
        ({"missing": {"categorical": "error"}}, "column 'job': expected a finite value"),
        ({"duplicates": "error"}, r"Received: 1 duplicate, in rows \[60\]"),
    ],
)
def test_prepare_stops_by_policy(prepared, policy, message, people):
    frame = people(60)
    frame.loc[3, ["age", "job"]] = [np.nan, None]
    frame = pd.concat([frame, frame[:1]], ignore_index=True)
    with pytest.raises(InputError, match=message):
        prepared(frame, preprocess=policy)


def test_prepare_fills_gaps_and_quarantines_infinity(prepared, people):
    frame = people(100)
    frame.loc[:29, "pay"] = np.nan
    frame.loc[40, "pay"] = np.inf
    data = prepared(frame)
    assert data.card.rows_quarantined == 1
    assert all(np.isfinite(data.split(name).x).all() for name in SPLITS)


def test_prepare_notes_conflicting_labels_and_keeps_them(prepared, people):
    frame = people(60)
    twin = frame[:1].assign(label="young" if frame["label"][0] == "old" else "old")
    data = prepared(pd.concat([frame, twin], ignore_index=True))
    assert data.card.rows == 61
    assert "2 rows share their values with a row of another class" in data.card.notes


def test_prepare_keeps_rows_of_the_stated_classes_in_order(prepared):
    data = prepared("bundled:iris", data={"classes": ["virginica", "setosa"]})
    assert data.card.classes == ["virginica", "setosa"]
    assert data.card.rows_read == 100
    assert data.contract["meta"]["bequest"]["target"] == "target"


def test_prepare_names_a_class_with_too_few_rows(prepared, people):
    frame = people(60)
    frame.loc[:1, "label"] = "rare"
    with pytest.raises(InputError, match="class 'rare' has no row in the test split, of 2 rows"):
        prepared(frame)


def test_prepare_cuts_by_group_and_by_time(prepared, people):
    frame = people(100).assign(home=np.arange(100) // 4, day=[f"2024-03-{1 + i // 5:02d}" for i in range(100)])
    by_group = prepared(frame, data={"drop": ["day"]}, preprocess={"split": {"strategy": "group", "column": "home"}})
    assert by_group.card.features == ["age", "pay", "job"]
    groups, splits = by_group.groups(), by_group.row_splits()["split"]
    assert all(len(set(splits[groups == group])) == 1 for group in set(groups))
    frame.loc[7, "day"] = "some day"
    by_time = prepared(frame, data={"drop": ["home"]}, preprocess={"split": {"strategy": "time", "column": "day"}})
    assert by_time.card.rows_quarantined == 1
    assert "day: expected a number or a time stamp. Received: some day" in (by_time.folder / "quarantine.csv").read_text()
    latest = frame.set_index(["age", "pay"])["day"]
    days = {name: [latest[tuple(row)] for row in by_time.split(name).raw[["age", "pay"]].to_numpy()] for name in SPLITS}
    assert max(days["train"]) < min(days["validation"]) <= max(days["validation"]) < min(days["test"])


def test_prepare_reads_pictures_and_quarantines_broken_ones(prepared, tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    for i in range(40):
        folder = tmp_path / "pets" / ("cat" if i % 2 else "dog")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (6, 5), dtype=np.uint8)).save(folder / f"{i:02d}.png")
    (tmp_path / "pets" / "cat" / "99.png").write_bytes(b"broken")
    data = prepared("pets", preprocess={"denoise": {"method": "median"}})
    card = data.card
    assert (card.modality, card.input_shape, card.rows_read, card.rows_quarantined) == ("image", (6, 5, 1), 41, 1)
    train = data.split("train")
    assert train.raw.dtype == np.uint8
    assert train.x.shape == (24, 6, 5, 1)
    assert 0 <= train.x.min() < train.x.max() <= 1
    quarantine = pd.read_csv(data.folder / "quarantine.csv")
    assert quarantine["__file"].tolist() == ["cat/99.png"]
    assert "expected a readable picture" in quarantine["__reason"][0]


def test_prepare_uses_an_npz_split_of_its_own(prepared, tmp_path):
    rng = np.random.default_rng(0)
    parts = {f"x_{part}": rng.random((n, 3, 3)).astype(np.float32) for part, n in {"train": 40, "test": 10}.items()}
    labels = {f"y_{part}": np.arange(n) % 2 for part, n in {"train": 40, "test": 10}.items()}
    np.savez(tmp_path / "p.npz", **parts, **labels)
    data = prepared("p.npz", preprocess={"split": {"strategy": "predefined"}})
    assert {name: len(data.split(name).y) for name in SPLITS} == {"train": 32, "validation": 8, "test": 10}
    np.testing.assert_array_equal(np.sort(data.split("test").raw, axis=None), np.sort(parts["x_test"], axis=None))
    fresh = prepared("p.npz")
    assert any("the source's own split is not used" in note for note in fresh.card.notes)


def test_split_refuses_an_unknown_name(prepared):
    with pytest.raises(ValueError, match="Expected one of"):
        prepared("bundled:iris").split("training")
