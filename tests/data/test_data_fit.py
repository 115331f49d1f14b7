import json

import numpy as np
import pandas as pd
import pytest

from model_registry.errors import InputError
from tasks.data.fit import fit_pictures, fit_table, fitted_scale, largest_pixel
from tasks.data.transform import transform
from tasks.recipe.data_schema import Preprocess


def options(**sections):
    return Preprocess.model_validate(sections)


def numeric(cells, fences=None, **sections):
    fitted = fit_table(pd.DataFrame({"n": cells}), {"n": "numeric"}, options(**sections), {"n": fences})
    return fitted["columns"][0]


def categorical(cells, **missing):
    frame = pd.DataFrame({"c": pd.Series(cells, dtype=object)})
    return fit_table(frame, {"c": "categorical"}, options(missing=missing), {})["columns"][0]


@pytest.mark.parametrize(
    ("scaling", "offset", "scale"), [("standard", 3, np.sqrt(2)), ("minmax", 1, 4), ("robust", 3, 2), ("none", 0, 1)]
)
def test_fit_table_scales_as_asked(scaling, offset, scale):
    column = numeric([1.0, 2, 3, 4, 5], scaling=scaling)
    assert (column["offset"], column["scale"]) == pytest.approx((offset, scale))


@pytest.mark.parametrize("scaling", ["standard", "minmax", "robust"])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e9])
def test_fit_table_keeps_scale_one_for_a_constant(scaling, value):
    assert numeric([value] * 7, scaling=scaling)["scale"] == 1.0


def test_fit_table_scales_tiny_numbers_and_mostly_equal_ones():
    assert numeric([1e-20, 3e-20])["scale"] == pytest.approx(1e-20)
    assert numeric([0.0] * 9 + [1000], scaling="robust")["scale"] == pytest.approx(300)  # falls back on the standard deviation


@pytest.mark.parametrize(("policy", "fill"), [("median", 2.0), ("mean", 4.0), ("zero", 0.0), ("drop", None), ("error", None)])
def test_fit_table_fills_gaps_by_policy(policy, fill):
    cells = [1.0, 2.0, 9.0] if fill is None else [1.0, 2.0, 9.0, np.nan]
    assert numeric(cells, missing={"numeric": policy})["fill"] == fill


def test_fit_table_clips_before_it_scales():
    column = numeric([0.0, 1.0, 100.0], fences=(0.0, 2.0), outliers={"method": "clip"}, scaling="minmax")
    assert (column["fences"], column["scale"]) == ([0.0, 2.0], 2.0)
    assert numeric([0.0, 1.0, 100.0], fences=(0.0, 2.0))["fences"] is None


def test_fit_table_encodes_categories_of_training_rows():
    assert categorical(["b", "a", None, "b"]) == {
        "name": "c", "kind": "categorical", "categories": ["a", "b"], "missing": "category", "fill": None,
    }  # fmt: skip
    assert categorical(["b", "a"])["missing"] == "zeros"
    assert categorical(["b", "a", "b", None], categorical="most_frequent")["fill"] == "b"
    assert categorical(["b", "a", None], categorical="most_frequent")["fill"] == "a"
    assert categorical(["b"], categorical="drop")["missing"] == "error"


def test_fit_table_refuses_columns_without_values_and_free_text():
    with pytest.raises(InputError, match=r"column 'n': expected numbers in the training rows. Received: none"):
        numeric([np.nan, np.nan])
    with pytest.raises(InputError, match="column 'c': expected categories"):
        categorical([None])
    with pytest.raises(InputError, match=r"column 'c': expected at most 1000 categories. Received: 1001"):
        categorical([f"text {i}" for i in range(1001)])


def test_fit_table_gives_plain_json_that_the_transform_takes():
    frame = pd.DataFrame({"n": [1.0, np.nan, 3.0], "c": ["a", None, "b"]})
    state = json.loads(json.dumps(fit_table(frame, {"n": "numeric", "c": "categorical"}, options(), {}), allow_nan=False))
    np.testing.assert_allclose(transform(state, frame)[:, 1:], [[1, 0, 0], [0, 0, 1], [0, 1, 0]])


def test_largest_pixel_is_stated_given_or_seen():
    floats = np.array([[0.5, 7.0, np.nan]])
    assert largest_pixel(floats, 3.0, 16.0) == 3
    assert largest_pixel(floats, None, 16.0) == 16
    assert largest_pixel(floats, None, None) == 7
    assert largest_pixel(floats / 10, None, None) == 1
    assert largest_pixel(np.array([[3]], dtype=np.uint8), None, None) == 255


def test_fitted_scale_is_estimated_on_training_rows_and_fits_every_row():
    images = np.array([2.0, 3.0, 3.9]).reshape(3, 1, 1, 1)
    train = np.array([True, True, False])
    assert fitted_scale(images, train, None, None) == 3
    assert fitted_scale(images * [[[[1]]], [[[1]]], [[[10]]]], train, None, None) == 26  # 39 passes 26 by SCALE_SLACK
    assert fitted_scale(images, train, 5.0, 16.0) == 5
    assert fitted_scale(images, train, None, 16.0) == 16


def test_fit_pictures_remembers_form_and_denoising():
    state = fit_pictures(np.zeros((2, 4, 5, 3)), options(denoise={"method": "median", "size": 5}), 255, resize=True)
    assert state["size"] == [4, 5]
    assert (state["channels"], state["pixel_max"], state["resize"]) == (3, 255.0, True)
    assert state["denoise"] == {"method": "median", "size": 5}
