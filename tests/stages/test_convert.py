"""The final model: clustered where the recipe says so, converted, and each step judged on flatbuffers and undone by itself."""

from itertools import count
from typing import Any

import numpy as np
import pytest

from model_registry import artifacts, versions
from model_registry.errors import InputError
from tasks.convert import convert_model


@pytest.fixture
def network(network_of) -> Any:
    return network_of(32, 16)


@pytest.fixture
def converted(measured, prepared, registered, job_of, stage_tags, network):
    """`converted(**compress)`: the version that the stage made, and the tags of its run."""
    keys = count()

    def run(model: Any = None, **compress: Any):
        recipe, data = prepared(measured())
        trained = registered(recipe, data, model=network if model is None else model)
        job = job_of(recipe, compress=compress)
        made = convert_model(job, f"convert-{next(keys)}", trained.ref, data)
        return versions.get(made.name, made.version), stage_tags(job)

    return run


def stored(version: Any) -> dict[str, np.ndarray]:
    from tasks.methods.quantization.weights_of import layer_weights

    flatbuffer = (artifacts.fetch(version) / "bundle" / "model.tflite").read_bytes()
    return layer_weights(flatbuffer, ["first", "second", "head"])


def test_what_is_lost_is_told_against_the_float32_flatbuffer_with_its_interval(converted, network):
    from tasks.methods.coding.flatbuffer import pack
    from tasks.methods.quantization.convert import convert

    made, tags = converted(quantize={"max_drop": 0.5})
    facts, flatbuffer = made.facts, (artifacts.fetch(made) / "bundle" / "model.tflite").read_bytes()

    assert (made.operation, facts["mode"]) == ("quantized", "int8")
    assert (facts["size_bytes"], facts["packed_bytes"]) == (len(flatbuffer), len(pack(flatbuffer)))
    assert facts["size_bytes_before"] == len(convert(network, "float32"))
    assert facts["accuracy_drop_low"] <= facts["accuracy_drop"] <= facts["accuracy_drop_high"]
    assert facts["validation_accuracy_low"] <= facts["validation_accuracy"] <= facts["validation_accuracy_high"]
    assert "bequest.outcome" not in tags


CLUSTER = {"clusters": 5, "epochs": 1, "max_drop": 0.5}


@pytest.mark.parametrize(("mode", "operation"), [("float32", "clustered"), ("int8", "quantized")])
def test_clusters_last_into_what_is_served(converted, mode, operation):
    made, _ = converted(cluster=CLUSTER, quantize={"mode": mode, "max_drop": 0.5})

    assert (made.operation, made.facts["clusters"]) == (operation, 5)
    assert made.facts["cluster_accuracy_drop_low"] <= made.facts["cluster_accuracy_drop"]
    if mode == "float32":  # int8 has a scale for each channel, so each has its own integers for one value
        assert {name: len(np.unique(values)) for name, values in stored(made).items()} == dict.fromkeys(stored(made), 5)
        assert made.facts["packed_bytes"] < 0.6 * made.facts["packed_bytes_before"]


def test_training_for_int8_keeps_the_clusters(converted, monkeypatch):
    from tasks.methods.quantization import convert as conversion
    from tasks.methods.quantization.modes.float32 import float32

    def shaky(model: Any, mode: str, calibration: Any = None) -> bytes:
        """int8 after training that always says the same class."""
        if mode != "int8":
            return whole(model, mode, calibration)
        dull = type(model).from_config(model.get_config())
        dull.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
        return float32(dull, None)

    whole = conversion.convert
    monkeypatch.setattr(conversion, "convert", shaky)
    made, tags = converted(cluster=CLUSTER, quantize={"max_drop": 0.1, "aware_epochs": 1})

    assert made.facts["mode"] == "int8, quantization-aware"
    assert "int8 undone: validation accuracy from" in tags["bequest.outcome"]
    assert all(values.dtype == np.int8 and len(np.unique(values)) <= 5 for values in stored(made).values())


def test_clustering_is_undone_by_itself_where_it_costs_too_much(converted):
    ruin = {"clusters": 3, "epochs": 1, "learning_rate": 1e-7, "init": "linear", "max_drop": 0.0}
    made, tags = converted(model=spread(), cluster=ruin, quantize={"max_drop": 0.5})

    assert made.facts["mode"] == "int8"
    assert "clusters" not in made.facts
    assert tags["bequest.outcome"].startswith("clustering undone: validation accuracy from")
    assert "as int8, allowed 0.0" in tags["bequest.outcome"]


def spread() -> Any:
    """The class hangs on weights that are small beside the greatest, so three values in equal steps lose it."""
    from tasks.methods.backend import keras

    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax", use_bias=False, name="head")(inputs))
    model.set_weights([np.array([[0.5, -0.5], [9.0, 9.0], [-8.0, -8.1]])])
    return model


def test_clustering_that_diverges_is_undone(converted):
    made, tags = converted(cluster=CLUSTER | {"learning_rate": 1e30}, quantize={"max_drop": 0.5})
    assert tags["bequest.outcome"].startswith("clustering undone: Training diverged")
    assert made.facts["mode"] == "int8"


def test_power_of_two_weights_are_served_or_undone(converted):
    made, _ = converted(quantize={"mode": "float32", "power_of_two_bits": 8, "max_drop": 0.5})
    rough, tags = converted(model=spread(), quantize={"mode": "float32", "power_of_two_bits": 2, "max_drop": 0.0})

    assert (made.operation, made.facts["mode"]) == ("quantized", "float32, weights in 8 bits on a power-of-two grid")
    assert (rough.operation, rough.facts["mode"]) == ("converted", "float32")
    assert "weights in 2 bits on a power-of-two grid undone: validation accuracy" in tags["bequest.outcome"]


def test_a_mode_that_litert_does_not_have_for_the_network_is_refused(converted):
    from tasks.methods.backend import keras

    inputs = keras.Input((3,))
    hidden = keras.layers.Reshape((3, 1, 1))(inputs)
    hidden = keras.layers.DepthwiseConv2D((2, 1), depth_multiplier=2)(hidden)
    outputs = keras.layers.Softmax()(keras.layers.GlobalMaxPooling2D()(hidden))
    with pytest.raises(InputError, match=r"compress.quantize.mode: .*Received: weight_only_int4, and it .*hold in 4 bits"):
        converted(model=keras.Model(inputs, outputs), quantize={"mode": "weight_only_int4"})
