from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Picture

from model_registry.errors import InputError
from tasks.data.readers import read
from tasks.data.readers.dispatch import share
from tasks.recipe.data_schema import Data, Rows

TABLE = "age,job,label\n30,cook,a\n40,clerk,b\n50,,a\n"


def data(source, **options):
    return Data.model_validate({"source": str(source), **options})


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return name


def paint(path: Path, size=(4, 4), mode="L", value=100) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Picture.new(mode, size, value).save(path)


def test_read_gives_features_and_labels_of_a_csv(tmp_path):
    table = read(data(write(tmp_path, "t.csv", TABLE), target="label"), tmp_path)
    assert table.frame.columns.tolist() == ["age", "job"]
    assert table.labels.tolist() == ["a", "b", "a"]
    assert table.row.tolist() == [0, 1, 2]


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_read_finds_the_separator_of_a_csv(tmp_path, mark):
    table = read(data(write(tmp_path, "t.csv", TABLE.replace(",", mark)), target="label"), tmp_path)
    assert table.frame["age"].tolist() == [30, 40, 50]


def test_read_leaves_out_the_row_numbers_that_pandas_writes(tmp_path):
    pd.DataFrame({"age": [1, 2], "label": ["a", "b"]}).to_csv(tmp_path / "t.csv")
    table = read(data("t.csv", target="label"), tmp_path)
    assert table.frame.columns.tolist() == ["age"]
    assert "nameless first column" in table.notes[0]


def test_read_gives_equal_tables_for_csv_and_parquet(tmp_path):
    write(tmp_path, "t.csv", TABLE)
    pd.read_csv(tmp_path / "t.csv").to_parquet(tmp_path / "t.parquet")
    one, other = (read(data(name, target="label"), tmp_path) for name in ("t.csv", "t.parquet"))
    pd.testing.assert_frame_equal(one.frame, other.frame)
    assert one.labels.tolist() == other.labels.tolist()


def test_read_keeps_the_features_asked_for_in_order(tmp_path):
    name = write(tmp_path, "t.csv", TABLE)
    assert read(data(name, target="label", features=["job", "age"]), tmp_path).frame.columns.tolist() == ["job", "age"]
    assert read(data(name, target="label", drop=["job"]), tmp_path).frame.columns.tolist() == ["age"]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {"target": "label"}, "expected rows. Received: an empty file"),
        ("a,label\n", {"target": "label"}, "expected rows. Received: only the columns"),
        (TABLE, {}, r"data.target: expected the label column of t.csv. Received: nothing. Columns: \['age', 'job', 'label'\]"),
        (TABLE, {"target": "lable"}, "Received: 'lable'. Did you mean 'label'"),
        (TABLE, {"target": "label", "features": ["agee"]}, "data.features.*'agee'. Did you mean 'age'"),
        (TABLE, {"target": "label", "drop": ["jobs"]}, "data.drop.*'jobs'. Did you mean 'job'"),
        (TABLE, {"target": "label", "drop": ["job", "age"]}, "at least one column"),
        ("a,a,label\n1,2,x\n", {"target": "label"}, "each column once"),
        ("__split,label\n1,x\n", {"target": "label"}, "begins with '__'"),
        ("a,label\n1,\n2,\n", {"target": "label"}, "column 'label': expected a label in each row. Received: none in 2 rows"),
        ("a,label\n1,0.5\n2,0.7\n", {"target": "label"}, "bequest classifies"),
        ("a,label\n1,x,y\n2,z,y\n", {"target": "label"}, "expected a table with a header line"),
        ("a,label\n1,x\n1,2,3,4\n", {"target": "label"}, "expected a table with a header line"),
        (TABLE, {"target": "label", "modality": "image"}, "data.modality: expected 'tabular'"),
    ],
)
def test_read_says_what_is_wrong_with_a_csv(tmp_path, text, options, message):
    with pytest.raises(InputError, match=message):
        read(data(write(tmp_path, "t.csv", text), **options), tmp_path)


def test_read_names_the_nearest_file_when_there_is_none(tmp_path):
    write(tmp_path, "people.csv", TABLE)
    with pytest.raises(InputError, match=r"peopel.csv: expected a file.*Did you mean 'people.csv'"):
        read(data("peopel.csv", target="label"), tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        read(data("nowhere/people.csv", target="label"), tmp_path)


def test_read_refuses_a_damaged_parquet_file_and_other_encodings(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(InputError, match="readable Parquet file"):
        read(data("t.parquet", target="label"), tmp_path)
    (tmp_path / "t.csv").write_bytes("age,label\n1,käse\n".encode("latin-1"))
    with pytest.raises(InputError, match="expected UTF-8"):
        read(data("t.csv", target="label"), tmp_path)


def test_read_adds_appended_batches_after_the_share(tmp_path):
    write(tmp_path, "t.csv", TABLE)
    write(tmp_path, "u.csv", "more,label,job,age\n9,b,cook,60\n")
    table = read(data("t.csv", target="label", append=["u.csv"], rows={"end": 0.34}), tmp_path)
    assert table.part.tolist() == [0, 1]
    assert table.frame.columns.tolist() == ["age", "job"]
    assert table.frame["age"].tolist()[1] == 60
    assert table.parts == ["t.csv", "u.csv"]
    write(tmp_path, "v.csv", "label,age\nb,60\n")
    with pytest.raises(InputError, match=r"expected a column of v.csv. Received: 'job'"):
        read(data("t.csv", target="label", append=["v.csv"]), tmp_path)


def test_share_cuts_disjoint_parts_that_cover_all_rows():
    parts = [share(101, Rows(start=a, end=b, seed=3)) for a, b in [(0, 0.25), (0.25, 0.6), (0.6, 1)]]
    assert sorted(np.concatenate(parts).tolist()) == list(range(101))
    assert all((np.diff(part) > 0).all() for part in parts)


@pytest.mark.parametrize(
    ("name", "rows", "shape", "classes"),
    [("digits", 1797, (8, 8, 1), 10), ("breast_cancer", 569, (30,), 2), ("wine", 178, (13,), 3), ("iris", 150, (4,), 3)],
)
def test_read_gives_bundled_data(tmp_path, name, rows, shape, classes):
    table = read(data(f"bundled:{name}"), tmp_path)
    assert len(table) == rows
    assert len(set(table.labels)) == classes
    values = table.images if table.frame is None else table.frame.to_numpy()
    assert values.shape[1:] == shape
    assert table.pixel_max == (16.0 if name == "digits" else None)


def test_read_gives_npz_parts_with_their_predefined_split(tmp_path):
    x = np.arange(5 * 4, dtype=np.uint8).reshape(5, 2, 2)
    parts = {"x_train": x[:3], "y_train": [0, 1, 0], "x_val": x[3:4], "y_val": [1], "x_test": x[4:], "y_test": [1]}
    np.savez(tmp_path / "p.npz", **parts, classes=["no", "yes"])
    table = read(data("p.npz"), tmp_path)
    assert table.images.shape == (5, 2, 2, 1)
    assert table.marks.tolist() == ["train"] * 3 + ["validation", "test"]
    assert table.labels.tolist() == ["no", "yes", "no", "yes", "yes"]
    assert table.class_order == ["no", "yes"]


def test_read_gives_a_table_for_npz_rows_of_numbers(tmp_path):
    np.savez(tmp_path / "p.npz", x=np.ones((3, 2)), kind=np.array([[0], [1], [0]]))
    table = read(data("p.npz", target="kind"), tmp_path)
    assert table.frame.columns.tolist() == ["x0", "x1"]
    assert table.labels.tolist() == ["0", "1", "0"]
    assert table.target == "kind"


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((2, 3, 3))}, "expected the key 'y'"),
        ({"X": np.zeros((2, 3, 3)), "y": [0, 1]}, "expected the key 'x'.*Did you mean 'X'"),
        ({"x": np.zeros(2), "y": [0, 1]}, r"expected `x` of shape .*Received: \[2\]"),
        ({"x": np.zeros((2, 1, 3, 3, 1)), "y": [0, 1]}, "expected `x` of shape"),
        ({"x": np.zeros((2, 3, 5, 5)), "y": [0, 1]}, "Move the channels last"),
        ({"x": np.zeros((2, 3, 3)), "y": [0, 1, 0]}, r"expected `y` of shape \[2\]"),
        ({"x": np.zeros((2, 3, 3)), "y": np.eye(2)}, r"expected `y` of shape \[2\]"),
        ({"x": np.zeros((0, 3, 3)), "y": np.zeros(0)}, "expected rows"),
        ({"x": np.full((2, 3, 3), -1.0), "y": [0, 1]}, "pixels from 0 up"),
        ({"x": np.array([["a", "b"]]), "y": [0]}, "expected numbers in `x`"),
        ({"x": np.zeros((2, 3, 3)), "y": [0, 2], "classes": ["a", "b"]}, "labels from 0 to 1"),
        ({"x_train": np.zeros((2, 3, 3)), "y_train": [0, 1]}, "expected the key 'x_test'"),
    ],
)
def test_read_says_what_is_wrong_with_an_npz(tmp_path, arrays, message):
    np.savez(tmp_path / "p.npz", **arrays)
    with pytest.raises(InputError, match=message):
        read(data("p.npz"), tmp_path)


def test_read_never_loads_pickled_objects(tmp_path):
    np.savez(tmp_path / "p.npz", x=np.zeros((2, 3, 3)), y=np.array(["a", None], dtype=object))
    with pytest.raises(InputError, match="pickled Python objects, which bequest never loads"):
        read(data("p.npz"), tmp_path)
    (tmp_path / "q.npz").write_bytes(b"PK not a zip")
    with pytest.raises(InputError, match=r"q.npz"):
        read(data("q.npz"), tmp_path)


def test_read_gives_pictures_of_class_folders_and_rejects_broken_ones(tmp_path):
    paint(tmp_path / "pets" / "cat" / "1.png")
    paint(tmp_path / "pets" / "dog" / "1.jpg")
    paint(tmp_path / "pets" / "dog" / "2.BMP")
    (tmp_path / "pets" / "cat" / "0.png").write_bytes(b"no picture")
    (tmp_path / "pets" / "cat" / "2.png").write_bytes(b"")
    (tmp_path / "pets" / "cat" / "notes.txt").write_text("left alone")
    table = read(data("pets"), tmp_path)
    assert table.images.shape == (3, 4, 4, 1)
    assert table.images.dtype == np.uint8
    assert table.labels.tolist() == ["cat", "dog", "dog"]
    assert table.files.tolist() == ["cat/1.png", "dog/1.jpg", "dog/2.BMP"]
    assert [(bad.file, bad.row, bad.label) for bad in table.rejected] == [("cat/0.png", 0, "cat"), ("cat/2.png", 2, "cat")]
    assert "an empty file" in table.rejected[1].reason


def test_read_takes_the_split_of_train_and_test_folders(tmp_path):
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            paint(tmp_path / "pets" / part / name / "1.png")
    table = read(data("pets"), tmp_path)
    assert sorted(zip(table.marks.tolist(), table.labels.tolist(), strict=True)) == [
        ("test", "cat"),
        ("test", "dog"),
        ("train", "cat"),
        ("train", "dog"),
    ]


def test_read_resizes_pictures_and_converts_channels_when_asked(tmp_path):
    paint(tmp_path / "pets" / "cat" / "1.png", size=(6, 4), mode="RGB", value=(255, 0, 0))
    paint(tmp_path / "pets" / "dog" / "1.png", size=(5, 5))
    with pytest.raises(InputError, match=r"pictures of one size. Received: 4 x 6 \(1\), 5 x 5 \(1\).*data.image.size"):
        read(data("pets"), tmp_path)
    colour = read(data("pets", image={"size": [3, 2]}), tmp_path).images
    assert colour.shape == (2, 3, 2, 3)
    assert colour[0, 0, 0].tolist() == [255, 0, 0]
    grey = read(data("pets", image={"size": [3, 2], "channels": 1}), tmp_path).images
    assert grey[0, 0, 0, 0] == 76  # 0.299 * 255


def test_read_refuses_folders_without_readable_pictures(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="one folder a class"):
        read(data("empty"), tmp_path)
    (tmp_path / "bad" / "cat").mkdir(parents=True)
    (tmp_path / "bad" / "cat" / "1.png").write_bytes(b"x")
    with pytest.raises(InputError, match=r"expected readable pictures. Received: 1 that are not"):
        read(data("bad"), tmp_path)


def test_read_scales_sixteen_bit_grey_down(tmp_path):
    (tmp_path / "p" / "a").mkdir(parents=True)
    Picture.fromarray(np.full((2, 2), 65535, dtype=np.uint16)).save(tmp_path / "p" / "a" / "1.png")
    assert read(data("p"), tmp_path).images.max() == 255


def test_read_resizes_arrays_of_real_numbers(tmp_path):
    np.savez(tmp_path / "p.npz", x=np.full((2, 4, 4, 3), 0.5), y=[0, 1])
    images = read(data("p.npz", image={"size": [2, 3]}), tmp_path).images
    assert images.shape == (2, 2, 3, 3)
    np.testing.assert_allclose(images, 0.5)


def test_read_refuses_table_options_for_pictures(tmp_path):
    with pytest.raises(InputError, match="no columns with pictures"):
        read(data("bundled:digits", drop=["x"]), tmp_path)


def test_read_says_so_when_an_npz_is_a_file_of_another_kind(tmp_path):
    (tmp_path / "rows.npz").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"rows\.npz: expected an \.npz archive.*a file of another kind"):
        read(Data(source="rows.npz"), tmp_path)
