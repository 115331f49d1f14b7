"""Quantization-aware training: what was learned is what the flatbuffer computes, and zeros and clusters last into it."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from tasks.methods.backend import keras
from tasks.methods.clustering.cluster import cluster
from tasks.methods.litert import LiteRunner
from tasks.methods.networks.architectures import build
from tasks.methods.networks.fit import FitSettings, fit
from tasks.methods.networks.fold import fold_batch_normalization
from tasks.methods.networks.predict import predict
from tasks.methods.pruning.gradual import prune
from tasks.methods.pruning.masks import kernels
from tasks.methods.quantization.annotate import annotated
from tasks.methods.quantization.aware import qat
from tasks.methods.quantization.kept import PRESERVE, found_in
from tasks.methods.quantization.weights_of import layer_weights

SETTINGS = {"epochs": 1, "batch_size": 32, "learning_rate": 5e-4, "seed": 0}


@pytest.fixture(scope="module")
def clustered(fewer_digits):
    """A trained network whose kernels hold seven values each: multiples of a third of the greatest, many of them zero."""
    model = build("cnn", (8, 8, 1), 10, [16], [6], 0.1, seed=0)
    fit(model, *fewer_digits, FitSettings(epochs=12, learning_rate=5e-3))
    for kernel in kernels(model).values():
        step = np.abs(kernel.numpy()).max() / 3
        kernel.assign(np.rint(kernel.numpy() / step) * step)
    return model


@pytest.fixture(scope="module")
def trained(clustered, fewer_digits):
    return {preserve: qat(clustered, *fewer_digits, **SETTINGS, preserve=preserve) for preserve in PRESERVE}


@pytest.mark.parametrize("preserve", PRESERVE)
def test_qat_gives_integer_arithmetic_and_the_answers_of_its_network(trained, fewer_digits, preserve):
    found, x = trained[preserve], fewer_digits[1][0]
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


def test_qat_trains_centroids_reports_epochs_and_is_reproducible(clustered, trained, fewer_digits):
    seen = []
    again = qat(clustered, *fewer_digits, **SETTINGS, preserve="both", on_epoch=lambda *each: seen.append(each))

    assert [epoch for epoch, _ in seen] == [1]
    assert seen[0][1]["validation_loss"] > 0
    assert again.flatbuffer == trained["both"].flatbuffer
    assert not np.array_equal(again.model.get_layer("head").get_weights()[0], clustered.get_layer("head").get_weights()[0])


def test_qat_quantizes_a_normalization_behind_a_convolution(fewer_digits):
    inputs = keras.Input((8, 8, 1))
    hidden = keras.layers.Conv2D(4, 3, use_bias=False, name="conv")(inputs)
    hidden = keras.layers.ReLU(6.0)(keras.layers.BatchNormalization(name="norm")(hidden))
    hidden = keras.layers.GaussianNoise(0.1)(keras.layers.GlobalAveragePooling2D()(hidden))
    hidden = keras.layers.Dense(10, activation="softmax", name="head")(hidden)
    model = keras.Model(inputs, keras.layers.Rescaling(1.0)(hidden))
    found = qat(model, *fewer_digits, **SETTINGS)

    assert {name: str(each.dtype) for name, each in layer_weights(found.flatbuffer, kernels(model)).items()} == {
        "conv": "int8",
        "head": "int8",
    }
    moving = found.model.get_layer("norm").get_weights()[2]
    assert not np.array_equal(moving, model.get_layer("norm").get_weights()[2])


def normalized(active=False):
    """Normalization behind a convolution, a depthwise one with a bias and a Dense layer, each before a ReLU of its own."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    hidden = keras.layers.Conv2D(6, 3, use_bias=False, name="conv")(inputs)
    hidden = keras.layers.ReLU(6.0)(keras.layers.BatchNormalization(name="norm_1", momentum=0.9)(hidden))
    hidden = keras.layers.DepthwiseConv2D(3, name="depthwise")(hidden)
    hidden = keras.layers.ReLU()(keras.layers.BatchNormalization(name="norm_2", momentum=0.9)(hidden))
    hidden = keras.layers.Dense(16, name="dense", activation="relu" if active else None)(keras.layers.Flatten()(hidden))
    hidden = keras.layers.Activation("relu")(keras.layers.BatchNormalization(name="norm_3", momentum=0.9)(hidden))
    return keras.Model(inputs, keras.layers.Dense(10, activation="softmax", name="head")(hidden))


@pytest.fixture(scope="module")
def folded(fewer_digits):
    """A trained network with its normalization folded, then six values in each kernel, many of them zero."""
    model = normalized()
    fit(model, *fewer_digits, FitSettings(epochs=10, learning_rate=5e-3, patience=10))
    sparse = prune(fold_batch_normalization(model), 0.5, *fewer_digits, 3, 32, 2e-3, 0)
    return cluster(sparse, 6, *fewer_digits, 2, 32, 1e-3, 0)


@pytest.mark.parametrize("preserve", ["none", "both"])
def test_qat_takes_normalization_behind_any_layer(fewer_digits, preserve):
    found = qat(normalized(), *fewer_digits, **SETTINGS, preserve=preserve)
    norms = [layer.name for layer in found.model.layers if isinstance(layer, keras.layers.BatchNormalization)]

    assert norms == (["norm_1"] if preserve == "none" else [])
    x = fewer_digits[1][0]
    np.testing.assert_allclose(LiteRunner(found.flatbuffer).run(x), predict(found.model, x), atol=0.05)


def test_qat_of_a_folded_network_keeps_zeros_and_clusters_in_the_flatbuffer(folded, fewer_digits):
    found = qat(folded, *fewer_digits, **SETTINGS, preserve=found_in(folded))
    stored, (x, y) = layer_weights(found.flatbuffer, kernels(folded)), fewer_digits[1]

    assert found_in(folded) == "both"
    for name, before in kernels(folded).items():
        assert len(np.unique(stored[name])) <= len(np.unique(before.numpy())) <= 6
        assert (stored[name] == 0).sum() >= (before.numpy() == 0).sum() >= 0.45 * stored[name].size
    right = (LiteRunner(found.flatbuffer).run(x).argmax(axis=1) == y).mean()
    assert right > (predict(folded, x).argmax(axis=1) == y).mean() - 0.05


def test_qat_refuses_clusters_that_folding_would_multiply(fewer_digits):
    model = normalized()
    fit(model, *fewer_digits, FitSettings(epochs=1))
    for name in ("conv", "head"):
        kernel = model.get_layer(name).kernel
        kernel.assign(np.sign(kernel.numpy()) * 0.25)
    with pytest.raises(ValueError, match=r"Fold first .*then cluster. Received: clusters in \['conv'\]"):
        qat(model, *fewer_digits, **SETTINGS, preserve="clusters")


def test_qat_refuses_a_normalization_that_it_can_neither_fold_nor_hold(fewer_digits):
    with pytest.raises(ValueError, match=r"BatchNormalization behind one of these.*norm_3"):
        qat(normalized(active=True), *fewer_digits, **SETTINGS)


def test_qat_refuses_weights_that_stay_float(fewer_digits):
    inputs = keras.Input((8, 8, 1))
    hidden = keras.layers.Flatten()(inputs) * np.linspace(0.5, 1.5, 64, dtype=np.float32)[np.newaxis]
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(hidden))
    with pytest.raises(ValueError, match="Received: float32 weights"):
        qat(model, *fewer_digits, **SETTINGS)


@pytest.mark.parametrize("preserve", PRESERVE)
def test_training_sees_the_rounded_weights_of_layers_before_a_relu(fewer_digits, preserve):
    inputs = keras.Input((2,))
    hidden = keras.layers.ReLU()(keras.layers.Dense(2, use_bias=False, name="first")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1, use_bias=False, name="last")(hidden))
    model.get_layer("first").set_weights([np.array([[1.27, 0.0], [0.004, 1.0]])])  # 0.004 is less than half a step of 0.01
    model.get_layer("last").set_weights([np.ones((2, 1))])
    wrapped = annotated(model, preserve, np.ones((4, 2), np.float32))

    assert wrapped(np.array([[0.0, 1.0]], np.float32), training=False).numpy() == pytest.approx(1.0, abs=0.02)
    layer = wrapped.get_layer("quant_first")
    assert len(layer._weight_vars) == 1
    rounded = predict(keras.Model(wrapped.inputs, layer.output), np.array([[0.0, 1.0]], np.float32))
    np.testing.assert_allclose(rounded, [[0.0, 1.0]], atol=6e-3)
    assert rounded[0, 0] == 0


@pytest.mark.parametrize(
    ("kernel", "expected"),
    [
        (np.linspace(-1, 1, 36), "none"),
        (np.where(np.arange(36) % 2, np.linspace(-1, 1, 36), 0), "sparsity"),
        (np.repeat([-1.0, 0.5, 2.0], 12), "clusters"),
        (np.repeat([-1.0, 0.0, 2.0], 12), "both"),
        (np.where(np.arange(36) < 33, 0, np.arange(36)), "sparsity"),  # three weights of three values are no clusters
        (np.zeros(36), "none"),  # an initial value
    ],
)
def test_found_in_reads_zeros_and_clusters_off_the_kernels(kernel, expected):
    model = build("mlp", (4,), 2, [9], [], 0.0, seed=0)
    model.get_layer("dense_1").kernel.assign(kernel.reshape(4, 9))
    assert found_in(model) == expected


def test_qat_refuses_clusters_that_would_not_last(fewer_digits):
    inputs = keras.Input((8, 8, 1))
    sides = [keras.layers.Conv2D(2, 3, kernel_initializer=keras.initializers.Constant(1.0), name=name)(inputs) for name in "ab"]
    hidden = keras.layers.Flatten()(keras.layers.Concatenate()(sides))
    seeded = keras.initializers.GlorotUniform(0)
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax", kernel_initializer=seeded, name="head")(hidden))

    with pytest.raises(ValueError, match=r"Concatenate do not. Received: preserve='clusters', and lost in \['a', 'b'\]"):
        qat(model, *fewer_digits, **SETTINGS | {"learning_rate": 1e-2}, preserve="clusters")


@pytest.mark.parametrize("layer", [keras.layers.SeparableConv2D(2, 3, name="odd"), keras.layers.LayerNormalization(name="odd")])
def test_qat_names_the_layer_it_cannot_quantize(fewer_digits, layer):
    inputs = keras.Input((8, 8, 1))
    hidden = keras.layers.Flatten()(layer(inputs))
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(hidden))

    with pytest.raises(ValueError, match=r"layers that tfmot can quantize.*\bodd\b"):
        qat(model, *fewer_digits, **SETTINGS)


@pytest.mark.parametrize("wrong", [{"preserve": "zeros"}, {"epochs": 0}, {"batch_size": 0}])
def test_qat_refuses_what_cannot_be(clustered, fewer_digits, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        qat(clustered, *fewer_digits, **SETTINGS | wrong)
