"""Networks merged: statistics measured anew, zeros kept, the members left alone, and strangers refused."""

import numpy as np
import pytest

from tasks.methods.backend import keras
from tasks.methods.fusion.merging.mergers import mergers
from tasks.methods.fusion.merging.run import merge
from tasks.methods.fusion.merging.symmetries import units_of
from tasks.methods.metrics.log_loss import log_loss
from tasks.methods.networks.batch_statistics import recalibrate
from tasks.methods.networks.fit import FitSettings, fit
from tasks.methods.networks.graph import to_functional
from tasks.methods.networks.predict import predict
from tasks.methods.pruning.masks import Masks, overall

layers = keras.layers
ORDER = [2, 0, 1]


def mlp(seed=0):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((8, 8, 1), name="picture")
    hidden = layers.Dense(16, activation="relu", name="dense")(layers.Flatten(name="flat")(inputs))
    return keras.Model(inputs, layers.Dense(10, activation="softmax", name="head")(hidden), name="mlp")


def cnn(seed=0):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((8, 8, 1), name="picture")
    hidden = layers.Conv2D(8, 3, strides=2, use_bias=False, name="conv")(inputs)
    hidden = layers.ReLU(name="relu")(layers.BatchNormalization(name="norm", momentum=0.8)(hidden))
    hidden = layers.Dropout(0.1, seed=0, name="dropout")(hidden)
    hidden = layers.Dense(12, activation="relu", name="dense")(layers.Flatten(name="flat")(hidden))
    return keras.Model(inputs, layers.Dense(10, activation="softmax", name="head")(hidden), name="cnn")


def trained(model, rows, epochs, seed=0, rate=3e-3):
    train, validation = rows
    fit(model, train, validation, FitSettings(epochs=epochs, learning_rate=rate, patience=epochs, seed=seed))
    return model


@pytest.fixture(scope="module")
def origin(fewer_digits):
    return trained(cnn(), fewer_digits, 3)


@pytest.fixture(scope="module")
def heirs(origin, fewer_digits):
    """Three fine-tunes of one network; not to be changed."""
    return [trained(to_functional(origin), fewer_digits, 2, seed, rate) for seed, rate in enumerate((1e-3, 3e-3, 6e-3))]


def judged(model, rows):
    return log_loss(predict(model, rows[0]), rows[1])


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


def permuted(model, seed=3):
    """The same network with its units in another order."""
    copy, rng = to_functional(model), np.random.default_rng(seed)
    weights = copy.get_weights()
    for units in units_of(copy):
        weights = units.permuted(weights, rng.permutation(len(units)))
    copy.set_weights(weights)
    return copy


@pytest.mark.parametrize("name", mergers.names())
def test_every_merger_makes_one_network_and_leaves_the_members_alone(name, origin, heirs, fewer_digits):
    train, validation = fewer_digits
    before = [model.get_weights() for model in (*heirs, origin)]
    found = merge(name, heirs, origin, train, validation, 0)

    assert [layer.name for layer in found.model.layers] == [layer.name for layer in heirs[0].layers]
    assert found.model.name == heirs[0].name
    assert found.loss == judged(found.model, validation)
    assert found.loss < 1.2 * max(judged(model, validation) for model in heirs)
    assert found.shares.sum() == pytest.approx(1)
    assert found.what
    for model, weights in zip((*heirs, origin), before, strict=True):
        for one, other in zip(model.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["greedy_soup", "dare", "fisher_average", "aligned_average"])
def test_the_order_of_the_networks_does_not_matter(name, origin, heirs, fewer_digits):
    found = merge(name, heirs, origin, *fewer_digits, 0)
    again = merge(name, [heirs[index] for index in ORDER], origin, *fewer_digits, 0)
    for one, other in zip(found.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    np.testing.assert_allclose(again.shares, found.shares[ORDER], atol=1e-6)


def test_statistics_are_those_of_the_merged_network(origin, heirs, fewer_digits):
    train, validation = fewer_digits
    found = merge("uniform_soup", heirs, origin, train, validation, 0).model
    norm, plain = found.get_layer("norm"), [model.get_layer("norm") for model in heirs]
    conv = keras.Model(found.inputs, found.get_layer("conv").output)
    maps = predict(conv, np.asarray(train[0][np.random.default_rng(0).permutation(len(train[0]))[:256]]))
    np.testing.assert_allclose(norm.moving_mean.numpy(), maps.mean(axis=(0, 1, 2)), atol=1e-5)
    np.testing.assert_allclose(norm.moving_variance.numpy(), maps.var(axis=(0, 1, 2)), rtol=1e-2)
    np.testing.assert_allclose(norm.gamma.numpy(), np.mean([each.gamma.numpy() for each in plain], axis=0), atol=1e-6)
    assert not np.allclose(norm.moving_mean.numpy(), np.mean([each.moving_mean.numpy() for each in plain], axis=0), atol=1e-5)


def test_one_member_alone_keeps_its_own_statistics(heirs, fewer_digits):
    train, validation = fewer_digits
    spoilt = to_functional(heirs[1])
    spoilt.set_weights([each + np.random.default_rng(0).normal(0, 2, each.shape) ** 2 for each in spoilt.get_weights()])
    found = merge("greedy_soup", [spoilt, heirs[0]], heirs[0], train, validation, 0)
    np.testing.assert_array_equal(found.shares, [0, 1])
    assert same(found.model, heirs[0])
    measured = to_functional(heirs[0])
    recalibrate(measured, train[0], 0)
    assert not same(measured, heirs[0])


def test_greedy_soup_is_never_worse_on_validation_than_the_best_member(origin, heirs, fewer_digits):
    found = merge("greedy_soup", heirs, origin, *fewer_digits, 0)
    assert found.loss <= min(judged(model, fewer_digits[1]) for model in heirs)


@pytest.mark.parametrize("network", [mlp, cnn])
def test_a_permuted_copy_aligned_and_averaged_says_the_very_same(network, fewer_digits):
    train, validation = fewer_digits
    model = trained(network(), fewer_digits, 2)
    other = permuted(model)
    assert not same(model, other)
    np.testing.assert_allclose(predict(other, validation[0]), predict(model, validation[0]), atol=1e-5)
    found = merge("aligned_average", [model, other], None, train, validation, 0)
    assert same(found.model, model) or same(found.model, other)
    np.testing.assert_allclose(predict(found.model, validation[0]), predict(model, validation[0]), atol=1e-5)


def test_strangers_are_refused_unless_aligned_and_aligned_ones_are_nearer(fewer_digits):
    train, validation = fewer_digits
    strangers = [trained(mlp(seed), fewer_digits, 6, seed, 1e-2) for seed in (1, 2)]
    with pytest.raises(ValueError, match=r"Invalid `models`.*no network that all members started from.*aligned_average"):
        merge("uniform_soup", strangers, None, train, validation, 0)
    averaged = to_functional(strangers[0])
    averaged.set_weights([(a + b) / 2 for a, b in zip(*(model.get_weights() for model in strangers), strict=True)])
    assert merge("aligned_average", strangers, None, train, validation, 0).loss < judged(averaged, validation)


def pruned(model, seed, fraction=0.5):
    copy = to_functional(model)
    rng = np.random.default_rng(seed)
    Masks({name: rng.random(copy.get_layer(name).kernel.shape) > fraction for name in ("conv", "dense")}).apply(copy)
    return copy


@pytest.mark.parametrize("name", [name for name in mergers if not mergers.get(name).aligns])
def test_members_of_one_mask_make_a_network_of_that_mask(name, origin, heirs, fewer_digits):
    members = [pruned(model, 0) for model in heirs]
    found = merge(name, members, origin, *fewer_digits, 0)  # the origin is dense
    expected, kept = Masks.of(members[0]).keep, Masks.of(found.model).keep
    assert kept.keys() == expected.keys() == {"conv", "dense"}
    for layer, keep in expected.items():
        np.testing.assert_array_equal(kept[layer], keep)
    assert "zero" not in found.what


def test_members_of_different_masks_keep_what_any_keeps_and_it_is_said(origin, heirs, fewer_digits):
    members = [pruned(model, seed) for seed, model in enumerate(heirs)]
    found = merge("uniform_soup", members, origin, *fewer_digits, 0)
    for layer in ("conv", "dense"):
        keep = np.any([Masks.of(member).keep[layer] for member in members], axis=0)
        np.testing.assert_array_equal(Masks.of(found.model).keep[layer], keep)
    assert overall(found.model) < 0.2
    assert "their masks differ, and what any of them keeps is kept" in found.what


def test_nested_and_frozen_networks_merge_flat(heirs, origin, fewer_digits):
    inputs = keras.Input((8, 8, 1), name="rows")
    nested = [keras.Model(inputs, to_functional(model)(inputs)) for model in heirs]
    nested[0].trainable = False  # what is trainable is a matter of weights, not of flags
    found = merge("ties", nested, keras.Model(inputs, to_functional(origin)(inputs)), *fewer_digits, 0)
    plain = merge("ties", heirs, origin, *fewer_digits, 0)
    for one, other in zip(found.model.get_weights(), plain.model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_fisher_average_says_that_it_wants_probabilities(fewer_digits):
    def logits(seed):
        keras.utils.set_random_seed(seed)
        return keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(10)])

    with pytest.raises(ValueError, match="Expected classifiers with a softmax"):
        merge("fisher_average", [logits(0), logits(1)], logits(0), *fewer_digits, 0)


def test_rows_that_do_not_fit_are_named(heirs, origin, fewer_digits):
    train, validation = fewer_digits
    with pytest.raises(ValueError, match=r"Invalid `validation`. Expected rows of shape"):
        merge("uniform_soup", heirs, origin, train, (validation[0][:, :4], validation[1]), 0)
    with pytest.raises(ValueError, match=r"expected one of .*'ties'.* Did you mean 'ties'"):
        merge("tiess", heirs, origin, train, validation, 0)
