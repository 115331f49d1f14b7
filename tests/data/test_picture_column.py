"""A table with a column of pictures, from the source to what a network takes."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from model_registry.errors import InputError
from tasks.data.augment import augment_column
from tasks.data.columns import kinds_of
from tasks.data.dataset import DataSet
from tasks.data.digest import source_digest
from tasks.data.pixels import cell_of, pictures_of
from tasks.data.prepare import prepare
from tasks.data.readers import read
from tasks.data.reference import features_of
from tasks.data.transform import feature_names, picture_column, picture_view, transform
from tasks.recipe.data_schema import Augment, Data
from tasks.recipe.schema import Recipe

COUNT = 40


def encoded(picture: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "PNG")
    return content.getvalue()


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (COUNT, 4, 3), dtype=np.uint8)


@pytest.fixture
def table(tmp_path: Path, pictures: np.ndarray) -> pd.DataFrame:
    """A CSV of pictures, a number and a text, and the pictures beside it."""
    (tmp_path / "pics").mkdir()
    for number, picture in enumerate(pictures):
        (tmp_path / "pics" / f"{number}.png").write_bytes(encoded(picture))
    frame = pd.DataFrame(
        {
            "photo": [f"pics/{number}.png" for number in range(COUNT)],
            "age": np.arange(COUNT, dtype=float),
            "job": ["cook", "clerk"] * (COUNT // 2),
            "label": ["a", "a", "b", "b"] * (COUNT // 4),
        }
    )
    frame.to_csv(tmp_path / "rows.csv", index=False)
    return frame


def data(source: str = "rows.csv", **image: object) -> Data:
    return Data.model_validate({"source": source, "target": "label", "image": {"column": "photo"} | image})


def test_paths_of_a_csv_become_pixels_in_the_last_column(table, pictures, tmp_path):
    found = read(data(), tmp_path)
    assert list(found.frame.columns) == ["age", "job", "photo"]
    np.testing.assert_array_equal(pictures_of(found.frame["photo"], (4, 3, 1), "photo")[..., 0], pictures)
    assert kinds_of(found.frame, {}, "rows.csv") == {"age": "numeric", "job": "categorical", "photo": "picture"}


@pytest.mark.parametrize("form", [lambda content: content, lambda content: {"bytes": content, "path": None}])
def test_parquet_may_hold_encoded_pictures(table, pictures, tmp_path, form):
    table.assign(photo=[form(encoded(each)) for each in pictures]).to_parquet(tmp_path / "rows.parquet")
    found = read(data("rows.parquet"), tmp_path)
    np.testing.assert_array_equal(pictures_of(found.frame["photo"], (4, 3, 1), "photo")[..., 0], pictures)


def test_a_column_that_carries_pixels_already_needs_no_name(table, pictures, tmp_path):
    table.assign(photo=[cell_of(each[..., np.newaxis]) for each in pictures]).to_parquet(tmp_path / "rows.parquet")
    found = read(Data.model_validate({"source": "rows.parquet", "target": "label"}), tmp_path)
    np.testing.assert_array_equal(pictures_of(found.frame["photo"], (4, 3, 1), "photo")[..., 0], pictures)


def test_rows_without_a_readable_picture_are_left_out_with_their_reasons(table, tmp_path):
    (tmp_path / "pics" / "1.png").unlink()
    (tmp_path / "pics" / "2.png").write_bytes(b"no picture")
    (tmp_path / "pics" / "3.png").write_bytes(b"")
    table.loc[0, "photo"] = None
    table.to_csv(tmp_path / "rows.csv", index=False)
    found = read(data(), tmp_path)
    assert len(found) == COUNT - 4
    assert found.row[0] == 4
    assert [(bad.row, bad.label) for bad in found.rejected] == [(0, "a"), (1, "a"), (2, "b"), (3, "b")]
    reasons = [bad.reason.removeprefix("photo: expected a readable picture. Received: ") for bad in found.rejected]
    assert reasons[0] == "none"
    assert reasons[1] == "no file 'pics/1.png'"
    assert "cannot identify" in reasons[2]
    assert reasons[3] == "an empty file"


def test_pictures_are_resized_and_coloured_as_asked(table, tmp_path):
    found = read(data(size=[2, 2], channels=3), tmp_path)
    assert found.frame["photo"].iloc[0].startswith("pixels:2x2x3:")


def test_what_can_not_be_read_is_told_by_file_and_column(table, tmp_path):
    (tmp_path / "pics" / "0.png").write_bytes(encoded(np.zeros((9, 9), np.uint8)))
    with pytest.raises(InputError, match=r"rows.csv: column 'photo': expected pictures of one size. .* State data.image.size"):
        read(data(), tmp_path)
    with pytest.raises(InputError, match=r"data.image.column: expected a feature column of rows.csv. Received: 'foto'.*photo"):
        read(data(column="foto"), tmp_path)
    with pytest.raises(InputError, match=r"data.image.column: expected a table, which has columns. Received: 'photo'"):
        read(Data.model_validate({"source": "bundled:digits", "image": {"column": "photo"}}), tmp_path)
    table.assign(photo="nowhere.png").to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(InputError, match=r"expected paths of pictures, relative to .* e.g. photo: .* no file 'nowhere.png'"):
        read(data(), tmp_path)
    cell = cell_of(np.zeros((2, 2, 1), np.uint8))
    table.assign(photo=cell, other=cell).to_parquet(tmp_path / "two.parquet")
    with pytest.raises(InputError, match=r"at most one column of pictures. Received: \['photo', 'other'\]"):
        read(data("two.parquet"), tmp_path)


@pytest.mark.parametrize(
    ("changed", "why"),
    [({"drop": ["photo"]}, "to be a feature"), ({"image": {"column": "photo", "pixel_max": 9.0}}, "no `image.pixel_max`")],
)
def test_a_recipe_that_contradicts_itself_is_refused(changed, why):
    with pytest.raises(ValueError, match=why):
        Data.model_validate({"source": "rows.csv", "target": "label", "image": {"column": "photo"}} | changed)


def test_the_pictures_are_part_of_the_source(table, tmp_path):
    recipe = Recipe.model_validate({"name": "people", "data": data().model_dump()})
    before = source_digest(recipe, tmp_path)
    assert source_digest(recipe, tmp_path) == before
    (tmp_path / "pics" / "7.png").write_bytes(encoded(np.zeros((4, 3), np.uint8)))
    assert source_digest(recipe, tmp_path) != before
    table.assign(photo="../elsewhere.png").to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(InputError, match="column 'photo': expected paths within"):
        source_digest(recipe, tmp_path)


@pytest.fixture
def prepared(table, workspace, tmp_path) -> DataSet:
    recipe = Recipe.model_validate({"name": "people", "data": data().model_dump()})
    return DataSet.open(prepare(recipe, base=tmp_path, out_root=tmp_path / "out"))


def test_a_prepared_row_is_the_columns_and_then_the_pixels(prepared):
    state, train = prepared.preprocessing, prepared.split("train")
    assert prepared.card.features == ["age", "job", "photo"]
    assert picture_view(state) == (3, (4, 3, 1))
    assert picture_column(state) == ("photo", "pixels:4x3x1:")
    assert feature_names(state)[:4] == ["age", "job=clerk", "job=cook", "photo[0,0,0]"]
    assert train.x.shape[1] == 3 + 12
    given = pictures_of(train.raw["photo"], (4, 3, 1), "photo")
    np.testing.assert_allclose(train.x[:, 3:], given.reshape(len(given), -1) / 255, rtol=1e-6)
    broken = {name: train.raw[name].to_numpy() for name in train.raw}
    broken["photo"] = np.array([None] * len(given), dtype=object)
    with pytest.raises(InputError, match="column 'photo': expected a picture in every row"):
        transform(state, broken)


def test_the_contract_holds_pictures_to_their_size(prepared):
    rules = [each for each in prepared.contract["expectations"] if each["kwargs"].get("column") == "photo"]
    assert [each["type"] for each in rules] == [
        "expect_column_to_exist",
        "expect_column_values_to_be_in_type_list",
        "expect_column_values_to_not_be_null",
        "expect_column_values_to_match_regex",
    ]
    assert rules[-1]["kwargs"]["regex"] == "^pixels:4x3x1:"


def test_pictures_are_watched_by_what_they_look_like(prepared):
    features, kinds = features_of(prepared.split("train").raw)
    assert {"age", "job", "photo mean", "photo contrast"} <= set(features)
    assert "photo" not in features
    assert (kinds["job"], kinds["photo mean"]) == ("categorical", "numeric")


def test_augmentation_changes_the_pixels_alone(prepared):
    x = prepared.split("train").x
    changed = augment_column(x, (3, (4, 3, 1)), Augment(noise=0.2), np.random.default_rng(0))
    np.testing.assert_array_equal(changed[:, :3], x[:, :3])
    assert (changed[:, 3:] != x[:, 3:]).any()
    assert changed.shape == x.shape
