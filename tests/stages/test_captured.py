"""Captured rows and labels, as the serving code writes them, to a batch that feedback reads."""

import datetime

import numpy as np
import pandas as pd
import pytest

from deployments.serving import parquet
from model_registry.errors import InputError
from tasks.captured import TRUTH, gather

TODAY = datetime.date(2026, 3, 4)


def write(folder, content):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"part-{len(list(folder.iterdir()))}.parquet").write_bytes(content)


def predictions(captured, day, identity, ages, role="production", name="health"):
    count = len(ages)
    columns = {
        "_request_id": ("string", [identity] * count),
        "_row": ("int64", list(range(count))),
        "_at": ("timestamp", [int(day[-2:]) * 1_000_000] * count),
        "_role": ("string", [role] * count),
        "_label": ("string", ["ill"] * count),
        "_p_ill": ("double", [0.9] * count),
        "age": ("double", ages),
        "job": ("string", ["cook"] * count),
    }
    write(captured / "predictions" / f"name={name}" / f"date={day}" / "version=1", parquet.to_bytes(columns))


def labels(captured, day, at, *given):
    identities, rows, truths = zip(*given, strict=True)
    columns = {
        "_request_id": ("string", identities),
        "_row": ("int64", rows),
        "_at": ("timestamp", [at] * len(given)),
        "_truth": ("string", truths),
    }
    write(captured / "labels" / "name=health" / f"date={day}", parquet.to_bytes(columns))


def test_gather_joins_labels_that_came_late_twice_and_out_of_order(tmp_path):
    predictions(tmp_path, "2026-03-04", "b", [3.0])
    predictions(tmp_path, "2026-03-03", "a", [1.0, None])
    predictions(tmp_path, "2026-03-03", "a", [1.0, None], role="shadow")
    predictions(tmp_path, "2026-03-02", "old", [9.0])
    labels(tmp_path, "2026-03-05", 20, ("a", 1, "well"), ("never seen", 0, "ill"))
    labels(tmp_path, "2026-03-06", 10, ("a", 1, "ill"))  # written later, but given before
    batch = pd.read_parquet(gather(tmp_path, "health", 2, tmp_path / "batches", today=TODAY))
    assert list(batch.columns) == ["age", "job", TRUTH]
    np.testing.assert_array_equal(batch["age"], [1.0, np.nan, 3.0])
    assert [None if pd.isna(each) else each for each in batch[TRUTH]] == [None, "well", None]


def test_gather_keeps_a_column_whose_name_begins_with_an_underscore(tmp_path):
    columns = {
        "_request_id": ("string", ["a"]),
        "_row": ("int64", [0]),
        "_at": ("timestamp", [1]),
        "_role": ("string", ["production"]),
        "_p_ill": ("double", [0.9]),
        "_dose": ("double", [2.0]),
    }
    write(tmp_path / "predictions" / "name=health" / "date=2026-03-04" / "version=1", parquet.to_bytes(columns))
    assert list(pd.read_parquet(gather(tmp_path, "health", 1, tmp_path, today=TODAY)).columns) == ["_dose", TRUTH]


def test_gather_says_so_when_columns_were_not_kept_as_they_came(tmp_path):
    predictions(tmp_path, "2026-03-04", "a", [1.0])
    folder = tmp_path / "predictions" / "name=health" / "date=2026-03-04" / "version=1"
    write(folder, parquet.to_bytes({"_request_id": ("string", ["b"])}, {"withheld": "age,job"}))
    with pytest.raises(InputError, match=r"Received: age,job dropped or hashed\. Serve without --capture-drop"):
        gather(tmp_path, "health", 1, tmp_path, today=TODAY)


def test_gather_gives_the_same_file_for_the_same_rows_and_another_once_a_label_came(tmp_path):
    predictions(tmp_path, "2026-03-04", "a", [1.0])
    first = gather(tmp_path, "health", 1, tmp_path / "batches", today=TODAY)
    assert gather(tmp_path, "health", 1, tmp_path / "batches", today=TODAY) == first
    labels(tmp_path, "2026-03-04", 5, ("a", 0, "ill"))
    assert gather(tmp_path, "health", 1, tmp_path / "batches", today=TODAY) != first


def test_gather_gives_pictures_in_their_shape(tmp_path):
    pictures = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    columns = {
        "_request_id": ("string", ["a", "b"]),
        "_row": ("int64", [0, 0]),
        "_at": ("timestamp", [1, 2]),
        "_role": ("string", ["production"] * 2),
        "image": ("bytes", [each.tobytes() for each in pictures]),
    }
    folder = tmp_path / "predictions" / "name=health" / "date=2026-03-04" / "version=1"
    write(folder, parquet.to_bytes(columns, {"image_shape": "4,3,1"}))
    with np.load(gather(tmp_path, "health", 1, tmp_path / "batches", today=TODAY)) as batch:
        np.testing.assert_array_equal(batch["x"][..., 0], pictures)
        assert batch.files == ["x"]
    labels(tmp_path, "2026-03-04", 5, ("b", 0, "7"))
    with np.load(gather(tmp_path, "health", 1, tmp_path / "batches", today=TODAY)) as batch:
        np.testing.assert_array_equal(batch["x"][..., 0], pictures[1:])
        assert batch[TRUTH].tolist() == ["7"]


def test_gather_says_which_days_stand_where_nothing_was_captured(tmp_path):
    with pytest.raises(InputError, match="none at all"):
        gather(tmp_path, "health", 1, tmp_path / "batches", today=TODAY)
    predictions(tmp_path, "2026-02-01", "a", [1.0])
    with pytest.raises(InputError, match="days up to 2026-02-01"):
        gather(tmp_path, "health", 1, tmp_path / "batches", today=TODAY)
