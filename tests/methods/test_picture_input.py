"""How networks from outside want their pixels: worked by hand, and held against Keras' own functions."""

import numpy as np
import pytest

from tasks.methods.picture_input import PictureInput

UNIT = np.random.default_rng(0).random((2, 3, 4, 3)).astype(np.float32)


def test_a_pixel_by_hand():
    wants = PictureInput((0.5, 2.0, 1.0), (-1.0, 0.0, 10.0), (2, 1, 0))
    pixel = np.array([10.0, 20.0, 30.0]).reshape(1, 1, 1, 3)

    # Channel 0 is the third of the picture: 30 * 0.5 - 1; then 20 * 2; then 10 + 10.
    np.testing.assert_allclose(wants.apply(pixel / 255).ravel(), [14.0, 40.0, 20.0], rtol=1e-6)


def test_the_middle_of_a_range_is_zero_where_a_network_wants_minus_one_to_one():
    wants = PictureInput.of_mode("tf")

    np.testing.assert_allclose(wants.apply(np.array([0.0, 0.5, 1.0]).reshape(3, 1, 1, 1)).ravel(), [-1, 0, 1], atol=1e-6)


@pytest.mark.parametrize("mode", ["tf", "caffe", "torch"])
def test_every_mode_is_what_keras_does(mode):
    from tasks.methods.backend import keras

    expected = keras.applications.imagenet_utils.preprocess_input(UNIT * 255, mode=mode)

    wants = PictureInput.of_mode(mode)

    np.testing.assert_allclose(wants.apply(UNIT), expected, atol=1e-4)
    assert PictureInput.from_json(wants.as_json()) == wants


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        (((1.0, 2.0), (0.0, 0.0, 0.0)), "one number each, or one a channel"),
        (((), (0.0,)), "one number each"),
        (((0.0,), (1.0,)), "a scale other than 0"),
        (((float("nan"),), (1.0,)), "finite"),
        (((1.0,), (0.0,), (0, 0, 1)), "every channel once"),
    ],
)
def test_what_feeds_no_picture_is_refused(parts, why):
    with pytest.raises(ValueError, match=why):
        PictureInput(*parts)


def test_an_unknown_mode_and_other_channels_are_refused():
    with pytest.raises(ValueError, match=r"one of \['tf', 'caffe', 'torch'\]\. Received: mode='keras'"):
        PictureInput.of_mode("keras")
    with pytest.raises(ValueError, match=r"Expected 3 channels\. Received: shape=\[2, 3, 4, 1\]"):
        PictureInput.of_mode("torch").apply(UNIT[..., :1])
