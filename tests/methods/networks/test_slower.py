"""Learning rates by distance from the output: the factors, and the steps they lead to."""

import numpy as np
import pytest

from tasks.methods.backend import keras
from tasks.methods.fusion.combiners import LinearPool
from tasks.methods.networks.architectures import build
from tasks.methods.networks.fit import FitSettings, fit
from tasks.methods.networks.fuse import fuse_models
from tasks.methods.networks.slower import slower_below


def shares(model: keras.Model, decay: float) -> dict[str, float]:
    """Layer name -> share, which all of its variables have."""
    found = slower_below(model, decay)
    shares = {layer.name: {found[id(variable)] for variable in layer.weights} for layer in model.layers if layer.weights}
    assert all(len(each) == 1 for each in shares.values())
    return {name: each.pop() for name, each in shares.items()}


def test_share_falls_by_the_decay_with_every_layer_below_the_head():
    model = build("mlp", (3,), 2, [4, 4], [], 0.1, seed=0)
    assert shares(model, 0.5) == {"head": 1.0, "dense_2": 0.5, "dense_1": 0.25}
    assert slower_below(model, 1.0) == {}


def test_members_of_a_fused_network_stand_at_the_same_distance():
    members = [build("mlp", (3,), 2, [4] * depth, [], 0.0, seed=0) for depth in (1, 2)]
    found = shares(fuse_models(members, LinearPool([1, 1])), 0.5)
    assert found == {"m0_head": 1.0, "m1_head": 1.0, "m0_dense_1": 0.5, "m1_dense_2": 0.5, "m1_dense_1": 0.25}


def test_normalisation_learns_as_fast_as_its_layer_and_the_longest_way_counts():
    inputs = keras.Input((4,))
    first = keras.layers.Dense(4, name="first")(inputs)
    norm = keras.layers.BatchNormalization(name="norm")(first)
    inner = keras.layers.Dense(4, name="inner")(norm)
    joined = keras.layers.Add()([norm, inner])  # a way past `inner`
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax", name="head")(joined))
    assert shares(model, 0.1) == pytest.approx({"head": 1.0, "inner": 0.1, "norm": 0.01, "first": 0.01})


def test_nested_network_is_refused_unless_all_layers_learn_alike():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, build("mlp", (3,), 2, [4], [], 0.0, seed=0)(inputs))
    assert slower_below(model, 1.0) == {}
    with pytest.raises(ValueError, match="flatten it with to_functional first"):
        slower_below(model, 0.5)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_one_step_is_as_long_as_the_share_says(optimizer):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 3)).astype(np.float32), np.arange(16) % 2
    steps = []
    for decay in (1.0, 0.25):
        model = build("mlp", (3,), 2, [4, 4], [], 0.0, seed=0)
        before, after = model.get_weights(), []
        settings = FitSettings(epochs=1, batch_size=16, optimizer=optimizer, learning_rate=0.01, decay=decay)
        fit(model, (x, y), (x, y), settings, on_epoch=lambda epoch, log: after.extend(model.get_weights()))  # noqa: B023
        steps.append([now - then for now, then in zip(after, before, strict=True)])
    for alike, slower, share in zip(*steps, [0.0625, 0.0625, 0.25, 0.25, 1, 1], strict=True):
        np.testing.assert_allclose(slower, share * alike, rtol=1e-3, atol=1e-7)
        assert np.abs(slower).max() > 0


@pytest.mark.parametrize("decay", [0.0, -1.0, 1.5])
def test_settings_refuse_a_decay_that_is_no_share(decay):
    with pytest.raises(ValueError, match="Invalid `decay`"):
        FitSettings(decay=decay)
