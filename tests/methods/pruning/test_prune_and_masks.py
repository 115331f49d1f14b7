"""Zeros: as many as asked for, and where they are they stay."""

import json

import numpy as np
import pytest

from tasks.methods.backend import keras
from tasks.methods.fusion.combiners import LinearPool
from tasks.methods.networks.architectures import build
from tasks.methods.networks.fit import FitSettings, fit, predict
from tasks.methods.networks.fuse import fuse_models
from tasks.methods.networks.graph import rename
from tasks.methods.networks.store import load, save
from tasks.methods.networks.surgery import new_head
from tasks.methods.networks.vet import refused
from tasks.methods.pruning.gradual import prune
from tasks.methods.pruning.masks import Masks, kernels, overall, sparsity


@pytest.fixture(scope="module")
def trained(digits):
    model = build("cnn", (8, 8, 1), 10, [24], [8, 12], 0.1, seed=0)
    fit(model, *digits, FitSettings(epochs=12, learning_rate=5e-3, schedule="cosine"))
    return model


@pytest.fixture(scope="module")
def pruned(trained, digits):
    return prune(trained, 0.5, *digits, epochs=3, batch_size=32, learning_rate=3e-3, seed=0)


def two_layers():
    model = build("mlp", (2,), 2, [2], [], 0.0, seed=0)
    model.get_layer("dense_1").set_weights([np.array([[0.0, 1.0], [2.0, 0.0]]), np.ones(2)])
    model.get_layer("head").set_weights([np.array([[1.0, 1.0], [1.0, 0.0]]), np.zeros(2)])
    return model


def test_sparsity_counts_zeros_of_kernels_alone():
    assert sparsity(two_layers()) == {"dense_1": 0.5, "head": 0.25}
    assert overall(two_layers()) == 3 / 8


def test_masks_apply_puts_zeros_back_in_place():
    model = two_layers()
    masks = Masks.of(model)
    model.get_layer("dense_1").set_weights([np.full((2, 2), 5.0), np.ones(2)])
    masks.apply(model)

    np.testing.assert_array_equal(model.get_layer("dense_1").get_weights()[0], [[0, 5], [5, 0]])
    np.testing.assert_array_equal(model.get_layer("dense_1").get_weights()[1], [1, 1])


def test_masks_of_leaves_out_dense_and_untouched_kernels():
    model = two_layers()
    model.get_layer("dense_1").set_weights([np.zeros((2, 2)), np.ones(2)])  # an initial value, not a pattern
    model.get_layer("head").set_weights([np.ones((2, 2)), np.zeros(2)])

    assert len(Masks.of(model)) == 0


def test_masks_refuse_another_network(pruned):
    with pytest.raises(ValueError, match="read them off again"):
        Masks.of(pruned).apply(two_layers())


def test_kernels_refuse_a_name_used_twice():
    towers = [keras.Sequential([keras.layers.Dense(2, name="same")], name=name) for name in ("a", "b")]
    inputs = keras.Input((2,))
    with pytest.raises(ValueError, match="to_functional"):
        kernels(keras.Model(inputs, towers[1](towers[0](inputs))))


@pytest.mark.parametrize(("asked", "epochs", "batch_size"), [(0.5, 1, 600), (0.9, 2, 50)])
def test_prune_reaches_the_asked_sparsity_in_every_kernel(trained, digits, asked, epochs, batch_size):
    found = prune(trained, asked, *digits, epochs=epochs, batch_size=batch_size, learning_rate=1e-3, seed=0)

    assert overall(found) == pytest.approx(asked, abs=0.005)
    for name, fraction in sparsity(found).items():
        assert fraction == pytest.approx(asked, abs=0.5 / kernels(found)[name].shape.num_elements() + 1e-6)


def test_prune_keeps_most_of_the_accuracy_and_leaves_the_original_whole(trained, pruned, digits):
    x, y = digits[1]

    assert (predict(pruned, x).argmax(axis=1) == y).mean() > (predict(trained, x).argmax(axis=1) == y).mean() - 0.1
    assert overall(trained) == 0
    assert [layer.name for layer in pruned.layers] == [layer.name for layer in trained.layers]
    assert refused(json.loads(pruned.to_json())) == []


def test_prune_reports_every_epoch_and_reaches_full_sparsity_before_the_last(trained, digits):
    seen = []
    prune(trained, 0.6, *digits, epochs=3, batch_size=32, learning_rate=1e-3, seed=0, on_epoch=lambda *each: seen.append(each))

    assert [epoch for epoch, _ in seen] == [1, 2, 3]
    assert seen[0][1]["sparsity"] < seen[1][1]["sparsity"] == pytest.approx(0.6, abs=0.005)
    assert seen[2][1]["validation_loss"] > 0


def test_prune_gives_identical_weights_when_seeds_are_equal(trained, pruned, digits):
    again = prune(trained, 0.5, *digits, epochs=3, batch_size=32, learning_rate=3e-3, seed=0)

    assert all(np.array_equal(a, b) for a, b in zip(pruned.get_weights(), again.get_weights(), strict=True))


def test_prune_never_gives_zeros_back(pruned, digits):
    again = prune(pruned, 0.3, *digits, epochs=1, batch_size=32, learning_rate=1e-3, seed=0)

    for name, kernel in kernels(again).items():
        assert (kernel.numpy()[kernels(pruned)[name].numpy() == 0] == 0).all()
    assert overall(again) == pytest.approx(0.5, abs=0.005)


def test_prune_leaves_layers_alone_that_cannot_be_pruned(digits):
    inputs = keras.Input((8, 8, 1))
    hidden = keras.layers.DepthwiseConv2D(3, depth_multiplier=4, name="depthwise")(inputs)
    hidden = keras.layers.BatchNormalization(name="norm")(hidden) * 2.0
    hidden = keras.layers.SeparableConv2D(6, 3, name="separable")(hidden)
    hidden = keras.layers.GlobalAveragePooling2D()(keras.layers.UnitNormalization()(hidden))
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax", name="head")(hidden))
    found = prune(model, 0.5, *digits, epochs=1, batch_size=32, learning_rate=1e-3, seed=0)

    assert sparsity(found) == pytest.approx({"separable": 0.5, "head": 0.5}, abs=0.02)
    assert all((weight != 0).all() for weight in found.get_layer("depthwise").get_weights()[:1])


def test_prune_to_nothing_is_a_plain_copy(trained, digits):
    found = prune(trained, 0.0, *digits, epochs=1, batch_size=32, learning_rate=1e-3, seed=0)

    assert all(np.array_equal(a, b) for a, b in zip(found.get_weights(), trained.get_weights(), strict=True))


@pytest.mark.parametrize("wrong", [{"sparsity": 50}, {"sparsity": 1.0}, {"epochs": 0}, {"batch_size": 0}])
def test_prune_refuses_what_cannot_be(trained, digits, wrong):
    settings = {"sparsity": 0.5, "epochs": 1, "batch_size": 32} | wrong
    with pytest.raises(ValueError, match=next(iter(wrong))):
        prune(trained, train=digits[0], validation=digits[1], learning_rate=1e-3, seed=0, **settings)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_masks_hold_through_fit_and_the_rest_learns(pruned, digits, optimizer):
    model = rename(pruned, "")
    before = {name: kernel.numpy() for name, kernel in kernels(model).items()}
    fit(model, *digits, FitSettings(epochs=2, learning_rate=3e-3, optimizer=optimizer), masks=Masks.of(model))

    for name, kernel in kernels(model).items():
        assert (kernel.numpy()[before[name] == 0] == 0).all()
        assert not np.array_equal(kernel.numpy(), before[name])


def test_without_masks_fit_fills_the_zeros(pruned, digits):
    model = rename(pruned, "")
    fit(model, *digits, FitSettings(epochs=1, learning_rate=1e-3))

    assert overall(model) < 0.4


def test_masks_survive_a_new_head_fusion_renaming_and_saving(pruned, trained, tmp_path):
    heir = new_head(pruned, 4, seed=0)
    save(heir, tmp_path / "heir.keras")
    sparse = {"conv_1", "conv_2", "dense_1"}

    assert set(Masks.of(heir).keep) == set(Masks.of(load(tmp_path / "heir.keras")).keep) == sparse
    assert set(Masks.of(rename(heir, "x_")).keep) == {f"x_{name}" for name in sparse}
    fused = fuse_models([new_head(trained, 4, seed=0), heir], LinearPool([1, 1]))
    assert set(Masks.of(fused).keep) == {f"m1_{name}" for name in sparse}
