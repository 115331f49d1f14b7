"""Graphs flattened, cut, given new heads and doors, and fused: checked against the networks they were made from."""

import gc
import json
import weakref

import numpy as np
import pytest

from tasks.methods.backend import keras, tf
from tasks.methods.fusion.combiners import LinearPool
from tasks.methods.networks.architectures import build
from tasks.methods.networks.fuse import fuse_models
from tasks.methods.networks.graph import backbone, features, head_layers, layers_with_weights, rename, to_functional
from tasks.methods.networks.predict import CALLED_ROWS, predict
from tasks.methods.networks.surgery import adapt_input, new_head
from tasks.methods.networks.vet import refused

layers = keras.layers


def mlp():
    return build("mlp", (8, 8, 1), 4, [12], [], 0.1, seed=1)


def cnn():
    return build("cnn", (8, 8, 1), 4, [6], [4, 6], 0.1, seed=2)


def sequential():
    return keras.Sequential(
        [layers.Conv2D(3, 3, activation="relu", input_shape=(8, 8, 1)), layers.Flatten(), layers.Dense(4, activation="softmax")]
    )


def nested():
    inputs = keras.Input((8, 8, 1))
    inner = keras.Sequential(
        [layers.Conv2D(3, 3), layers.BatchNormalization(), layers.ReLU(), layers.Dropout(0.3)], name="inner"
    )
    hidden = inner(inputs, training=False) * 2.0 + 1.0
    outer = keras.Sequential([layers.Flatten(), layers.Dense(5, activation="relu", name="conv2d")], name="outer")
    return keras.Model(inputs, layers.Dense(4, activation="softmax")(outer(hidden[:, 1:])))


def twins():
    """One nested model called twice: its copies have to share weights too."""
    inputs = keras.Input((8, 8, 1))
    tower = keras.Sequential([layers.Flatten(), layers.Dense(5, activation="tanh")], name="tower")
    joined = layers.Concatenate()([tower(inputs), tower(layers.Rescaling(-1.0)(inputs))])
    return keras.Model(inputs, layers.Dense(4, activation="softmax")(joined))


def pooled():
    inputs = keras.Input((8, 8, 1))
    hidden = layers.Conv2D(5, 3, use_bias=False)(inputs)
    hidden = layers.ReLU()(layers.BatchNormalization()(hidden))
    hidden = layers.GlobalAveragePooling2D()(hidden)
    return keras.Model(inputs, layers.Softmax()(layers.Dense(4)(hidden)))


def logits():
    inputs = keras.Input((8, 8, 1))
    return keras.Model(inputs, layers.Activation("softmax")(layers.Dense(4)(layers.Dropout(0.5)(layers.Flatten()(inputs)))))


def without_classifier():
    """Ends in feature maps, and has a layer in the new head's name."""
    inputs = keras.Input((8, 8, 1))
    return keras.Model(inputs, layers.ReLU()(layers.Conv2D(9, 3, name="head")(inputs)))


def fused():
    return fuse_models([mlp(), cnn()], LinearPool([1.0, 3.0]))


# Maker of a network -> dimension of its features, by hand.
NETWORKS = {
    mlp: 12,
    cnn: 6,
    sequential: 3 * 6 * 6,
    nested: 5,
    twins: 10,
    pooled: 5,
    logits: 64,
    without_classifier: 9,
    fused: 12 + 6,
}


@pytest.fixture(scope="module")
def networks():
    rng = np.random.default_rng(0)
    made = {make.__name__: make() for make in NETWORKS}
    for model in made.values():
        for layer in layers_with_weights(model):
            if isinstance(layer, layers.BatchNormalization):
                layer.set_weights([rng.uniform(0.5, 2, weight.shape) for weight in layer.get_weights()])
    return made


def rows(model, n=5):
    return np.random.default_rng(3).uniform(0, 1, (n, *model.input_shape[1:])).astype(np.float32)


@pytest.mark.parametrize("name", [make.__name__ for make in NETWORKS])
def test_to_functional_gives_one_flat_graph_with_the_same_outputs(networks, name):
    model = networks[name]
    flat = to_functional(model)

    np.testing.assert_array_equal(predict(flat, rows(model)), predict(model, rows(model)))
    assert not any(isinstance(layer, keras.Model) for layer in flat.layers)
    assert len({layer.name for layer in flat.layers}) == len(flat.layers)
    assert flat.count_params() == model.count_params()


def test_to_functional_keeps_batch_norm_in_inference_mode_when_nested_so(networks):
    model = networks["nested"]
    x = rows(model)
    flat, nested_again = to_functional(model)(x, training=True), model(x, training=True)

    np.testing.assert_allclose(flat, nested_again, atol=1e-6)


def test_to_functional_copies_so_that_the_original_stays_as_it_was():
    model = cnn()
    before = predict(model, rows(model))
    flat = to_functional(model)
    flat.set_weights([weight + 1 for weight in flat.get_weights()])

    np.testing.assert_array_equal(predict(model, rows(model)), before)


def test_to_functional_refuses_a_subclassed_model():
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ValueError, match="has no graph"):
        to_functional(Own())


def test_rename_puts_the_prefix_before_every_layer():
    renamed = rename(cnn(), "a_")

    assert all(layer.name.startswith("a_") for layer in renamed.layers)
    np.testing.assert_array_equal(predict(renamed, rows(renamed)), predict(cnn(), rows(renamed)))


@pytest.mark.parametrize(("name", "dimension"), [(make.__name__, dimension) for make, dimension in NETWORKS.items()])
def test_backbone_ends_where_the_classifier_begins(networks, name, dimension):
    model = networks[name]
    found = features(model, rows(model))

    assert found.shape == (5, dimension)
    assert found.dtype == np.float32
    assert backbone(model).output_shape == (None, dimension)


def test_backbone_shares_layers_where_that_is_asked_for_and_the_network_is_flat():
    flat, nested = cnn(), keras.Sequential([keras.Input((8, 8, 1)), cnn()])
    assert set(map(id, backbone(flat, copy=False).layers)) <= set(map(id, flat.layers))
    np.testing.assert_array_equal(predict(backbone(flat, copy=False), rows(flat)), features(flat, rows(flat)))
    assert not set(map(id, backbone(flat).layers)) & set(map(id, flat.layers))
    np.testing.assert_array_equal(predict(backbone(nested, copy=False), rows(nested)), features(nested, rows(nested)))


def test_backbone_times_head_weights_gives_the_probabilities_back():
    model = cnn()
    kernel, bias = model.get_layer("head").get_weights()
    scores = np.exp(features(model, rows(model)) @ kernel + bias)

    np.testing.assert_allclose(scores / scores.sum(axis=1, keepdims=True), predict(model, rows(model)), atol=1e-6)


def test_backbone_refuses_two_outputs():
    inputs = keras.Input((4,))
    with pytest.raises(ValueError, match="one input and one output"):
        backbone(keras.Model(inputs, [layers.Dense(2)(inputs), layers.Dense(2)(inputs)]))


def test_head_layers_are_one_for_each_fused_member(networks):
    assert [layer.name for layer in head_layers(networks["fused"])] == ["m0_head", "m1_head"]
    assert [layer.name for layer in head_layers(networks["cnn"])] == ["head"]


@pytest.mark.parametrize("name", [make.__name__ for make in NETWORKS])
def test_new_head_keeps_the_backbone_and_fits_the_new_classes(networks, name):
    model = networks[name]
    heir = new_head(model, classes=7, seed=5, dropout=0.2)

    assert heir.output_shape == (None, 7)
    assert heir.layers[-1].name == "head"
    np.testing.assert_allclose(predict(heir, rows(model)).sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(features(heir, rows(model)), features(model, rows(model)))


def test_new_head_gives_equal_weights_when_seeds_are_equal():
    one, same, other = (new_head(mlp(), 3, seed=seed) for seed in (4, 4, 5))

    np.testing.assert_array_equal(one.get_layer("head").get_weights()[0], same.get_layer("head").get_weights()[0])
    assert not np.array_equal(one.get_layer("head").get_weights()[0], other.get_layer("head").get_weights()[0])


def test_new_head_refuses_a_single_class():
    with pytest.raises(ValueError, match="Expected at least 2"):
        new_head(mlp(), 1, seed=0)


@pytest.mark.parametrize("shape", [(8, 8, 1), (8, 8, 3), (12, 10, 1), (5, 5, 3)])
def test_adapt_input_takes_pictures_of_another_size_or_colour(shape, tmp_path):
    model = cnn()
    adapted = adapt_input(model, shape)
    x = rows(adapted)

    assert adapted.input_shape == (None, *shape)
    assert predict(adapted, x).shape == (5, 4)
    adapted.save(tmp_path / "adapted.keras")
    loaded = keras.models.load_model(tmp_path / "adapted.keras", safe_mode=True)
    np.testing.assert_array_equal(predict(loaded, x), predict(adapted, x))
    assert refused(json.loads(adapted.to_json())) == []


def test_adapt_input_turns_colour_to_grey_by_luminance():
    model = cnn()
    colour = rows(adapt_input(model, (8, 8, 3)))
    grey = (colour @ np.array([0.299, 0.587, 0.114], np.float32))[..., np.newaxis]

    np.testing.assert_allclose(predict(adapt_input(model, (8, 8, 3)), colour), predict(model, grey), atol=1e-6)


def test_mobilenet_takes_grey_pictures_and_other_classes():
    model = keras.applications.MobileNet((32, 32, 3), alpha=0.25, weights=None, classes=4)
    heir = adapt_input(new_head(model, 7, seed=0), (32, 32, 1))
    grey = rows(heir)

    assert [layer.name for layer in head_layers(model)] == ["conv_preds"]
    assert heir.output_shape == (None, 7)
    found = features(heir, grey)
    assert found.shape == (5, 256)
    np.testing.assert_allclose(found, features(model, grey.repeat(3, axis=-1)), atol=1e-6)


def test_adapt_input_lays_out_pictures_for_a_network_of_as_many_values():
    model = build("mlp", (64,), 3, [5], [], 0.0, seed=0)
    x = np.random.default_rng(0).uniform(size=(4, 8, 8, 1)).astype(np.float32)

    np.testing.assert_array_equal(predict(adapt_input(model, (8, 8, 1)), x), predict(model, x.reshape(4, 64)))


def test_adapt_input_adapts_an_adapted_network_again():
    twice = adapt_input(adapt_input(cnn(), (16, 16, 3)), (8, 8, 1))

    assert predict(twice, rows(twice)).shape == (5, 4)


def test_adapt_input_settles_sizes_the_network_leaves_free():
    inputs = keras.Input((None, None, 1))
    free = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(layers.Conv2D(3, 3)(inputs))))
    settled = adapt_input(free, (9, 7, 1))

    assert settled.input_shape == (None, 9, 7, 1)
    np.testing.assert_allclose(predict(settled, rows(settled)), predict(free, rows(settled)), atol=1e-6)


@pytest.mark.parametrize(
    ("known", "given", "why"),
    [
        ((10,), (12,), "another number of features"),
        ((8, 8, 1), (64,), "one for tables"),
        ((8, 8, 1), (8, 8, 4), "1 and 3 channels"),
    ],
)
def test_adapt_input_says_why_when_it_cannot(known, given, why):
    with pytest.raises(ValueError, match=why):
        adapt_input(build("mlp", known, 3, [5], [], 0.0, seed=0), given)


def test_fuse_models_is_the_weighted_average_of_probabilities(networks):
    members = [networks["mlp"], networks["nested"], networks["pooled"], networks["cnn"]]
    weights = [0.5, 0.0, 1.5, 2.0]
    model = fuse_models(members, LinearPool(weights))
    x = rows(model)
    expected = sum(weight * predict(member, x) for weight, member in zip(weights, members, strict=True)) / sum(weights)

    np.testing.assert_allclose(predict(model, x), expected, atol=1e-6)
    assert not any(layer.name.startswith("m1_") for layer in model.layers)
    assert len(model.inputs) == 1
    assert refused(json.loads(model.to_json())) == []


def test_fuse_models_gives_the_member_itself_when_one_is_left(networks):
    model = fuse_models([networks["mlp"], networks["cnn"]], LinearPool([0, 2]))

    assert [layer.name for layer in model.layers] == [layer.name for layer in networks["cnn"].layers]


def test_fuse_models_fuses_what_was_fused_before(networks):
    model = fuse_models([networks["fused"], networks["mlp"]], LinearPool([1, 1]))
    expected = (predict(networks["fused"], rows(model)) + predict(networks["mlp"], rows(model))) / 2

    np.testing.assert_allclose(predict(model, rows(model)), expected, atol=1e-6)
    assert features(model, rows(model)).shape == (5, 12 + 6 + 12)


@pytest.mark.parametrize(
    ("members", "weights", "why"),
    [
        (["mlp", "cnn"], [1.0], "fitted on 2 members"),
        (["mlp", "cnn"], [1.0, -1.0], "numbers >= 0"),
        (["mlp", "cnn"], [0.0, 0.0], "sum > 0"),
        (["mlp", "larger"], [1.0, 1.0], "same input shape"),
        (["mlp", "without_classifier"], [1.0, 1.0], "same output shape"),
    ],
)
def test_fuse_models_refuses_what_does_not_fit(networks, members, weights, why):
    known = networks | {"larger": adapt_input(networks["mlp"], (9, 9, 1))}
    with pytest.raises(ValueError, match=why):
        fuse_models([known[name] for name in members], LinearPool(weights))


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 1), (8, 8, 1), (33, 20, 3)])
def test_build_cnn_never_pools_below_one_pixel(shape):
    model = build("cnn", shape, 2, [4], [3, 3, 3, 3, 3], 0.0, seed=0)

    assert all(size >= 1 for layer in model.layers for size in layer.output_shape[1:] if isinstance(size, int))
    assert predict(model, rows(model)).shape == (5, 2)
    assert model.layers[-1].name == "head"


@pytest.mark.parametrize("architecture", ["mlp", "cnn"])
def test_build_gives_equal_weights_when_seeds_are_equal(architecture):
    one, same, other = (build(architecture, (8, 8, 1), 3, [5], [4], 0.1, seed=seed) for seed in (7, 7, 8))

    assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), same.get_weights(), strict=True))
    assert not np.array_equal(one.get_weights()[0], other.get_weights()[0])


@pytest.mark.parametrize(
    ("architecture", "shape", "classes", "why"),
    [("rnn", (4,), 2, "one of"), ("cnn", (4,), 2, "tables take an mlp"), ("mlp", (4,), 1, "at least 2")],
)
def test_build_refuses_what_it_cannot_build(architecture, shape, classes, why):
    with pytest.raises(ValueError, match=why):
        build(architecture, shape, classes, [4], [4], 0.0, seed=0)


def test_predict_gives_the_same_whatever_the_batch_size(networks):
    x = rows(networks["cnn"], 11)

    np.testing.assert_allclose(predict(networks["cnn"], x, 4), networks["cnn"](x), atol=1e-6)
    assert predict(networks["cnn"], x[:0]).shape == (0, 4)
    with pytest.raises(ValueError, match="rows of shape"):
        predict(networks["cnn"], x[:, :4])


@pytest.mark.parametrize("count", [5, CALLED_ROWS + 1])  # called as it is, and compiled
def test_predict_follows_the_weights_and_lets_models_go(count):
    model = mlp()
    x = rows(model, count)
    before = predict(model, x)
    model.set_weights([weight * 2 for weight in model.get_weights()])
    assert not np.allclose(predict(model, x), before)
    np.testing.assert_allclose(predict(model, x), model(tf.constant(x)), atol=1e-6)

    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
