from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from model_registry.errors import InputError
from tasks import kept_batch
from tasks.data.digest import content_digest
from tasks.data.readers import read
from tasks.kept_batch import batch_key, keep_batch
from tasks.recipe.data_schema import Data


def kept(path: Path, version, target: str | None = None) -> Path:
    return keep_batch(path, content_digest(path), version, target)


@pytest.fixture
def table(prepared, registered, measured):
    """A version trained on a table whose label is `label`."""
    return registered(*prepared(measured()))


@pytest.fixture
def pictures(prepared, registered, tmp_path):
    """A version trained on pictures whose labels are under `labels`."""
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "trained.npz", x=rng.integers(0, 255, (60, 4, 4), dtype=np.uint8), labels=np.arange(60) % 2)
    return registered(*prepared(str(tmp_path / "trained.npz"), data={"target": "labels"}))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_keep_batch_keeps_the_readers_table_under_the_trained_label(table, measured, tmp_path, separator: str):
    frame = measured(20, seed=3).assign(site="north").rename(columns={"label": "truth"})
    frame.assign(label="stale").to_csv(tmp_path / "b.csv", sep=separator, index=False)
    copy = pd.read_parquet(kept(tmp_path / "b.csv", table, "truth"))
    pd.testing.assert_frame_equal(copy, frame.rename(columns={"truth": "label"})[["a", "b", "c", "site", "label"]])


def test_keep_batch_leaves_out_rows_without_a_label(table, measured, tmp_path):
    frame = measured(20, seed=3)
    frame.loc[3:5, "label"] = None
    frame.to_parquet(tmp_path / "b.parquet")
    assert pd.read_parquet(kept(tmp_path / "b.parquet", table))["label"].tolist() == frame["label"].dropna().tolist()


def test_keep_batch_keeps_a_copy_for_each_label_column(table, measured, tmp_path):
    path = tmp_path / "b.csv"
    frame = measured(20, seed=3).rename(columns={"label": "wrong"})
    right = np.where(frame["wrong"] == "high", "low", "high")
    frame.assign(right=right).to_csv(path, index=False)
    first, second = kept(path, table, "wrong"), kept(path, table, "right")
    assert pd.read_parquet(first)["label"].tolist() == frame["wrong"].tolist()
    assert pd.read_parquet(second)["label"].tolist() == right.tolist()
    assert kept(path, table, "right") == second
    keys = [batch_key("0" * 64, table, target) for target in (None, "label", "wrong", "right")]
    assert keys[0] == keys[1] == "0" * 64
    assert len(set(keys)) == 3


def test_keep_batch_keeps_a_table_that_comes_as_arrays(prepared, registered, tmp_path):
    x = np.random.default_rng(0).normal(size=(60, 3))
    np.savez(tmp_path / "trained.npz", x=x, y=np.arange(60) % 2)
    version = registered(*prepared(str(tmp_path / "trained.npz")))
    np.savez(tmp_path / "b.npz", x=x[:10], truth=np.arange(10) % 2)
    copy = kept(tmp_path / "b.npz", version, "truth")
    read_back = read(Data(source=str(tmp_path / "trained.npz"), target="y", append=[str(copy)]), tmp_path)
    np.testing.assert_array_equal(read_back.frame.to_numpy()[60:], x[:10])
    assert read_back.labels.tolist()[60:] == ["0", "1"] * 5


def test_keep_batch_keeps_pictures_with_the_labels_that_were_asked_for(pictures, tmp_path):
    x = np.random.default_rng(1).integers(0, 255, (6, 4, 4), dtype=np.uint8)
    np.savez(tmp_path / "b.npz", x=x, labels=np.zeros(6, dtype=int), y=np.ones(6, dtype=int), classes=["0", "1"])
    for target, label in ((None, "0"), ("labels", "0"), ("y", "1")):
        source = Data(source=str(tmp_path / "trained.npz"), target="labels")
        copy = kept(tmp_path / "b.npz", pictures, target)
        read_back = read(source.model_copy(update={"append": [str(copy)]}), tmp_path)
        np.testing.assert_array_equal(read_back.images[60:, ..., 0], x)
        assert read_back.labels.tolist()[60:] == [label] * 6
        assert read_back.images.dtype == np.uint8


def test_keep_batch_copies_class_folders_as_they_are(pictures, tmp_path):
    for name in ("0", "1"):
        (tmp_path / "b" / name).mkdir(parents=True)
        Image.fromarray(np.full((4, 4), 9, dtype=np.uint8)).save(tmp_path / "b" / name / "p.png")
    copy = kept(tmp_path / "b", pictures)
    assert content_digest(copy) == content_digest(tmp_path / "b")
    assert kept(tmp_path / "b", pictures) == copy


def test_keep_batch_refuses_a_batch_that_was_changed_meanwhile(table, measured, tmp_path):
    measured(20).to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(InputError, match="it was changed meanwhile"):
        keep_batch(tmp_path / "b.csv", "0" * 64, table, None)


def test_keep_batch_refuses_a_batch_without_the_column_that_rows_are_split_by(registered, measured, workspace, tmp_path):
    from tasks.data.prepare import prepare
    from tasks.recipe.schema import Recipe

    measured(60).assign(site=np.arange(60) // 6).to_csv(tmp_path / "rows.csv", index=False)
    split = {"strategy": "group", "column": "site"}
    data = {"source": str(tmp_path / "rows.csv"), "target": "label"}
    recipe = Recipe.model_validate({"name": "grouped", "data": data, "preprocess": {"split": split}})
    version = registered(recipe, prepare(recipe, base=tmp_path, out_root=tmp_path / "data"))
    measured(20, seed=3).to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(InputError, match=r"b\.csv: expected the column 'site', by which the rows of grouped/1 are split"):
        kept(tmp_path / "b.csv", version)


def test_batch_that_could_not_be_written_leaves_nothing(tmp_path):
    def breaks_off(partial: Path) -> None:
        partial.write_bytes(b"half")
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        kept_batch._once(tmp_path / "batches" / "batch.parquet", breaks_off)
    assert list((tmp_path / "batches").iterdir()) == []


def test_batch_that_another_process_kept_meanwhile_is_taken(tmp_path):
    def overtaken(partial: Path) -> None:
        for folder in (partial, tmp_path / "batches" / "batch"):
            folder.mkdir(parents=True)
            (folder / "a.png").write_bytes(b"same")

    kept = kept_batch._once(tmp_path / "batches" / "batch", overtaken)
    assert [path.name for path in kept.parent.iterdir()] == ["batch"]
