"""Quantization-aware training: what was learned is what the flatbuffer computes, and zeros and clusters last into it."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from sklearn.datasets import load_digits

from tasks.methods.backend import keras
from tasks.methods.litert import LiteRunner
from tasks.methods.networks.architectures import build
from tasks.methods.networks.fit import FitSettings, fit
from tasks.methods.networks.predict import predict
from tasks.methods.pruning.masks import kernels
from tasks.methods.quantization.aware import qat
from tasks.methods.quantization.kept import PRESERVE
from tasks.methods.quantization.weights_of import layer_weights

SETTINGS = {"epochs": 1, "batch_size": 32, "learning_rate": 5e-4, "seed": 0}


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    x, y = (data.images / 16).astype(np.float32)[..., np.newaxis], data.target.astype(np.int64)
    return (x[:400], y[:400]), (x[400:600], y[400:600])


@pytest.fixture(scope="module")
def clustered(digits):
    """A trained network whose kernels hold seven values each: multiples of a third of the greatest, many of them zero."""
    model = build("cnn", (8, 8, 1), 10, [16], [6], 0.1, seed=0)
    fit(model, *digits, FitSettings(epochs=12, learning_rate=5e-3))
    for kernel in kernels(model).values():
        step = np.abs(kernel.numpy()).max() / 3
        kernel.assign(np.rint(kernel.numpy() / step) * step)
    return model


@pytest.fixture(scope="module")
def trained(clustered, digits):
    return {preserve: qat(clustered, *digits, **SETTINGS, preserve=preserve) for preserve in PRESERVE}


@pytest.mark.parametrize("preserve", PRESERVE)
def test_qat_gives_integer_arithmetic_and_the_answers_of_its_network(trained, digits, preserve):
    found, x = trained[preserve], digits[1][0]
    interpreter = Interpreter(model_content=found.flatbuffer)
    interpreter.allocate_tensors()
    operations = [each for each in interpreter._get_ops_details() if each["op_name"] != "DELEGATE"]
    floats = [each["op_name"] for each in operations if _is_float(interpreter, each)]
    expected, answers = predict(found.model, x), LiteRunner(found.flatbuffer).run(x)

    assert floats == ["DEQUANTIZE"]
    assert interpreter.get_input_details()[0]["shape_signature"][0] == -1
    assert np.abs(answers - expected).mean() < 0.02
    assert (answers.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.95


def _is_float(interpreter, operation):
    return interpreter._get_tensor_details(operation["outputs"][0], 0)["dtype"] == np.float32


@pytest.mark.parametrize("preserve", ["clusters", "both"])
def test_qat_keeps_the_number_of_values_in_the_flatbuffer(clustered, trained, preserve):
    stored = layer_weights(trained[preserve].flatbuffer, kernels(clustered))

    assert set(stored) == {"conv_1", "dense_1", "head"}
    for name, values in stored.items():
        assert values.dtype == np.int8
        assert len(np.unique(values)) <= len(np.unique(kernels(clustered)[name].numpy())) <= 7
        assert len(np.unique(kernels(trained[preserve].model)[name].numpy())) <= 7


@pytest.mark.parametrize("preserve", ["sparsity", "both"])
def test_qat_keeps_every_zero_in_the_flatbuffer(clustered, trained, preserve):
    for name, values in layer_weights(trained[preserve].flatbuffer, kernels(clustered)).items():
        before = kernels(clustered)[name].numpy()
        assert (before == 0).mean() > 0.2
        assert (values == 0).sum() >= (before == 0).sum()
        assert (kernels(trained[preserve].model)[name].numpy()[before == 0] == 0).all()


def test_qat_that_keeps_nothing_spreads_zeros_and_clusters(clustered, trained):
    for name, values in layer_weights(trained["none"].flatbuffer, kernels(clustered)).items():
        assert len(np.unique(values)) > 7
        assert (values == 0).sum() < (kernels(clustered)[name].numpy() == 0).sum()


def test_qat_trains_centroids_reports_epochs_and_is_reproducible(clustered, trained, digits):
    seen = []
    again = qat(clustered, *digits, **SETTINGS, preserve="both", on_epoch=lambda *each: seen.append(each))

    assert [epoch for epoch, _ in seen] == [1]
    assert seen[0][1]["validation_loss"] > 0
    assert again.flatbuffer == trained["both"].flatbuffer
    assert not np.array_equal(again.model.get_layer("head").get_weights()[0], clustered.get_layer("head").get_weights()[0])


def test_qat_quantizes_a_normalization_behind_a_convolution(digits):
    inputs = keras.Input((8, 8, 1))
    hidden = keras.layers.Conv2D(4, 3, use_bias=False, name="conv")(inputs)
    hidden = keras.layers.ReLU(6.0)(keras.layers.BatchNormalization(name="norm")(hidden))
    hidden = keras.layers.GaussianNoise(0.1)(keras.layers.GlobalAveragePooling2D()(hidden))
    hidden = keras.layers.Dense(10, activation="softmax", name="head")(hidden)
    model = keras.Model(inputs, keras.layers.Rescaling(1.0)(hidden))
    found = qat(model, *digits, **SETTINGS)

    assert {name: str(each.dtype) for name, each in layer_weights(found.flatbuffer, kernels(model)).items()} == {
        "conv": "int8",
        "head": "int8",
    }
    moving = found.model.get_layer("norm").get_weights()[2]
    assert not np.array_equal(moving, model.get_layer("norm").get_weights()[2])
    with pytest.raises(ValueError, match=r"fold a BatchNormalization .*Received: float32 weights"):
        qat(model, *digits, **SETTINGS, preserve="clusters")


def test_qat_refuses_clusters_that_would_not_last(digits):
    inputs = keras.Input((8, 8, 1))
    sides = [keras.layers.Conv2D(2, 3, kernel_initializer=keras.initializers.Constant(1.0), name=name)(inputs) for name in "ab"]
    hidden = keras.layers.Flatten()(keras.layers.Concatenate()(sides))
    seeded = keras.initializers.GlorotUniform(0)
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax", kernel_initializer=seeded, name="head")(hidden))

    with pytest.raises(ValueError, match=r"Concatenate do not. Received: preserve='clusters', and lost in \['a', 'b'\]"):
        qat(model, *digits, **SETTINGS | {"learning_rate": 1e-2}, preserve="clusters")


@pytest.mark.parametrize("layer", [keras.layers.SeparableConv2D(2, 3, name="odd"), keras.layers.LayerNormalization(name="odd")])
def test_qat_names_the_layer_it_cannot_quantize(digits, layer):
    inputs = keras.Input((8, 8, 1))
    hidden = keras.layers.Flatten()(layer(inputs))
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(hidden))

    with pytest.raises(ValueError, match=r"layers that tfmot can quantize.*\bodd\b"):
        qat(model, *digits, **SETTINGS)


@pytest.mark.parametrize("wrong", [{"preserve": "zeros"}, {"epochs": 0}, {"batch_size": 0}])
def test_qat_refuses_what_cannot_be(clustered, digits, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        qat(clustered, *digits, **SETTINGS | wrong)
