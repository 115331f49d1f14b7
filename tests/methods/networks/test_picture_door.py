"""A network behind the layers that feed it as it is used to: pictures in [0, 1] go in, and the outputs are its own."""

import json

import numpy as np
import pytest

from tasks.methods.backend import keras
from tasks.methods.litert import LiteRunner
from tasks.methods.networks.picture_door import fed_as_known
from tasks.methods.networks.predict import predict
from tasks.methods.networks.store import load, save
from tasks.methods.networks.surgery import adapt_input, new_head
from tasks.methods.networks.vet import refused
from tasks.methods.picture_input import PictureInput
from tasks.methods.pruning.channels import prune_channels
from tasks.methods.quantization.convert import convert

layers = keras.layers
WANTS = {
    "tf": PictureInput.of_mode("tf"),
    "caffe": PictureInput.of_mode("caffe"),
    "torch": PictureInput.of_mode("torch"),
    "pixels as they are": PictureInput((1.0,), (0.0,)),
}
UNIT = np.random.default_rng(0).random((3, 8, 8, 3), np.float32)


@pytest.fixture(scope="module")
def network():
    inputs = keras.Input((8, 8, 3))
    hidden = layers.ZeroPadding2D(1)(inputs)  # what is put around a picture is put around what the network knows
    hidden = layers.Conv2D(6, 3, activation="relu")(hidden)
    hidden = layers.Conv2D(4, 3, activation="relu")(hidden)
    return keras.Model(inputs, layers.Dense(4, activation="softmax")(layers.Flatten()(hidden)))


@pytest.mark.parametrize("name", list(WANTS))
def test_outputs_are_those_on_what_the_network_knows(network, name, tmp_path):
    wants = WANTS[name]
    expected = predict(network, wants.apply(UNIT))

    fed = fed_as_known(network, wants)

    np.testing.assert_allclose(predict(fed, UNIT), expected, rtol=1e-4, atol=1e-5)
    assert refused(json.loads(fed.to_json())) == []
    save(fed, tmp_path / "kept.keras")
    np.testing.assert_array_equal(predict(load(tmp_path / "kept.keras"), UNIT), predict(fed, UNIT))
    np.testing.assert_allclose(LiteRunner(convert(fed, "float32")).run(UNIT), expected, rtol=1e-3, atol=1e-4)
    assert sum(weight.shape.num_elements() for weight in fed.weights) == network.count_params()  # none in front


@pytest.mark.parametrize("name", ["tf", "caffe"])
def test_the_door_lasts_through_resizing_new_heads_and_fewer_channels(network, name):
    wants = WANTS[name]
    grey = np.random.default_rng(1).random((2, 16, 16, 1), np.float32)
    known = np.repeat(keras.layers.Resizing(8, 8)(grey).numpy(), 3, axis=-1)

    adapted = adapt_input(fed_as_known(network, wants), (16, 16, 1))

    np.testing.assert_allclose(predict(adapted, grey), predict(network, wants.apply(known)), rtol=1e-4, atol=1e-5)
    assert new_head(adapted, 7, seed=0).output_shape == (None, 7)
    smaller = prune_channels(adapted, 0.5)
    assert smaller.count_params() < adapted.count_params()
    assert predict(smaller, grey).shape == (2, 4)


def test_one_number_for_all_serves_a_network_that_takes_pictures_as_rows():
    row = keras.Sequential([layers.Dense(2, input_shape=(12,))])
    x = np.random.default_rng(0).random((2, 2, 2, 3), np.float32)

    fed = adapt_input(fed_as_known(row, WANTS["tf"]), (2, 2, 3))

    np.testing.assert_allclose(predict(fed, x), predict(row, 2 * x.reshape(2, 12) - 1), atol=1e-5)


def test_another_number_of_channels_is_refused(network):
    grey = keras.Sequential([layers.Flatten(input_shape=(8, 8, 1)), layers.Dense(2)])

    with pytest.raises(ValueError, match=r"inputs of shape \[8, 8, 1\]\. Received: one for pictures of 3 channels"):
        fed_as_known(grey, WANTS["torch"])
