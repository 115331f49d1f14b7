"""Networks rebuilt smaller: which channels go, and that what is left computes what it did."""

import json

import numpy as np
import pytest

from tasks.methods.backend import keras
from tasks.methods.networks.graph import to_functional
from tasks.methods.networks.predict import predict
from tasks.methods.networks.store import load, save
from tasks.methods.networks.vet import refused
from tasks.methods.pruning.channel_scores import scores
from tasks.methods.pruning.channels import prunable_layers, prune_channels, prune_channels_globally
from tasks.methods.pruning.dependency_groups import dependencies

layers = keras.layers


def classifier(inputs, hidden):
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(hidden))


def plain():
    inputs = keras.Input((8, 8, 2))
    hidden = layers.MaxPooling2D()(layers.Conv2D(6, 3, activation="relu")(inputs))
    hidden = layers.Conv2D(8, 2, padding="same", activation="tanh")(layers.Dropout(0.2)(hidden))
    return classifier(inputs, layers.Dense(10, activation="relu")(layers.Flatten()(hidden)))


def residual():
    inputs = keras.Input((8, 8, 2))
    stem = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, use_bias=False)(inputs)))
    inner = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(6, 3, padding="same")(stem)))
    inner = layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same")(inner))
    hidden = layers.Activation("relu")(layers.Add()([stem, inner]))
    return classifier(inputs, layers.GlobalAveragePooling2D()(hidden))


def depthwise():
    inputs = keras.Input((8, 8, 2))
    hidden = layers.Conv2D(5, 1, activation="relu")(layers.Resizing(10, 10)(inputs))
    hidden = layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2)(layers.ZeroPadding2D()(hidden))
    hidden = layers.ReLU(6.0)(layers.BatchNormalization(scale=False)(hidden))
    hidden = layers.SeparableConv2D(8, 3, depth_multiplier=2, activation="relu")(hidden)
    hidden = layers.Rescaling(0.5)(layers.GlobalMaxPooling2D(keepdims=True)(hidden))
    hidden = layers.Dense(6, activation="relu")(layers.Reshape((8,))(hidden))
    return classifier(inputs, hidden)


def concatenated():
    inputs = keras.Input((8, 8, 2))
    sides = [layers.Conv2D(count, 3, activation="relu", padding="same")(inputs) for count in (4, 6)]
    joined = layers.BatchNormalization()(layers.Concatenate()([*sides, inputs]))
    return classifier(inputs, layers.Flatten()(layers.AveragePooling2D(4)(layers.Conv2D(7, 1, activation="relu")(joined))))


def gated():
    """Squeeze and excitation, and a half of one tensor laid beside another."""
    inputs = keras.Input((8, 8, 2))
    hidden = layers.Conv2D(6, 3, activation="relu")(inputs)
    gate = layers.Dense(4, activation="relu")(layers.GlobalAveragePooling2D()(hidden))
    gate = layers.Reshape((1, 1, 6))(layers.Dense(6, activation="sigmoid")(gate))
    return classifier(inputs, layers.GlobalAveragePooling2D()(layers.Multiply()([hidden, gate])))


def sequence():
    inputs = keras.Input((12, 3))
    hidden = layers.MaxPooling1D()(layers.Conv1D(6, 3, activation="relu")(layers.ZeroPadding1D()(inputs)))
    inner = keras.Sequential([layers.Conv1D(8, 3, padding="causal"), layers.LeakyReLU(), layers.SpatialDropout1D(0.1)])
    return classifier(inputs, layers.GlobalMaxPooling1D()(inner(hidden)))


def twins():
    """One tower called twice, and a layer that holds the channels it doubles."""
    inputs = keras.Input((8, 8, 2))
    tower = keras.Sequential([layers.Conv2D(6, 3, activation="relu"), layers.Flatten(), layers.Dense(8, activation="relu")])
    return classifier(inputs, layers.Concatenate()([tower(inputs), tower(layers.Rescaling(-1.0)(inputs)) * 2.0]))


NETWORKS = [plain, residual, depthwise, concatenated, gated, sequence, twins]


def scrambled(model, seed=0):
    """`model` with weights unlike initial ones: nonzero biases, statistics that differ."""
    rng = np.random.default_rng(seed)
    model.set_weights(
        [rng.uniform(0.1, 0.9, w.shape) * (1 if w.ndim == 1 else rng.choice([-1, 1], w.shape)) for w in model.get_weights()]
    )
    return model


@pytest.fixture(scope="module", params=NETWORKS, ids=lambda make: make.__name__)
def model(request):
    return scrambled(request.param())


def rows(model, n=4):
    return np.random.default_rng(3).normal(0, 1, (n, *model.input_shape[1:])).astype(np.float32)


def gone(model, fraction):
    """A flat copy of `model` whose weakest channels are cut by hand to zero: kernels, biases and normalisation."""
    flat = to_functional(model)
    found = dependencies(flat)
    dead = np.zeros(found.channels, bool)
    for group in found.groups:
        if not group.whole:
            dead[group.channels[: int(fraction * len(group.channels))]] = True
    for layer in flat.layers:
        values = layer.get_weights()
        if isinstance(layer, layers.BatchNormalization):
            for value in values[:-1]:  # all but the variances
                value[dead[found.made[layer.name]]] = 0
        elif values:
            zero = dead[found.made[layer.name]]
            if isinstance(layer, layers.DepthwiseConv2D):
                values[0][..., dead[found.read[layer.name]], :] = 0
            else:
                values[-1 - layer.use_bias][..., zero] = 0
            if layer.use_bias:
                values[-1][zero] = 0
        layer.set_weights(values)
    return flat


def test_prune_channels_takes_the_weakest_filters_by_hand():
    inputs = keras.Input((2,))
    model = classifier(inputs, layers.Dense(4, name="hidden")(inputs))
    kernel = np.array([[3, 0, 1, 2], [4, 1, 0, 2]], np.float32)  # l2: 5, 1, 1, 2.83; of two equals the first goes
    head = np.arange(12, dtype=np.float32).reshape(4, 3)
    model.set_weights([kernel, np.array([1, 2, 3, 4]), head, np.zeros(3)])
    smaller = prune_channels(model, 0.25)

    np.testing.assert_array_equal(smaller.get_layer("hidden").get_weights()[0], kernel[:, [0, 2, 3]])
    np.testing.assert_array_equal(smaller.get_layer("hidden").get_weights()[1], [1, 3, 4])
    np.testing.assert_array_equal(smaller.get_layer("head").get_weights()[0], head[[0, 2, 3]])
    np.testing.assert_array_equal(model.get_layer("hidden").get_weights()[0], kernel)


def test_scores_sum_over_all_filters_that_make_a_channel():
    inputs = keras.Input((1,))
    sides = [layers.Dense(3, use_bias=False, name=name)(inputs) for name in ("a", "b")]
    model = classifier(inputs, layers.Add()(sides))
    for name, values in (("a", [1.0, 4.0, 2.0]), ("b", [-6.0, 1.0, 2.0])):  # together 7, 5, 4
        model.get_layer(name).set_weights([np.array([values])])
    smaller = prune_channels(model, {"a": 0.4})

    np.testing.assert_array_equal(smaller.get_layer("a").get_weights()[0], [[1, 4]])
    np.testing.assert_array_equal(smaller.get_layer("b").get_weights()[0], [[-6, 1]])


def test_scores_may_be_given_layer_by_layer():
    inputs = keras.Input((1,))
    model = scrambled(classifier(inputs, layers.Dense(4, name="hidden")(inputs)))
    smaller = prune_channels(model, 0.5, score={"hidden": np.array([0.1, 0.4, 0.3, 0.2])})

    np.testing.assert_array_equal(
        smaller.get_layer("hidden").get_weights()[1], model.get_layer("hidden").get_weights()[1][[1, 2]]
    )


def test_scores_known_values():
    kernel = np.array([[3.0, 0.0], [-4.0, 2.0]])
    np.testing.assert_array_equal(scores.get("l2")(kernel), [5, 2])
    np.testing.assert_array_equal(scores.get("l1")(kernel), [7, 2])


def test_a_fraction_of_nothing_gives_the_same_outputs_to_the_last_bit(model):
    x = rows(model)
    np.testing.assert_array_equal(predict(prune_channels(model, 0.0), x), predict(model, x))
    np.testing.assert_array_equal(predict(prune_channels_globally(model, 0.0), x), predict(model, x))


@pytest.mark.parametrize("fraction", [0.5, 0.7])
def test_channels_of_zeros_go_without_a_trace(model, fraction):
    flat = gone(model, fraction)
    smaller = prune_channels(flat, fraction)

    assert smaller.count_params() < 0.8 * flat.count_params()
    np.testing.assert_allclose(predict(smaller, rows(model)), predict(flat, rows(model)), atol=1e-6)


@pytest.mark.parametrize("score", scores.names())
def test_every_score_gives_a_network_that_is_stored_in_safe_mode(model, score, tmp_path):
    smaller = prune_channels(model, 0.5, score=score)
    save(smaller, tmp_path / "smaller.keras")

    assert refused(json.loads(smaller.to_json())) == []
    assert [layer.name for layer in smaller.layers] == [layer.name for layer in to_functional(model).layers]
    np.testing.assert_array_equal(predict(load(tmp_path / "smaller.keras"), rows(model)), predict(smaller, rows(model)))


def test_at_least_one_channel_stays_and_a_multiple_rounds_up(model):
    for fraction, multiple, expected in ((0.99, 1, 1), (0.5, 4, 4), (0.99, 100, None)):
        smaller = dependencies(prune_channels(model, fraction, multiple=multiple))
        for before, after in zip(dependencies(to_functional(model)).groups, smaller.groups, strict=True):
            count = len(before.channels)
            least = count - int(fraction * count)
            assert len(after.channels) == (
                count if before.whole or expected is None else min(count, -(-least // expected) * expected)
            )


def test_prunable_layers_are_named_by_the_group_that_goes_together():
    inputs = keras.Input((4, 4, 2))
    sides = [layers.Conv2D(4, 1, name=name)(inputs) for name in ("conv", "other")]
    hidden = layers.Conv2D(3, 1, name="alone")(layers.Add()(sides))
    assert prunable_layers(classifier(inputs, layers.GlobalAveragePooling2D()(hidden))) == [("conv", "other"), ("alone",)]


def test_zeros_among_the_weights_that_stay_are_kept():
    model = scrambled(residual())
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D):
            kernel, *rest = layer.get_weights()
            layer.set_weights([np.where(np.abs(kernel) < 0.5, 0, kernel), *rest])
    smaller = prune_channels(model, 0.5)

    for layer in smaller.layers:
        if isinstance(layer, layers.Conv2D):
            kept = layer.get_weights()[0]
            assert np.isin(kept, model.get_layer(layer.name).get_weights()[0]).all()
            assert 0.2 < (kept == 0).mean() < 0.7


def test_globally_the_weakest_of_all_groups_go_down_to_the_floor():
    inputs = keras.Input((1,))
    hidden = layers.Dense(10, use_bias=False, name="mixed")(inputs)
    hidden = layers.Dense(10, use_bias=False, name="even")(hidden)
    model = classifier(inputs, hidden)
    model.get_layer("mixed").set_weights([np.array([[100.0, 100, *[1] * 8]])])  # relative to its mean square: 2.2 and 0.02
    model.get_layer("even").set_weights([np.full((10, 10), 0.001)])  # all 1
    sizes = {
        (fraction, floor): [
            prune_channels_globally(model, fraction, floor=floor).get_layer(name).units for name in ("mixed", "even")
        ]
        for fraction, floor in ((0.4, 0.1), (0.4, 0.5), (0.9, 0.3))
    }

    assert sizes == {(0.4, 0.1): [2, 10], (0.4, 0.5): [5, 7], (0.9, 0.3): [3, 3]}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"fraction": 50}, r"fraction.*not a percentage"),
        ({"fraction": 1.0}, r"fraction.*\[0, 1\)"),
        ({"fraction": {"conv": float("nan")}}, r"fraction\['conv'\]"),
        ({"fraction": {"absent": 0.5}}, r"'absent'"),
        ({"fraction": {"head": 0.5}}, r"'head', whose channels stay"),
        ({"fraction": {"conv": 0.5, "other": 0.25}}, "go together"),
        ({"fraction": 0.5, "score": "l3"}, r"`score`.*'l3'"),
        ({"fraction": 0.5, "score": np.abs}, "one finite number"),
        ({"fraction": 0.5, "score": {"conv": np.ones(4)}}, "'other'"),
        ({"fraction": 0.5, "score": dict.fromkeys(("conv", "other"), np.full(4, np.nan))}, "NaN"),
        ({"fraction": 0.5, "multiple": 0}, "multiple"),
    ],
)
def test_prune_channels_refuses_what_cannot_be(wrong, message):
    inputs = keras.Input((4, 4, 2))
    hidden = layers.Add()([layers.Conv2D(4, 1, name=name)(inputs) for name in ("conv", "other")])
    with pytest.raises(ValueError, match=message):
        prune_channels(classifier(inputs, layers.GlobalAveragePooling2D()(hidden)), **wrong)


@pytest.mark.parametrize("wrong", [{"floor": 0.0}, {"floor": 10}, {"fraction": 50}])
def test_prune_channels_globally_refuses_what_cannot_be(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}.*not a percentage"):
        prune_channels_globally(plain(), **({"fraction": 0.5} | wrong))


@pytest.mark.parametrize(
    ("make", "sizes"),
    [
        (
            lambda: keras.applications.MobileNet((96, 96, 3), alpha=0.25, weights=None, classes=3),
            {"conv1": 4, "conv_pw_1": 8, "conv_pw_13": 128, "conv_preds": 3},
        ),
        (
            lambda: keras.applications.ResNet50(weights=None, input_shape=(64, 64, 3), classes=3),
            {"conv1_conv": 32, "conv2_block1_0_conv": 128, "conv2_block3_3_conv": 128, "conv5_block3_3_conv": 1024},
        ),
    ],
    ids=["mobilenet", "resnet50"],
)
def test_known_networks_are_rebuilt_at_half_their_channels(make, sizes):
    model = make()
    flat = gone(model, 0.5)
    smaller = prune_channels(flat, 0.5)

    assert {name: smaller.get_layer(name).filters for name in sizes} == sizes
    assert smaller.count_params() < 0.3 * model.count_params()
    x = rows(model, 1)
    np.testing.assert_allclose(smaller(x, training=False), flat(x, training=False), atol=1e-6)
