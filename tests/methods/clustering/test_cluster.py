"""Clustered networks: few different weights in every kernel, zeros where they were, and most of the accuracy."""

import json

import numpy as np
import pytest

from tasks.methods.backend import keras
from tasks.methods.clustering.cluster import cluster
from tasks.methods.networks.architectures import build
from tasks.methods.networks.fit import FitSettings, fit
from tasks.methods.networks.graph import to_functional
from tasks.methods.networks.predict import predict
from tasks.methods.networks.vet import refused
from tasks.methods.pruning.masks import Masks, kernels, sparsity

SETTINGS = {"epochs": 2, "batch_size": 32, "learning_rate": 1e-3, "seed": 0}


@pytest.fixture(scope="module")
def sparse(fewer_digits):
    """A trained network, the smaller half of every kernel at zero."""
    model = build("cnn", (8, 8, 1), 10, [16], [6], 0.1, seed=0)
    fit(model, *fewer_digits, FitSettings(epochs=10, learning_rate=5e-3))
    for kernel in kernels(model).values():
        values = kernel.numpy()
        kernel.assign(np.where(np.abs(values) >= np.median(np.abs(values)), values, 0))
    fit(model, *fewer_digits, FitSettings(epochs=3, learning_rate=2e-3), masks=Masks.of(model))
    return model


@pytest.fixture(scope="module")
def clustered(sparse, fewer_digits):
    return cluster(sparse, 6, *fewer_digits, **SETTINGS)


def values(model):
    return {name: np.unique(kernel.numpy()) for name, kernel in kernels(model).items()}


def test_cluster_leaves_k_values_zero_among_them_and_every_zero_in_place(sparse, clustered):
    for name, found in values(clustered).items():
        assert len(found) <= 6
        assert 0 in found
        assert (kernels(clustered)[name].numpy()[kernels(sparse)[name].numpy() == 0] == 0).all()
    assert sparsity(clustered) == pytest.approx(sparsity(sparse), abs=0.03)


def test_cluster_keeps_most_of_the_accuracy_and_gives_a_plain_network(sparse, clustered, fewer_digits):
    x, y = fewer_digits[1]

    assert (predict(clustered, x).argmax(axis=1) == y).mean() > (predict(sparse, x).argmax(axis=1) == y).mean() - 0.08
    assert [layer.name for layer in clustered.layers] == [layer.name for layer in sparse.layers]
    assert refused(json.loads(clustered.to_json())) == []
    assert all(len(found) > 6 for found in values(sparse).values())


def test_cluster_gives_identical_weights_when_seeds_are_equal(sparse, clustered, fewer_digits):
    again = cluster(sparse, 6, *fewer_digits, **SETTINGS)

    assert all(np.array_equal(a, b) for a, b in zip(clustered.get_weights(), again.get_weights(), strict=True))


def test_cluster_takes_the_epoch_of_the_lowest_validation_loss(sparse, fewer_digits):
    seen = []
    found = cluster(sparse, 4, *fewer_digits, **SETTINGS | {"learning_rate": 5e-3}, on_epoch=lambda *each: seen.append(each))
    chances = predict(found, fewer_digits[1][0])[np.arange(200), fewer_digits[1][1]]

    assert [epoch for epoch, _ in seen] == [1, 2]
    assert all(0.45 < log["sparsity"] < 0.6 for _, log in seen)
    assert -np.log(chances).mean() <= min(log["validation_loss"] for _, log in seen) + 1e-3


def test_cluster_of_named_layers_leaves_others_free_but_sparse(sparse, fewer_digits):
    found = cluster(sparse, {"dense_1": 5}, *fewer_digits, **SETTINGS | {"epochs": 1})

    assert len(values(found)["dense_1"]) <= 5
    assert len(values(found)["head"]) > 20
    assert sparsity(found)["head"] == sparsity(sparse)["head"]


def test_cluster_moves_zeros_where_sparsity_is_not_preserved(sparse, fewer_digits):
    found = cluster(sparse, 2, *fewer_digits, **SETTINGS | {"epochs": 1}, preserve_sparsity=False, init="linear")

    assert all(len(each) <= 2 for each in values(found).values())


def test_cluster_again_keeps_the_clusters(clustered, fewer_digits):
    again = cluster(clustered, 6, *fewer_digits, **SETTINGS | {"epochs": 1})

    assert all(len(found) <= 6 for found in values(again).values())


def test_cluster_takes_kernels_of_few_weights_zeros_alone_and_other_layers(fewer_digits):
    inputs = keras.Input((8, 8, 1))
    hidden = keras.layers.DepthwiseConv2D(3, name="depthwise")(inputs)
    hidden = keras.layers.BatchNormalization(name="norm")(keras.layers.SeparableConv2D(4, 3, name="few")(hidden))
    hidden = keras.layers.Dense(6, name="nothing", kernel_initializer="zeros")(keras.layers.Flatten()(hidden))
    model = to_functional(keras.Model(inputs, keras.layers.Dense(10, activation="softmax", name="head")(hidden)))
    found = values(cluster(model, 5, *fewer_digits, **SETTINGS | {"epochs": 1}))

    assert len(found["few"]) == 4
    assert len(found["head"]) <= 5
    np.testing.assert_array_equal(found["nothing"], [0])


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"num_clusters": {"dense1": 8}}, "Did you mean 'dense_1'"),
        ({"num_clusters": 2}, "Expected 3 to 256, zero counted. Received: 2"),
        ({"num_clusters": 257}, "Expected 3 to 256"),
        ({"init": "kmean++"}, r"Invalid `init`. Expected one of .*kmeans\+\+"),
        ({"epochs": 0}, "epochs=0"),
        ({"batch_size": 0}, "batch_size=0"),
    ],
)
def test_cluster_refuses_what_cannot_be(sparse, fewer_digits, wrong, why):
    with pytest.raises(ValueError, match=why):
        cluster(sparse, train=fewer_digits[0], validation=fewer_digits[1], **{"num_clusters": 6} | SETTINGS | wrong)
