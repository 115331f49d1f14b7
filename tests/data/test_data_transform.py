import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from model_registry.errors import InputError
from tasks.data.transform import feature_names, input_names, output_shape, transform

STATE = {
    "format": "bequest-preprocessing",
    "format_version": 1,
    "modality": "tabular",
    "columns": [
        {"name": "age", "kind": "numeric", "fill": 30.0, "fences": [0.0, 100.0], "offset": 40.0, "scale": 10.0},
        {"name": "job", "kind": "categorical", "categories": ["clerk", "cook"], "missing": "category", "fill": None},
        {"name": "town", "kind": "categorical", "categories": ["a", "b"], "missing": "fill", "fill": "b"},
    ],
}
IMAGE = {
    "format": "bequest-preprocessing",
    "format_version": 1,
    "modality": "image",
    "size": [2, 2],
    "channels": 1,
    "pixel_max": 16.0,
    "resize": False,
    "denoise": {"method": "none", "size": 3},
}


def raw(age, job, town):
    return {"age": np.array(age, dtype=object), "job": np.array(job, dtype=object), "town": np.array(town, dtype=object)}


def test_transform_scales_clips_fills_and_encodes():
    x = transform(STATE, raw([50, None, 300], ["cook", None, "pilot"], ["a", None, "b"]))
    np.testing.assert_allclose(
        x,
        [
            [1.0, 0, 1, 0, 1, 0],
            [-1.0, 0, 0, 1, 0, 1],  # filled with 30; missing has a place; filled with b
            [6.0, 0, 0, 0, 0, 1],  # clipped to 100; a category never seen has no place
        ],
    )
    assert x.dtype == np.float32


def test_feature_names_name_every_column_of_the_output():
    assert input_names(STATE) == ["age", "job", "town"]
    assert feature_names(STATE) == ["age", "job=clerk", "job=cook", "job=<missing>", "town=a", "town=b"]
    assert output_shape(STATE) == (6,)
    assert output_shape(IMAGE) == (2, 2, 1)
    assert input_names(IMAGE) == ["image"]


def test_transform_takes_a_data_frame_with_pandas_text():
    frame = pd.DataFrame({"age": [50.0], "job": ["cook"], "town": [None], "more": [1]})
    np.testing.assert_allclose(transform(STATE, frame), [[1.0, 0, 1, 0, 0, 1]])


def test_transform_takes_no_rows():
    assert transform(STATE, raw([], [], [])).shape == (0, 6)
    assert transform(IMAGE, np.zeros((0, 2, 2, 1))).shape == (0, 2, 2, 1)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"age": [1], "job": ["cook"]}, r"Missing: \['town'\]"),
        ({"age": ["old"], "job": ["cook"], "town": ["a"]}, "column 'age': expected finite numbers. Received: 'old' in row 0"),
        ({"age": [1, np.inf], "job": ["cook"] * 2, "town": ["a"] * 2}, "column 'age'.*inf in row 1"),
        ({"age": [[1]], "job": ["cook"], "town": ["a"]}, r"one value a row, shape \[n\]"),
        ({"age": [1, 2], "job": ["cook"], "town": ["a"]}, "as many values in every column"),
        (np.zeros((2, 3)), "by name"),
    ],
)
def test_transform_names_the_column_when_rows_are_wrong(rows, message):
    with pytest.raises(InputError, match=message):
        transform(STATE, rows)


@pytest.mark.parametrize(
    ("column", "message"),
    [({"name": "age", "fill": None}, "column 'age': expected a number"), ({"name": "job", "missing": "error"}, "column 'job'")],
)
def test_transform_refuses_gaps_when_prepared_without(column, message):
    state = {**STATE, "columns": [{**old, **(column if old["name"] == column["name"] else {})} for old in STATE["columns"]]}
    with pytest.raises(InputError, match=message):
        transform(state, raw([None], [None], [None]))


def test_transform_scales_pictures_with_or_without_a_channel_axis():
    pixels = np.array([[[0, 8], [16, 4]]], dtype=np.uint8)
    expected = [[[[0], [0.5]], [[1], [0.25]]]]
    np.testing.assert_allclose(transform(IMAGE, pixels), expected)
    np.testing.assert_allclose(transform(IMAGE, {"image": pixels[..., np.newaxis].tolist()}), expected)


def test_transform_denoises_before_it_scales():
    state = {**IMAGE, "size": [3, 3], "denoise": {"method": "median", "size": 3}}
    pixels = np.zeros((1, 3, 3, 1))
    pixels[0, 1, 1] = 16
    assert transform(state, pixels).max() == 0


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((1, 3, 2)), r"expected pictures of shape \[n, 2, 2, 1\]. Received: \[1, 3, 2\]"),
        (np.zeros((2, 2)), r"Received: \[2, 2\]"),
        (np.full((1, 2, 2), 255), "pixels from 0 to 16"),
        (np.full((1, 2, 2), -1), "pixels from 0 to 16"),
        (np.full((1, 2, 2), np.nan), "finite pixels"),
        (np.full((1, 2, 2), "a"), "pictures of numbers"),
        ({"img": 1}, "expected `image`"),
    ],
)
def test_transform_says_what_is_wrong_with_pictures(pixels, message):
    with pytest.raises(InputError, match=message):
        transform(IMAGE, pixels)


def test_transform_refuses_a_state_of_another_version():
    with pytest.raises(InputError, match=r"version 1. Received: 'bequest-preprocessing' version 2"):
        transform({**STATE, "format_version": 2}, raw([1], ["cook"], ["a"]))


def test_transform_imports_nothing_heavy():
    code = "import sys, tasks.data.transform; print([m for m in sys.modules if '.' not in m])"
    modules = json.loads(subprocess.check_output([sys.executable, "-c", code], text=True).replace("'", '"'))
    assert "numpy" in modules
    assert not {"pandas", "scipy", "PIL", "sklearn", "pydantic", "great_expectations", "tensorflow"} & set(modules)
