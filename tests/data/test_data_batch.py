from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from model_registry.errors import InputError
from tasks.data.batch import read_batch
from tasks.data.transform import transform


def read(data, path, *, quarantine_to=None, target=None):
    return read_batch(path, data.card, data.preprocessing, data.contract, quarantine_to=quarantine_to, target=target)


@pytest.fixture
def trained(prepared, people):
    return prepared(people(150))


def test_read_batch_reads_labelled_and_unlabelled_rows(trained, people, tmp_path):
    frame = people(30, seed=2)
    frame[["label", "job", "pay", "age"]].to_csv(tmp_path / "b.csv", index=False)
    frame.drop(columns="label").to_parquet(tmp_path / "u.parquet")
    frame.assign(label=None).to_csv(tmp_path / "e.csv", index=False)
    labelled, unlabelled, empty = (read(trained, tmp_path / name) for name in ("b.csv", "u.parquet", "e.csv"))
    assert labelled.raw.columns.tolist() == trained.card.features
    assert [trained.card.classes[i] for i in labelled.y] == frame["label"].tolist()
    assert labelled.y.dtype == np.int64
    assert unlabelled.y is None
    assert empty.y is None
    pd.testing.assert_frame_equal(labelled.raw, unlabelled.raw)
    assert (labelled.rows_read, labelled.rows_quarantined, labelled.reasons) == (30, 0, {})
    assert transform(trained.preprocessing, labelled.raw).shape == (30, *trained.card.input_shape)
    assert len({labelled.fingerprint, unlabelled.fingerprint, empty.fingerprint}) == 3


def test_read_batch_quarantines_what_cannot_be_used_and_keeps_what_is_only_strange(trained, people, tmp_path):
    frame = people(30, seed=2).astype({"age": object})
    frame.loc[0, "age"] = "old"
    frame.loc[1, "label"] = None
    frame.loc[2, "pay"] = np.inf
    frame.loc[3, "age"] = 999
    frame.loc[4, "job"] = "pilot"
    frame.loc[5, "pay"] = np.nan
    frame.to_csv(tmp_path / "b.csv", index=False)
    batch = read(trained, tmp_path / "b.csv", quarantine_to=tmp_path / "q" / "out.csv")
    assert (batch.rows_read, batch.rows_quarantined, len(batch.raw), len(batch.y)) == (30, 2, 28, 27)
    assert sorted(batch.reasons.values()) == [1, 1]
    assert batch.raw["age"].dtype == np.float64
    assert 999 in batch.raw["age"].tolist()
    assert sorted(reason.split(":")[0] for reason in batch.warnings) == ["age", "job", "pay", "pay"]
    assert np.isfinite(transform(trained.preprocessing, batch.raw)).all()
    quarantine = pd.read_csv(tmp_path / "q" / "out.csv")
    assert quarantine["__row"].tolist() == [0, 2]


def test_read_batch_quarantines_gaps_when_the_model_was_prepared_without(prepared, people, tmp_path):
    data = prepared(people(100), preprocess={"missing": {"numeric": "error", "categorical": "drop"}})
    frame = people(20, seed=2)
    frame.loc[0, "pay"] = np.nan
    frame.loc[1, "job"] = None
    frame.to_csv(tmp_path / "b.csv", index=False)
    batch = read(data, tmp_path / "b.csv")
    assert batch.reasons == {
        "pay: expected a value, the model was prepared without gaps": 1,
        "job: expected a value, the model was prepared without gaps": 1,
    }


def test_read_batch_keeps_rows_whose_labels_are_late(trained, people, tmp_path):
    frame = people(100, seed=2)
    frame.loc[10:, "label"] = None
    frame = frame.iloc[::-1]
    frame.to_csv(tmp_path / "b.csv", index=False)
    batch = read(trained, tmp_path / "b.csv")
    assert (len(batch.raw), batch.rows_quarantined) == (100, 0)
    assert np.flatnonzero(batch.labelled).tolist() == list(range(90, 100))
    assert [trained.card.classes[i] for i in batch.y] == frame["label"].dropna().tolist()


def test_read_batch_is_unlabelled_when_every_labelled_row_is_quarantined(trained, people, tmp_path):
    frame = people(20, seed=2).astype({"age": object})
    frame.loc[1:, "label"] = None
    frame.loc[0, "age"] = "old"
    frame.to_csv(tmp_path / "b.csv", index=False)
    batch = read(trained, tmp_path / "b.csv")
    assert batch.y is None
    assert (len(batch.raw), int(batch.labelled.sum())) == (19, 0)


def test_read_batch_takes_labels_from_another_column_when_asked(trained, people, tmp_path):
    people(20).rename(columns={"label": "truth"}).to_csv(tmp_path / "b.csv", index=False)
    assert read(trained, tmp_path / "b.csv").y is None
    assert len(read(trained, tmp_path / "b.csv", target="truth").y) == 20
    with pytest.raises(InputError, match=r"expected a column of .*'trooth'. Did you mean 'truth'"):
        read(trained, tmp_path / "b.csv", target="trooth")


def test_read_batch_says_what_is_wrong(trained, people, tmp_path):
    frame = people(20)
    frame.drop(columns="pay").to_csv(tmp_path / "column.csv", index=False)
    frame.assign(label="oldd").to_csv(tmp_path / "label.csv", index=False)
    frame.assign(pay="n/k!").to_csv(tmp_path / "text.csv", index=False)
    with pytest.raises(InputError, match=r"expected a column of .*column.csv. Received: 'pay'"):
        read(trained, tmp_path / "column.csv")
    with pytest.raises(InputError, match=r"labels among \['old', 'young'\].*Received: \['oldd'\].*Did you mean 'old'"):
        read(trained, tmp_path / "label.csv")
    with pytest.raises(InputError, match=r"rows that can be used. Received: none of 20.*pay: expected numbers"):
        read(trained, tmp_path / "text.csv")
    with pytest.raises(InputError, match="nothing there"):
        read(trained, tmp_path / "lable.csv")
    with pytest.raises(InputError, match="a file or folder from production"):
        read(trained, Path("bundled:iris"))


def test_read_batch_reads_arrays_and_folders_of_pictures(prepared, tmp_path):
    data = prepared("bundled:digits", data={"classes": [0, 1]})
    pixels = (data.split("test").raw, data.split("test").y)
    np.savez(tmp_path / "b.npz", x=pixels[0][..., 0], y=pixels[1])
    np.savez(tmp_path / "u.npz", x=pixels[0].astype(np.float32))
    labelled, unlabelled = read(data, tmp_path / "b.npz"), read(data, tmp_path / "u.npz")
    np.testing.assert_array_equal(labelled.y, pixels[1])
    np.testing.assert_array_equal(labelled.raw, pixels[0])
    assert unlabelled.y is None
    for i, name in enumerate(["0", "1", "1"]):
        (tmp_path / "f" / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "loose").mkdir(exist_ok=True)
        for folder in (tmp_path / "f" / name, tmp_path / "loose"):
            Image.fromarray(pixels[0][i, ..., 0]).convert("RGB").save(folder / f"{i}.png")
    (tmp_path / "f" / "1" / "bad.png").write_bytes(b"x")
    folder = read(data, tmp_path / "f", quarantine_to=tmp_path / "q.csv")
    assert folder.raw.shape == (3, 8, 8, 1)
    assert folder.y.tolist() == [0, 1, 1]
    assert (folder.rows_read, folder.rows_quarantined) == (4, 1)
    assert folder.reasons == {"expected a readable picture": 1}
    assert read(data, tmp_path / "loose").y is None
    np.savez(tmp_path / "large.npz", x=np.zeros((2, 9, 9)))
    with pytest.raises(InputError, match=r"expected pictures of \[8, 8, 1\]. Received: \[9, 9, 1\]"):
        read(data, tmp_path / "large.npz")


def test_read_batch_resizes_pictures_when_training_did(prepared, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "p.npz", x=rng.integers(0, 255, (40, 6, 6), dtype=np.uint8), y=np.arange(40) % 2)
    data = prepared("p.npz", data={"image": {"size": [4, 4]}})
    assert read(data, tmp_path / "p.npz").raw.shape == (40, 4, 4, 1)


def test_read_batch_holds_nothing_without_a_contract(trained, people, tmp_path):
    people(20).to_csv(tmp_path / "b.csv", index=False)
    batch = read_batch(tmp_path / "b.csv", trained.card, trained.preprocessing, {}, quarantine_to=None, target=None)
    assert (batch.rows_quarantined, batch.warnings) == (0, {})


def test_read_batch_finds_labels_under_the_key_that_training_named(prepared, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "p.npz", x=rng.random((40, 3, 3)), kind=np.arange(40) % 2)
    data = prepared("p.npz", data={"target": "kind"})
    assert len(read(data, tmp_path / "p.npz").y) == 40
