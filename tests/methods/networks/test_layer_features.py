"""What the layers of a network read, level by level, against the layers themselves."""

import numpy as np
import pytest

from tasks.methods.backend import keras
from tasks.methods.fusion.combiners import LinearPool
from tasks.methods.networks.architectures import build
from tasks.methods.networks.fuse import fuse_models
from tasks.methods.networks.graph import features
from tasks.methods.networks.layer_features import MAX_MAP, MAX_VECTOR, LayerFeatures


def output_of(model, name, x):
    return keras.Model(model.inputs, model.get_layer(name).output)(x, training=False).numpy()


def test_layers_of_a_table_from_the_top_down():
    model = build("mlp", (5,), 3, hidden=[8, 4], filters=[], dropout=0.5, seed=0)
    x = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
    top, middle, bottom = LayerFeatures(model)(x)
    np.testing.assert_allclose(top, features(model, x), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(LayerFeatures(model).top(x), top)
    np.testing.assert_allclose(middle, output_of(model, "dense_1", x), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(bottom, x)
    assert [values.shape[1] for values in LayerFeatures(model, levels=2)(x)] == [4, 8]


def test_maps_are_averaged_over_squares():
    model = build("cnn", (8, 8, 1), 3, hidden=[4], filters=[64], dropout=0.0, seed=0)
    x = np.random.default_rng(0).normal(size=(3, 8, 8, 1)).astype(np.float32)
    top, flat, picture = LayerFeatures(model)(x)
    assert (top.shape, flat.shape) == ((3, 4), (3, 1024))
    np.testing.assert_allclose(picture, x.reshape(3, -1), rtol=1e-6)  # 64 numbers are few enough
    wide = build("cnn", (8, 8, 64), 3, hidden=[4], filters=[4], dropout=0.0, seed=0)
    many = np.random.default_rng(0).normal(size=(3, 8, 8, 64)).astype(np.float32)
    squares = LayerFeatures(wide)(many)[-1]
    expected = many.reshape(3, 2, 4, 2, 4, 64).mean(axis=(2, 4)).reshape(3, -1)
    assert squares.shape[1] == MAX_MAP
    np.testing.assert_allclose(squares, expected, atol=1e-6)


def test_wide_vectors_are_thinned_but_the_features_stay_whole():
    inputs = keras.Input((MAX_VECTOR * 2,))
    hidden = keras.layers.Dense(MAX_VECTOR + 1, activation="relu")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(hidden))
    x = np.random.default_rng(0).normal(size=(2, MAX_VECTOR * 2)).astype(np.float32)
    assert [values.shape[1] for values in LayerFeatures(model)(x)] == [MAX_VECTOR + 1, MAX_VECTOR]


def test_normalisations_are_no_layers_of_their_own():
    inputs = keras.Input((6,))
    x = keras.layers.BatchNormalization()(keras.layers.Dense(5)(inputs))
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(keras.layers.Dense(4)(x)))
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(x))
    found = LayerFeatures(model)(np.ones((2, 6), np.float32))
    assert [values.shape[1] for values in found] == [4, 5, 6]


def test_members_of_a_fused_network_stand_side_by_side():
    members = [build("mlp", (5,), 3, hidden=[8, units], filters=[], dropout=0.0, seed=units) for units in (4, 6)]
    x = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    found = LayerFeatures(fuse_models(members, LinearPool([0.5, 0.5])))(x)
    assert [values.shape[1] for values in found] == [10, 16, 5]


def test_network_that_ends_in_features_gives_them_first():
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(7, 3, activation="relu")(inputs))
    found = LayerFeatures(model)(np.ones((2, 8, 8, 3), np.float32))
    assert [values.shape for values in found] == [(2, 7), (2, 192)]


def test_rows_of_another_shape_are_refused():
    model = build("mlp", (5,), 3, hidden=[4], filters=[], dropout=0.0, seed=0)
    with pytest.raises(ValueError, match=r"rows of shape \[5\].*Received: rows of shape \[4\]"):
        LayerFeatures(model)(np.ones((2, 4), np.float32))
