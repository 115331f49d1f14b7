"""Taylor scores of channels, against derivatives worked out by hand and by finite differences."""

import numpy as np
import pytest

from tasks.methods.backend import keras
from tasks.methods.pruning.channel_taylor import taylor
from tasks.methods.pruning.channels import prune_channels

layers = keras.layers


def linear():
    """Two hidden channels h = x, softmax over logits [h0 * 1 + h1 * 0, 0]."""
    inputs = keras.Input((2,))
    hidden = layers.Dense(2, use_bias=False, name="hidden")(inputs)
    model = keras.Model(inputs, layers.Dense(2, activation="softmax", use_bias=False, name="head")(hidden))
    model.set_weights([np.eye(2), np.array([[1.0, 0.0], [0.0, 0.0]])])
    return model


def residual():
    inputs = keras.Input((6, 6, 1))
    first = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same", name="first")(inputs))
    second = layers.SeparableConv2D(4, 3, padding="same", name="second")(layers.ReLU()(first))
    hidden = layers.DepthwiseConv2D(3, name="depthwise")(layers.Add()([first, second]))
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(layers.Flatten()(hidden)))


def test_taylor_by_hand():
    x, y = np.array([[np.log(3), 5.0]], np.float32), np.array([1])
    found = taylor(linear(), (x, y), seed=0)

    # p = [3/4, 1/4]; d loss / d logit 0 = 3/4, times log 3 through channel 0. Nobody listens to channel 1.
    np.testing.assert_allclose(found["hidden"], [(0.75 * np.log(3)) ** 2, 0], rtol=1e-6)
    assert prune_channels(linear(), 0.5, score=found).get_layer("hidden").get_weights()[0].tolist() == [[1], [0]]


def test_taylor_is_the_square_of_the_change_when_all_readers_of_a_channel_listen_less():
    keras.utils.set_random_seed(0)
    model = residual()
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 6, 6, 1)).astype(np.float32), rng.integers(0, 3, 20)
    found = taylor(model, (x, y), seed=0)

    def loss():
        return float(np.mean(-np.log(model(x, training=False).numpy().astype(np.float64)[np.arange(20), y])))

    for channel in range(4):
        second, head = model.get_layer("second").depthwise_kernel, model.get_layer("head").kernel
        values, losses = (second.numpy(), head.numpy()), []
        for gate in (0.98, 1.02):
            gates = np.ones(4)
            gates[channel] = gate
            second.assign(values[0] * gates[:, np.newaxis])
            head.assign(values[1] * np.tile(gates, 16)[:, np.newaxis])
            losses.append(loss())
        second.assign(values[0])
        head.assign(values[1])
        assert found["first"][channel] + found["second"][channel] == pytest.approx(
            ((losses[1] - losses[0]) / 0.04) ** 2, rel=0.05
        )


def test_taylor_gives_equal_scores_when_seeds_are_equal_and_changes_nothing():
    model = residual()
    before = model.get_weights()
    rows = np.random.default_rng(1).normal(size=(40, 6, 6, 1)), np.arange(40) % 3
    one, other = taylor(model, rows, seed=3), taylor(model, rows, seed=3)

    assert {name: values.shape for name, values in one.items()} == {"first": (4,), "second": (4,), "head": (3,)}
    assert all(np.array_equal(one[name], other[name]) for name in one)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_taylor_refuses_rows_that_do_not_fit():
    with pytest.raises(ValueError, match="rows"):
        taylor(linear(), (np.zeros((1, 3), np.float32), np.zeros(1)), seed=0)
