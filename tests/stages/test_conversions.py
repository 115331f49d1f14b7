"""The order in which conversions are tried, and what becomes of the network in each."""

from typing import Any

import numpy as np
import pytest

from tasks.conversions import conversions
from tasks.recipe.schema import Recipe
from tasks.stage import Job


def job(**quantize: Any) -> Job:
    recipe = Recipe.model_validate({"name": "trial", "data": {"source": "bundled:iris"}, "compress": {"quantize": quantize}})
    return Job(recipe=recipe, recipe_sha256="", run_id="", experiment_id="", trigger={})


@pytest.fixture(scope="module")
def trained() -> tuple[Any, Any, Any]:
    from tasks.methods.networks.architectures import build
    from tasks.methods.networks.fit import FitSettings, fit

    x = np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64)
    model = build("mlp", (6,), 2, hidden=[128, 64], filters=[], dropout=0.0, seed=0)
    train, validation = (x[:200], y[:200]), (x[200:], y[200:])
    fit(model, train, validation, FitSettings(epochs=4, learning_rate=1e-2))
    return model, train, validation


def ways(model: Any, train: Any, validation: Any, **quantize: Any) -> list[Any]:
    from tasks.methods.planning.served import first_served

    calibration = train[0][:50]
    whole = first_served(model, ["float32"], calibration, validation)[1]
    return list(conversions(job(**quantize), model, train, validation, calibration, whole))


def test_conversions_are_tried_from_the_smallest_to_float32(trained):
    found = ways(*trained, aware_epochs=1, keep_float=1)
    assert [way.how for way in found] == ["int8", "int8, quantization-aware", "int8, 1 layers in float32", "float32"]
    sizes = [way.served.size_bytes for way in found]
    assert sizes[0] < sizes[3]
    assert sizes[0] != sizes[2] < sizes[3] + 2000
    for way in found:
        assert way.served.accuracy == (way.served.probabilities.argmax(axis=1) == trained[2][1]).mean()


@pytest.mark.parametrize(
    ("quantize", "expected"),
    [
        ({}, ["int8", "float32"]),
        ({"mode": "float32"}, ["float32"]),
        ({"mode": "dynamic", "aware_epochs": 1, "keep_float": 1}, ["dynamic", "float32"]),
        (
            {"mode": "float16", "power_of_two_bits": 6},
            ["float16, weights in 6 bits on a power-of-two grid", "float16", "float32"],
        ),
    ],
)
def test_conversions_stop_at_the_recipes_mode_unless_remedies_are_asked_for(trained, quantize, expected):
    assert [way.how for way in ways(*trained, **quantize)] == expected


@pytest.mark.parametrize("mode", ["float32", "float16"])
def test_weights_are_on_the_grid_in_the_flatbuffer_even_before_a_normalization(mode):
    from tasks.methods.backend import keras
    from tasks.methods.quantization.weights_of import flatbuffer_weights

    inputs = keras.Input((6,))
    norm = keras.layers.BatchNormalization()
    hidden = keras.layers.ReLU()(norm(keras.layers.Dense(5)(inputs)))
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(hidden))
    norm.set_weights([np.linspace(0.3, 1.7, 5)] * 4)
    rows = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    found = ways(model, (rows, np.zeros(40, int)), (rows, np.zeros(40, int)), mode=mode, power_of_two_bits=5)[0]

    for values in flatbuffer_weights(found.served.flatbuffer).values():
        step = 2.0 ** np.ceil(np.log2(np.abs(values.astype(np.float64)).max() / 16))
        integers = values.astype(np.float64) / step
        np.testing.assert_array_equal(integers, np.rint(integers))
        assert -16 <= integers.min() < integers.max() <= 15
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in found.model.layers)


def test_training_for_int8_keeps_zeros_and_clusters(trained):
    from tasks.methods.clustering.cluster import cluster
    from tasks.methods.pruning.gradual import prune
    from tasks.methods.pruning.masks import kernels
    from tasks.methods.quantization.weights_of import layer_weights

    model, train, validation = trained
    few = (train, validation, 1, 50, 1e-3, 0)
    small = cluster(prune(model, 0.6, *few), 8, *few)
    aware = ways(small, train, validation, aware_epochs=1)[1]

    for stored in layer_weights(aware.served.flatbuffer, kernels(small)).values():
        assert len(np.unique(stored)) <= 8
        assert (stored == 0).mean() >= 0.55


def test_conversions_tell_why_one_cannot_be_made(trained, monkeypatch: pytest.MonkeyPatch):
    from tasks.methods.quantization import aware

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise ValueError("a layer that tfmot cannot quantize")

    monkeypatch.setattr(aware, "qat", refuse)
    found = {way.how: way for way in ways(*trained, aware_epochs=1)}
    assert found["int8, quantization-aware"].served is None
    assert "tfmot cannot quantize" in found["int8, quantization-aware"].trouble
    assert found["float32"].served is not None
