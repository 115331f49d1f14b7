"""Which channels go together: small graphs whose groups are known by hand."""

import numpy as np
import pytest

from tasks.methods.backend import keras
from tasks.methods.networks.graph import to_functional
from tasks.methods.pruning.channel_ledger import Ledger
from tasks.methods.pruning.dependency_groups import dependencies

layers = keras.layers


def groups(model):
    """Producers, sorted -> number of channels, and the reason where they must stay."""
    found = dependencies(to_functional(model)).groups
    return {tuple(sorted(group.producers)): (len(group.channels), group.whole) for group in found}


def classifier(inputs, hidden):
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(hidden))


def test_ledger_makes_one_channel_of_what_is_tied_and_one_group_of_what_a_layer_makes():
    ledger = Ledger()
    a, b, c = ledger.fresh(2), ledger.fresh(3), ledger.fresh(1)
    ledger.tie(a, b[1:])
    ledger.hold(c, "first")
    ledger.hold(c, "second")

    channels, group = ledger.channels(), ledger.groups([a, b, c])
    assert len(set(channels.tolist())) == 4
    np.testing.assert_array_equal(channels[a], channels[b[1:]])
    assert len(set(group[[*a, *b]].tolist())) == 1
    assert group[c[0]] != group[a[0]]
    assert ledger.held() == {5: "first"}


def test_a_chain_has_one_group_a_kernel_and_the_outputs_stay():
    inputs = keras.Input((6, 6, 2))
    hidden = layers.BatchNormalization()(layers.Conv2D(4, 3, name="conv")(inputs))
    hidden = layers.Dense(5, name="dense")(layers.Flatten()(layers.MaxPooling2D()(layers.ReLU()(hidden))))
    found = groups(classifier(inputs, hidden))

    assert found.keys() == {("conv",), ("dense",), ("head",)}
    assert found["conv",] == (4, "")
    assert found["dense",] == (5, "")
    assert "'head'" in found["head",][1]


def test_flatten_spreads_a_channel_over_the_rows_of_the_next_kernel():
    inputs = keras.Input((4, 4, 1))
    model = classifier(inputs, layers.Flatten()(layers.Conv2D(3, 3, name="conv")(inputs)))
    found = dependencies(to_functional(model))

    np.testing.assert_array_equal(found.read["head"], np.tile(found.made["conv"], 4))


def test_depthwise_makes_neighbours_of_each_channel_it_reads():
    inputs = keras.Input((4, 4, 1))
    hidden = layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise")(layers.Conv2D(3, 1, name="conv")(inputs))
    found = dependencies(to_functional(classifier(inputs, layers.GlobalAveragePooling2D()(hidden))))

    np.testing.assert_array_equal(found.made["depthwise"], np.repeat(found.made["conv"], 2))


@pytest.mark.parametrize("merge", [layers.Add, layers.Average, layers.Multiply])
def test_what_is_added_goes_together(merge):
    inputs = keras.Input((4, 4, 1))
    first = layers.Conv2D(4, 3, padding="same", name="first")(inputs)
    second = layers.Conv2D(4, 3, padding="same", name="second")(layers.Conv2D(7, 1, name="between")(first))
    found = groups(classifier(inputs, layers.GlobalAveragePooling2D()(merge()([first, second]))))

    assert found["first", "second"] == (4, "")
    assert found["between",] == (7, "")


def test_concatenated_channels_keep_their_places():
    inputs = keras.Input((4,))
    sides = [layers.Dense(2, name="a")(inputs), layers.Dense(3, name="b")(inputs)]
    joined = layers.Concatenate()(sides)
    model = classifier(inputs, layers.Add()([joined, layers.Dense(5, name="across")(inputs)]))
    alone = groups(classifier(inputs, layers.Concatenate()(sides)))
    found = dependencies(to_functional(model))

    assert alone["a",] == (2, "")
    assert alone["b",] == (3, "")
    assert [len(group.channels) for group in found.groups if "across" in group.producers] == [5]
    np.testing.assert_array_equal(found.made["across"], np.concatenate([found.made["a"], found.made["b"]]))


def test_a_layer_called_twice_reads_the_same_channels_both_times():
    inputs = keras.Input((4,))
    shared = layers.Dense(3, name="shared")
    sides = [shared(layers.Dense(5, name=name)(inputs)) for name in ("left", "right")]
    found = groups(classifier(inputs, layers.Concatenate()(sides)))

    assert found["left", "right"] == (5, "")
    assert found["shared",] == (3, "")


def held_by_scaling(x):
    return x * 2.0


def held_by_order(x):
    return layers.Permute((2, 3, 1))(x)


def held_by_grouped_kernel(x):
    return layers.Conv2D(4, 1, groups=2)(x)


def held_by_mixing(x):
    return layers.Softmax()(x)


def held_by_statistics(x):
    return layers.LayerNormalization()(x)


def held_by_broadcast(x):
    return layers.Multiply()([x, layers.Conv2D(1, 1)(x)])


def held_by_input(x):
    return layers.Add()([x, keras.Input((4, 4, 4), name="second")])


def held_by_scale_a_channel(x):
    return layers.Rescaling([1.0, 2.0, 3.0, 4.0])(x)


HOLDERS = [value for name, value in list(globals().items()) if name.startswith("held_by_")]


@pytest.mark.parametrize("hold", HOLDERS)
def test_what_is_not_understood_holds_what_it_touches_and_nothing_else(hold):
    inputs = keras.Input((4, 4, 1))
    touched = hold(layers.ReLU()(layers.Conv2D(4, 1, name="touched")(layers.Conv2D(5, 1, name="before")(inputs))))
    hidden = layers.GlobalAveragePooling2D()(layers.Conv2D(6, 1, name="after")(touched))
    sources = keras.utils.get_source_inputs(hidden)
    found = groups(classifier(sources, hidden))

    assert found["touched",][1]
    assert found["before",] == (5, "")
    assert found["after",] == (6, "")


def test_what_is_added_to_the_outputs_stays():
    inputs = keras.Input((4,))
    heads = [layers.Dense(3, name=name)(layers.Dense(6, name=f"{name}_hidden")(inputs)) for name in ("a", "b")]
    found = groups(keras.Model(inputs, layers.Rescaling(0.5)(layers.Add()(heads))))

    assert found["a", "b"] == (3, "they are the network's outputs")
    assert found["a_hidden",] == found["b_hidden",] == (6, "")
