"""Weights without a network: the network is named, nothing is downloaded, and the first layer that differs is told."""

import os
from pathlib import Path

import numpy as np
import pytest

from model_registry.errors import InputError
from tasks.methods.backend import keras
from tasks.methods.networks.formats.applications import Architecture, read_weights
from tasks.methods.networks.formats.read import read
from tasks.methods.networks.predict import predict

SMALL = {"alpha": 0.25, "include_top": False}
X = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> tuple[keras.Model, Path]:
    """A small MobileNet and its weights, in both forms Keras writes."""
    folder = tmp_path_factory.mktemp("weights")
    model = keras.applications.MobileNet((32, 32, 3), weights=None, **SMALL)
    model.save_weights(folder / "old.h5")
    model.save_weights(folder / "new.weights.h5")
    return model, folder


@pytest.mark.parametrize("name", ["old.h5", "new.weights.h5"])
def test_weights_are_those_of_the_network_they_were_saved_from(weights, name):
    model, folder = weights

    found = read_weights(folder / name, Architecture("MobileNet", SMALL, (32, 32, 3)))

    np.testing.assert_array_equal(predict(found.model, X), predict(model, X))


@pytest.mark.parametrize("name", ["old.h5", "new.weights.h5"])
def test_the_first_layer_that_differs_is_named(weights, name):
    _, folder = weights

    with pytest.raises(InputError) as error:
        read_weights(folder / name, Architecture("MobileNet", {**SMALL, "alpha": 0.5}, (32, 32, 3)))

    assert "layer 'conv1': expected weights of the shapes [[3, 3, 3, 16]]. Received: [[3, 3, 3, 8]]" in str(error.value)


def test_layers_too_few_or_too_many_are_named(weights, tmp_path):
    _, folder = weights
    with pytest.raises(InputError, match="that the network has, and the file has not, is 'conv_preds'"):
        read_weights(folder / "old.h5", Architecture("MobileNet", {"alpha": 0.25}, (32, 32, 3)))
    whole = keras.applications.MobileNet((32, 32, 3), alpha=0.25, weights=None, classes=4)
    whole.save_weights(tmp_path / "top.h5")
    with pytest.raises(InputError, match="that the file has, and the network has not, is 'conv_preds'"):
        read_weights(tmp_path / "top.h5", Architecture("MobileNet", SMALL, (32, 32, 3)))


@pytest.mark.parametrize(
    ("architecture", "why"),
    [
        (
            Architecture("MobilNet"),
            r"--architecture MobilNet: expected a network of tf_keras.applications: .* mean MobileNet",
        ),
        (
            Architecture("MobileNet", {"alhpa": 1}),
            r"--set alhpa: expected one of the arguments of MobileNet: .* mean alpha",
        ),
        (Architecture("MobileNet", {"weights": "imagenet"}), "--set weights: expected one of the arguments"),
        (Architecture("MobileNet", {"alpha": 3.0}, (8, 8, 3)), "--architecture MobileNet: cannot be built"),
        (Architecture("ConvNeXtTiny", {}, (32, 32, 3)), "not built into Keras, 'LayerScale'"),
    ],
)
def test_wrong_names_and_arguments_are_told_with_what_is_known(weights, architecture, why):
    with pytest.raises(InputError, match=why):
        read_weights(weights[1] / "old.h5", architecture)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_whole_models_and_weights_alone_are_told_apart(weights, tmp_path):
    _, folder = weights
    keras.Sequential([keras.layers.Dense(2, input_shape=(3,))]).save(tmp_path / "whole.h5")

    with pytest.raises(InputError, match="a whole model with its own configuration"):
        read_weights(tmp_path / "whole.h5", Architecture("MobileNet", SMALL, (32, 32, 3)))
    for name in ("old.h5", "new.weights.h5"):
        with pytest.raises(InputError, match=r"\(weights only\)\. Name the network they belong to, e\.g\. --architecture"):
            read(folder / name)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("MobileNet", "tf"),
        ("InceptionV3", "tf"),
        ("ResNet50", "caffe"),
        ("VGG16", "caffe"),
        ("ResNet50V2", "tf"),
        ("DenseNet121", "torch"),
        ("EfficientNetB0", None),
        ("MobileNetV3Small", None),
    ],
)
def test_how_published_weights_are_fed_is_what_keras_does_itself(name, mode):
    """`None`: pixels as they are."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3)).astype(np.float32)
    expected = pixels if mode is None else keras.applications.imagenet_utils.preprocess_input(pixels.copy(), mode=mode)

    wants = Architecture(name).picture_input()

    np.testing.assert_allclose(wants.apply(pixels / 255), expected, atol=1e-4)


def test_a_network_told_to_leave_pixels_alone_says_nothing_of_how_it_is_fed():
    assert Architecture("MobileNetV3Small", {"include_preprocessing": False}).picture_input() is None


def test_the_published_mobilenet_equals_the_same_weights_saved_as_a_whole_model():
    folder = Path(os.environ.get("BEQUEST_TRIAL_DATA") or "/nowhere") / "models"
    if not folder.is_dir():
        pytest.skip("BEQUEST_TRIAL_DATA names no folder with models")
    whole = read(folder / "mobilenet_025_224_imagenet_no_top_model.h5").model
    x = np.random.default_rng(0).random((2, 224, 224, 3), np.float32)

    found = read_weights(folder / "mobilenet_2_5_224_tf_no_top.h5", Architecture("MobileNet", SMALL, (224, 224, 3)))

    np.testing.assert_array_equal(predict(found.model, x), predict(whole, x))
