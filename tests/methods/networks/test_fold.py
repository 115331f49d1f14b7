"""BatchNormalization folded into kernels: by hand, and the same answers from every kind of layer."""

import json

import numpy as np
import pytest

from tasks.methods.backend import keras
from tasks.methods.networks.fold import fold_batch_normalization, foldable
from tasks.methods.networks.predict import predict
from tasks.methods.networks.vet import refused

layers = keras.layers


def scrambled(model, seed=0):
    """Weights unlike initial ones: statistics that differ, offsets that are not zero."""
    rng = np.random.default_rng(seed)
    model.set_weights(
        [rng.uniform(0.2, 0.9, w.shape) * (1 if w.ndim == 1 else rng.choice([-1, 1], w.shape)) for w in model.get_weights()]
    )
    return model


def norms(model):
    return [layer.name for layer in model.layers if isinstance(layer, layers.BatchNormalization)]


def test_a_normalization_is_folded_by_hand():
    inputs = keras.Input((2,))
    norm = layers.BatchNormalization(epsilon=0.01, name="norm")
    model = keras.Model(inputs, norm(layers.Dense(2, use_bias=False, name="dense")(inputs)))
    model.get_layer("dense").set_weights([np.array([[1.0, 0.0], [2.0, 4.0]])])
    # gamma, beta, mean, variance; standard deviations are 0.5 and 2
    norm.set_weights([np.array([3.0, 1.0]), np.array([1.0, -1.0]), np.array([2.0, 8.0]), np.array([0.24, 3.99])])
    folded = fold_batch_normalization(model)

    kernel, bias = folded.get_layer("dense").get_weights()
    np.testing.assert_allclose(kernel, [[6.0, 0.0], [12.0, 2.0]], rtol=1e-6)
    np.testing.assert_allclose(bias, [1 - 2 * 6, -1 - 8 / 2], rtol=1e-6)
    assert [layer.name for layer in folded.layers[1:]] == ["dense"]
    assert norms(model) == ["norm"]


PICTURES = {
    "conv": lambda: layers.Conv2D(5, 3, use_bias=False),
    "conv_of_groups": lambda: layers.Conv2D(6, 3, groups=3),
    "transposed": lambda: layers.Conv2DTranspose(4, 3),
    "depthwise": lambda: layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False),
    "separable": lambda: layers.SeparableConv2D(4, 3, depth_multiplier=2),
    "dense": lambda: layers.Dense(7),
}


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize("parts", [{}, {"scale": False}, {"center": False}])
def test_outputs_stay_whatever_the_kernel(kind, parts):
    inputs = keras.Input((6, 6, 3))
    hidden = layers.ReLU()(layers.BatchNormalization(**parts)(PICTURES[kind]()(inputs)))
    model = scrambled(keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(hidden))))
    folded = fold_batch_normalization(model)
    x = np.random.default_rng(1).normal(size=(20, 6, 6, 3)).astype(np.float32)

    assert not norms(folded)
    assert refused(json.loads(folded.to_json())) == []
    np.testing.assert_allclose(predict(folded, x), predict(model, x), atol=1e-5)


def test_a_residual_network_keeps_what_cannot_be_folded():
    inputs = keras.Input((8, 8, 2))
    first = layers.Conv2D(4, 3, padding="same", name="first")(inputs)
    read_twice = layers.Conv2D(4, 3, padding="same", name="read_twice")(layers.BatchNormalization(name="a")(first))
    joined = layers.Add()([layers.BatchNormalization(name="b")(read_twice), read_twice])
    active = layers.Conv2D(4, 3, padding="same", activation="relu", name="active")(joined * 2.0)
    shared = layers.Dense(4, name="shared")
    sides = [shared(layers.BatchNormalization(name="c")(active)), shared(joined)]
    normalized = [layers.BatchNormalization(name=f"e{number}")(side) for number, side in enumerate(sides)]
    last = layers.BatchNormalization(name="d")(layers.Subtract()(normalized))
    pooled = layers.GlobalAveragePooling2D()(last)
    model = scrambled(keras.Model(inputs, layers.BatchNormalization(name="f")(layers.Dense(3, name="head")(pooled))))
    folded = fold_batch_normalization(model)
    x = np.random.default_rng(1).normal(size=(20, 8, 8, 2)).astype(np.float32)

    assert foldable(model) == {"first": "a", "head": "f"}
    assert norms(folded) == [name for name in norms(model) if name not in "af"]
    np.testing.assert_allclose(predict(folded, x), predict(model, x), rtol=1e-5, atol=1e-5)


def test_only_the_layers_named_are_folded_into_and_zeros_stay():
    inputs = keras.Input((5,))
    hidden = inputs
    for name in ("one", "two"):
        hidden = layers.BatchNormalization(name=f"norm_{name}")(layers.Dense(4, name=name)(hidden))
    model = scrambled(keras.Model(inputs, hidden))
    kernel, bias = model.get_layer("two").get_weights()
    kernel[1:3] = 0
    model.get_layer("two").set_weights([kernel, bias])

    assert norms(fold_batch_normalization(model, ["two"])) == ["norm_one"]
    np.testing.assert_array_equal(fold_batch_normalization(model).get_layer("two").get_weights()[0] == 0, kernel == 0)


def test_a_normalization_that_goes_on_measuring_is_left():
    inputs = keras.Input((5,))
    model = keras.Model(inputs, layers.BatchNormalization()(layers.Dense(4)(inputs), training=True))
    assert foldable(model) == {}


def test_mobilenet_loses_all_its_normalizations():
    model = keras.applications.MobileNet((32, 32, 3), alpha=0.25, weights=None, classes=3)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    folded = fold_batch_normalization(model)
    x = rng.normal(size=(4, 32, 32, 3)).astype(np.float32)

    assert len(norms(model)) == 27
    assert norms(folded) == []
    np.testing.assert_allclose(predict(folded, x), predict(model, x), atol=1e-5)
