"""What the check before a merge says, word for word where it matters."""

import numpy as np
import pytest

from tasks.methods.backend import keras
from tasks.methods.fusion.merging.mergers import mergers
from tasks.methods.fusion.merging.preflight import objection

layers = keras.layers


def network(units=4, activation="relu", rate=0.1, names=("dense", "head"), features=5, classes=3, initial="zeros", **dense):
    inputs = keras.Input((features,))
    hidden = layers.Dense(units, activation=activation, name=names[0], kernel_initializer=initial, **dense)(inputs)
    hidden = layers.Dropout(rate)(layers.BatchNormalization()(hidden))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax", name=names[1])(hidden))


def scaled(factor):
    inputs = keras.Input((5,))
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(inputs * factor))


def wired(second):
    inputs = keras.Input((5,))
    a = layers.Dense(4, name="a")(inputs)
    b = layers.Dense(4, name="b")(a)
    c = layers.Dense(4, name="c")(b)
    return keras.Model(inputs, layers.Dense(2, name="head")(layers.Add(name="add")([c, (a, b)[second]])))


@pytest.mark.parametrize("name", mergers.names())
def test_nothing_is_said_against_a_family(name):
    assert objection(name, [network(), network(initial="ones")], network()) == ""


def test_names_and_what_only_training_looks_at_may_differ():
    others = [
        network(rate=0.5, names=("inherited_dense", "new_head"), initial="ones"),
        network(kernel_regularizer="l2", bias_constraint="non_neg"),
    ]
    others[0].trainable = False
    assert objection("uniform_soup", [network(), *others], network()) == ""


def test_a_sequential_and_a_nested_network_are_compared_by_what_is_in_them():
    sequential = keras.Sequential(
        [keras.Input((5,)), layers.Dense(4, activation="relu"), layers.Dense(3, activation="softmax")]
    )
    inputs = keras.Input((5,))
    hidden = layers.Dense(4, activation="relu")(inputs)
    functional = keras.Model(inputs, layers.Dense(3, activation="softmax")(hidden))
    outer = keras.Input((5,))
    nested = keras.Model(outer, functional(outer))
    assert objection("uniform_soup", [sequential, functional, nested], functional) == ""


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (network(units=6), "layer 2, 'dense', has units 6, not 4"),
        (network(activation="tanh"), "layer 2, 'dense', has activation tanh, not relu"),
        (network(use_bias=False), "layer 2, 'dense', has use_bias False, not True"),
        (network(classes=4), "layer 5, 'head', has units 4, not 3"),
        (network(features=6), "has batch_input_shape [None, 6], not [None, 5]"),
        (scaled(2.0), "is a TFOpLambda, not a Dense"),
    ],
)
def test_what_is_built_otherwise_is_named_with_its_layer(other, said):
    reason = objection("uniform_soup", [network(), other], network(), labels=["digits/3", "digits/4"])
    assert reason.startswith("digits/4 is built otherwise than digits/3: ")
    assert said in reason
    assert reason.endswith("Fuse them as an ensemble, or distil one from them")


def test_constants_and_wiring_count():
    assert objection("uniform_soup", [scaled(2.0), scaled(2.0)], scaled(2.0)) == ""
    assert "layer 2, 'tf.math.multiply" in objection("uniform_soup", [scaled(2.0), scaled(3.0)], scaled(2.0))
    assert "layer 5, 'add', reads other layers" in objection("uniform_soup", [wired(0), wired(1)], wired(0))


def test_an_origin_under_another_head_is_none():
    reason = objection("ties", [network(), network()], network(classes=2))
    assert reason.startswith("the origin is built otherwise than member 0: layer 5, 'head', has units 2, not 3")


def test_more_layers_are_counted():
    inputs = keras.Input((5,))
    one = keras.Model(inputs, layers.Dense(3, name="a")(inputs))
    other = keras.Model(inputs, layers.Dense(3, name="c")(layers.Dense(3, name="b")(inputs)))
    assert "it has 3 layers, not 2" in objection("uniform_soup", [one, other], one)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_member_that_diverged_is_named_with_its_array(value):
    bad = network()
    bad.get_layer("head").bias.assign([0, value, 0])
    reason = objection("greedy_soup", [network(), bad], network())
    assert reason == "member 1 has NaN or infinity in 'head/bias'; leave it out"
    assert objection("greedy_soup", [network()], bad).startswith("the origin has NaN")


def test_strangers_are_refused_with_the_reason_and_the_remedy():
    strangers = [network(initial="ones"), network(initial="ones")]
    for name in mergers:
        reason, facts = objection(name, strangers, None), mergers.get(name)
        if facts.aligns:
            assert reason == ""
        elif facts.needs_origin:
            assert reason == (
                f"there is no network that all members started from, and {name} adds up their ways from it. "
                "Use aligned_average, or an ensemble"
            )
        else:
            assert reason == (
                "there is no network that all members started from, so their units stand each in an order of its own, and an "
                "average of them is no network (two independent MNIST networks of 2.8 % error averaged to 7.21 %). "
                "Use aligned_average, which matches units first, or an ensemble"
            )


def test_strangers_whose_units_cannot_all_be_matched_are_refused():
    def attentive():
        inputs = keras.Input((4, 5))
        hidden = layers.LSTM(3, name="lstm")(inputs)
        return keras.Model(inputs, layers.Dense(3, activation="softmax")(hidden))

    reason = objection("aligned_average", [attentive(), attentive()], None)
    assert reason == (
        "there is no network that all members started from, and what the units of 'lstm', a LSTM layer, are is not known. "
        "Use an ensemble"
    )
    assert objection("aligned_average", [attentive(), attentive()], attentive()) == ""


def test_one_member_needs_no_origin_where_no_way_is_measured_from_it():
    assert objection("uniform_soup", [network()], None) == ""
    assert "ties adds up their ways" in objection("ties", [network()], None)


def test_networks_without_a_graph_or_with_several_inputs_are_refused():
    class Subclassed(keras.Model):
        def call(self, x):
            return x

    assert "member 1 is a subclassed model" in objection("ties", [network(), Subclassed()], network())
    inputs = [keras.Input((2,)), keras.Input((2,))]
    two = keras.Model(inputs, layers.Dense(2)(layers.Concatenate()(inputs)))
    assert "member 0 has several inputs" in objection("ties", [two, two], two)
    assert objection("ties", [], network()) == "there are no members"


def test_labels_fit_and_mergers_are_known():
    with pytest.raises(ValueError, match=r"Expected 2, one a model. Received: 1"):
        objection("ties", [network(), network()], network(), labels=["a"])
    with pytest.raises(ValueError, match="Did you mean 'slerp'"):
        objection("slerpp", [network()], None)
