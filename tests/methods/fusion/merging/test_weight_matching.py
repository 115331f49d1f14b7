"""Weight matching: known permutations are found, and every set of units that may be permuted leaves predictions as they are."""

from itertools import permutations

import numpy as np
import pytest

from tasks.methods.backend import keras
from tasks.methods.fusion.merging.matching import matched
from tasks.methods.fusion.merging.symmetries import _rules, units_of, unmatchable
from tasks.methods.fusion.merging.units import Place, Units, inner
from tasks.methods.networks.graph import to_functional
from tasks.methods.networks.predict import predict
from tasks.methods.pruning.channel_kernels import KERNEL_RULES

layers = keras.layers


def randomised(model, seed=0):
    """The model with no weight left at its initial value; statistics of variances stay above zero."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.uniform(0.2, 1.2, each.shape) * rng.choice([-1, 1], each.shape) for each in model.get_weights()])
    for layer in model._flatten_layers(recursive=True):
        if isinstance(layer, layers.BatchNormalization):
            layer.moving_variance.assign(np.abs(layer.moving_variance.numpy()))
    return model


def mlp():
    inputs = keras.Input((5,))
    hidden = layers.Dense(7, activation="relu", name="a")(inputs)
    hidden = layers.Dense(6, activation="tanh", name="b")(hidden)
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(hidden))


def cnn():
    """A convolution, a residual addition, depthwise and separable ones, normalisation, a Flatten, a concatenation."""
    inputs = keras.Input((6, 6, 2))
    stem = layers.BatchNormalization(name="norm")(layers.Conv2D(4, 3, padding="same", name="stem")(inputs))
    branch = layers.Conv2D(4, 3, padding="same", name="branch")(layers.Conv2D(5, 1, activation="relu", name="between")(stem))
    hidden = layers.ReLU()(layers.Add()([stem, branch]))
    hidden = layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise")(hidden)
    hidden = layers.SeparableConv2D(5, 3, depth_multiplier=2, padding="same", name="separable")(hidden)
    flat = layers.Flatten()(layers.MaxPooling2D()(hidden))
    sides = layers.Concatenate()([layers.Dense(3, activation="relu", name="left")(flat), layers.Dense(4, name="right")(flat)])
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(sides))


def sums_of_sides():
    """Outputs side by side, added to a third layer's: only what stands alike may change places."""
    inputs = keras.Input((5,))
    sides = layers.Concatenate()([layers.Dense(2, name="a")(inputs), layers.Dense(3, name="b")(inputs)])
    hidden = layers.ReLU()(layers.Add()([sides, layers.Dense(5, name="across")(inputs)]))
    twice = layers.Concatenate()([hidden, layers.Dense(5, name="inner")(hidden)])
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(twice))


def shared_and_nested():
    inner_input = keras.Input((4,))
    nested = keras.Model(inner_input, layers.Dense(4, activation="relu", name="inside")(inner_input), name="nested")
    inputs = keras.Input((5,))
    shared = layers.Dense(3, name="shared")
    sides = [shared(nested(layers.Dense(4, name=name)(inputs))) for name in ("left", "right")]
    return to_functional(keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Concatenate()(sides))))


def sequence():
    inputs = keras.Input((8, 3))
    hidden = layers.SeparableConv1D(4, 3, depth_multiplier=2)(layers.Conv1D(5, 3, activation="relu")(inputs))
    hidden = layers.GlobalAveragePooling1D()(layers.DepthwiseConv1D(2, use_bias=False)(hidden))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(hidden))


def residual_on_itself():
    """A kernel that reads and makes the same units."""
    inputs = keras.Input((5,))
    hidden = layers.Dense(6, activation="relu", name="stem")(inputs)
    hidden = layers.Add()([hidden, layers.Dense(6, activation="relu", name="loop")(hidden)])
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(hidden))


NETWORKS = [mlp, cnn, sums_of_sides, shared_and_nested, sequence, residual_on_itself]


def shuffled(weights, units, seed=1):
    rng = np.random.default_rng(seed)
    for each in units:
        weights = each.permuted(weights, rng.permutation(len(each)))
    return weights


def trainable(model):
    return [index for index, each in enumerate(model.weights) if each.trainable]


def test_permuted_units_stand_in_the_asked_order():
    units = Units((Place(0, 1, np.array([[0], [2]])), Place(1, 0, np.array([[0, 2], [1, 3]]))))
    weights = units.permuted([np.array([[1, 2, 3], [4, 5, 6]]), np.array([10, 20, 30, 40])], np.array([1, 0]))
    np.testing.assert_array_equal(weights[0], [[3, 2, 1], [6, 5, 4]])
    np.testing.assert_array_equal(weights[1], [20, 10, 40, 30])


@pytest.mark.parametrize("network", NETWORKS)
def test_any_order_of_units_gives_the_same_predictions(network):
    model = randomised(network())
    x = np.random.default_rng(2).normal(size=(20, *model.inputs[0].shape[1:])).astype(np.float32)
    before, weights = predict(model, x), model.get_weights()
    units = units_of(model)
    for each in units:
        turned = each.permuted(weights, np.roll(np.arange(len(each)), 1))
        assert any(not np.array_equal(a, b) for a, b in zip(turned, weights, strict=True))
        model.set_weights(turned)
        np.testing.assert_allclose(predict(model, x), before, atol=2e-5)
    model.set_weights(shuffled(weights, units))
    np.testing.assert_allclose(predict(model, x), before, atol=2e-5)


def test_units_are_those_that_the_graph_lets_change_places():
    def sizes(network):
        return sorted(len(each) for each in units_of(network()))

    assert sizes(mlp) == [6, 7]
    assert sizes(cnn) == [3, 4, 4, 5, 5]  # left; right; stem and branch; between; separable
    assert sizes(sums_of_sides) == [2, 3, 5]  # a, b with their parts of across; inner
    assert sizes(residual_on_itself) == [6]


def test_every_layer_that_carries_channels_has_its_axes():
    assert _rules().keys() == KERNEL_RULES.keys()


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("seed", range(5))
def test_matching_recovers_a_known_permutation_exactly(network, seed):
    model = randomised(network(), seed)
    weights, units = model.get_weights(), units_of(model)
    found = matched(weights, shuffled(weights, units, seed), units, trainable(model))
    for one, other in zip(found, weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_matching_recovers_a_permutation_below_noise():
    model = randomised(cnn())
    weights, units = model.get_weights(), units_of(model)
    rng = np.random.default_rng(0)
    noisy = [(each + 0.05 * rng.normal(size=each.shape)).astype(np.float32) for each in weights]
    found = matched(weights, shuffled(noisy, units), units, trainable(model))
    for one, other in zip(found, noisy, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("seed", range(5))
def test_matching_one_layer_finds_the_best_of_all_orders(seed):
    rng = np.random.default_rng(seed)
    one, other = ([rng.normal(size=shape) for shape in ((3, 5), (5,), (5, 2))] for _ in range(2))
    units = Units(tuple(Place(array, axis, np.arange(5)[:, np.newaxis]) for array, axis in ((0, 1), (1, 0), (2, 0))))
    best = max(inner(one, units.permuted(other, np.array(order)), [0, 1, 2]) for order in permutations(range(5)))
    assert inner(one, matched(one, other, [units], [0, 1, 2]), [0, 1, 2]) == pytest.approx(best)


@pytest.mark.parametrize("network", NETWORKS)
def test_matching_never_leads_away(network):
    one, other = randomised(network(), 1), randomised(network(), 2)
    counted = trainable(one)
    found = matched(one.get_weights(), other.get_weights(), units_of(one), counted)
    assert inner(one.get_weights(), found, counted) > inner(one.get_weights(), other.get_weights(), counted)


def test_matching_leaves_networks_of_one_origin_as_they_are():
    model = randomised(mlp())
    weights = model.get_weights()
    near = [(each + 0.01).astype(np.float32) for each in weights]
    for one, other in zip(matched(weights, near, units_of(model), trainable(model)), near, strict=True):
        np.testing.assert_array_equal(one, other)


def test_statistics_do_not_count_but_come_along():
    model = randomised(cnn())
    weights, units = model.get_weights(), units_of(model)
    turned = shuffled(weights, units)
    mean = next(index for index, each in enumerate(model.weights) if "moving_mean" in each.name)
    reference = [array.copy() for array in weights]
    reference[mean] = np.full_like(reference[mean], 1e6) * np.arange(4)  # would outweigh everything
    np.testing.assert_array_equal(matched(reference, turned, units, trainable(model))[mean], weights[mean])


@pytest.mark.parametrize("network", NETWORKS)
def test_these_networks_can_be_matched_wholly(network):
    assert unmatchable(network()) == ""


def test_what_cannot_be_matched_is_named():
    inputs = keras.Input((5,))
    hidden = layers.LayerNormalization(name="norm")(layers.Dense(4, name="dense")(inputs))
    assert "'norm', a LayerNormalization layer" in unmatchable(
        keras.Model(inputs, layers.Dense(2, activation="softmax")(hidden))
    )

    hidden = layers.Softmax(name="mix")(layers.Dense(4, name="dense")(inputs))
    why = unmatchable(keras.Model(inputs, layers.Dense(2, activation="softmax")(layers.Dense(3)(hidden))))
    assert why == "the units of 'dense' have to stay in their order: Softmax 'mix' mixes them, or is not known"


def test_units_added_to_the_inputs_or_behind_a_softmax_layer_need_no_matching():
    inputs = keras.Input((5,))
    hidden = layers.Add()([inputs, layers.Dense(5, name="dense")(inputs)])
    assert unmatchable(keras.Model(inputs, layers.Softmax()(layers.Dense(2)(hidden)))) == ""
