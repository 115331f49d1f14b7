"""The user's file that says how a network was fed."""

import json

import pytest

from model_registry.errors import InputError
from tasks.importing.preprocessing import read_fed
from tasks.methods.picture_input import PictureInput


@pytest.mark.parametrize(
    ("text", "wants"),
    [
        ("mode: torch", PictureInput.of_mode("torch")),
        (json.dumps({"mode": "caffe"}), PictureInput.of_mode("caffe")),
        ("scale: 0.00784313725490196\noffset: -1", PictureInput((0.00784313725490196,), (-1.0,))),
        ("scale: 1\nchannels: bgr", PictureInput((1.0,), (0.0,), (2, 1, 0))),
        ("scale: [1, 2, 3]\noffset: [0, 0, -1e2]", PictureInput((1.0, 2.0, 3.0), (0.0, 0.0, -100.0))),
    ],
)
def test_ways_to_feed_pictures(tmp_path, text, wants):
    (tmp_path / "fed").write_text(text)

    assert read_fed(tmp_path / "fed").pictures == wants


def test_columns_become_a_fitted_state(tmp_path):
    from tasks.data.transform import feature_names

    (tmp_path / "fed").write_text("columns: [{name: height, offset: 170, scale: 10}, {name: weight}]")

    fed = read_fed(tmp_path / "fed")

    assert feature_names(fed.columns) == ["height", "weight"]
    assert [(each["offset"], each["scale"]) for each in fed.columns["columns"]] == [(170.0, 10.0), (0.0, 1.0)]
    fed.require_fits((2,))
    with pytest.raises(InputError, match=r"inputs of shape \[3\]\. Received: 2 columns"):
        fed.require_fits((3,))


def test_a_way_for_three_channels_fits_no_grey_picture(tmp_path):
    (tmp_path / "fed").write_text("mode: torch")
    fed = read_fed(tmp_path / "fed")

    fed.require_fits((None, None, 3))
    for shape in ((8, 8, 1), (3,)):
        with pytest.raises(InputError, match="one for pictures of 3 channels"):
            fed.require_fits(shape)


@pytest.mark.parametrize(
    ("text", "received"),
    [
        ("", "no such keys"),
        ("mode: keras", "mode: 'keras'"),
        ("mode: tf\nscale: 1", "and 1 other keys"),
        ("offset: 1", "scale: None"),
        ("scale: big", "scale: 'big'"),
        ("scale: true", "scale: True"),
        ("scale: 0", "a scale other than 0"),
        ("scale: [1, 2]\noffset: [1, 2, 3]", "one number each, or one a channel"),
        ("scale: 1\nchannels: cmyk", "channels: 'cmyk'"),
        ("mean: 1", "the key 'mean'"),
        ("columns: []", "columns that are no list"),
        ("columns: [{name: a, scale: 0}]", "the column {'name': 'a', 'scale': 0}"),
        ("columns: [{name: a, sigma: 1}]", "the column"),
        ("columns: [{name: a}, {name: a}]", "a column named twice"),
        ("columns: [{name: a}]\nmode: tf", "other keys beside them"),
    ],
)
def test_what_is_wrong_is_told_with_the_ways_there_are(tmp_path, text, received):
    (tmp_path / "fed").write_text(text)

    with pytest.raises(InputError) as error:
        read_fed(tmp_path / "fed")

    assert f"--preprocessing {tmp_path / 'fed'}: expected `mode` (one of ['tf', 'caffe', 'torch'])" in str(error.value)
    assert received in str(error.value)
