"""An ancestor is judged before and after pruning as it would be served, and handed on whole where that costs too much."""

from typing import Any

import pytest

from model_registry import artifacts, store, versions
from model_registry.errors import InputError
from tasks.compress import prune_ancestor

QUICK = {"epochs": 2, "learning_rate": 0.01}


@pytest.fixture
def network(network_of) -> Any:
    return network_of(16, 8)


@pytest.fixture
def pruned(measured, prepared, registered, job_of, stage_tags, network):
    """`pruned(prune, **sections)`: the ancestor, what the stage made of it, and the tags of its run."""

    def run(prune: dict[str, Any], model: Any = None, **compress: Any):
        recipe, data = prepared(measured())
        ancestor = registered(recipe, data, model=network if model is None else model)
        job = job_of(recipe, compress=compress | {"prune": QUICK | {"max_drop": 0.3} | prune})
        made = prune_ancestor(job, "compress-1", ancestor.ref, data)
        return ancestor, versions.get(made.name, made.version), stage_tags(job)

    return run


def test_before_and_after_are_read_off_flatbuffers_of_the_recipes_mode(pruned):
    from tasks.methods.networks.store import load
    from tasks.methods.quantization.convert import convert

    ancestor, made, tags = pruned({"sparsity": 0.6}, quantize={"mode": "weight_only_int8"})
    facts = made.facts

    assert (made.operation, tags["bequest.judged_as"], facts["judged_as"]) == ("pruned", *["weight_only_int8"] * 2)
    for version, name in ((ancestor, "size_bytes_before"), (made, "size_bytes")):
        model = load(artifacts.fetch(version) / "model.keras")
        assert facts[name] == len(convert(model, "weight_only_int8"))
    assert 0 < facts["packed_bytes"] < facts["packed_bytes_before"]  # zeros pack well
    assert facts["validation_accuracy_before_low"] <= facts["validation_accuracy_before"]
    assert facts["accuracy_drop"] == pytest.approx(facts["validation_accuracy_before"] - facts["validation_accuracy"])
    assert facts["accuracy_drop_low"] <= facts["accuracy_drop"] <= facts["accuracy_drop_high"]
    assert facts["sparsity"] == pytest.approx(0.6, abs=0.02)


def test_the_mode_is_float32_where_a_budget_chooses_it_later(pruned):
    assert pruned({"sparsity": 0.6}, budget={"ratio": 2})[2]["bequest.judged_as"] == "float32"


def test_pruning_is_undone_where_the_served_network_loses_too_much(pruned):
    ancestor, made, tags = pruned({"sparsity": 0.97, "epochs": 1, "learning_rate": 1e-6, "max_drop": 0.01})

    assert made.label == ancestor.label
    assert "was undone: validation accuracy from" in tags["bequest.outcome"]
    assert "95 % interval" in tags["bequest.outcome"]
    assert tags["bequest.outcome"].endswith("as int8, allowed 0.01")


@pytest.mark.parametrize(
    ("prune", "sizes"),
    [
        ({"sparsity": 0.5}, (8, 4)),
        ({"sparsity": 0.5, "score": "taylor"}, (8, 4)),
        ({"sparsity": 0.5, "score": "l1", "layers": {"second": 0.0}}, (8, 8)),
    ],
)
def test_channels_go_by_score_and_layer(pruned, prune, sizes):
    from tasks.methods.networks.store import load

    made = pruned({"pattern": "channels"} | prune)[1]
    model = load(artifacts.fetch(made) / "model.keras")
    assert tuple(model.get_layer(name).units for name in ("first", "second")) == sizes
    assert made.facts["parameters_before"] > made.facts["parameters"]


def test_channels_go_by_one_threshold_where_the_budget_is_global(pruned, network):
    from tasks.methods.networks.graph import to_functional
    from tasks.methods.networks.store import load

    uneven = to_functional(network)
    kernel = uneven.get_layer("first").kernel
    kernel.assign(kernel.numpy() * ([1] * 4 + [1e-3] * 12))
    made = pruned({"pattern": "channels", "sparsity": 0.5, "budget": "global", "max_drop": 0.6}, model=uneven)[1]
    model = load(artifacts.fetch(made) / "model.keras")
    assert [model.get_layer(name).units for name in ("first", "second")] == [4, 8]


def test_normalization_is_measured_anew_before_the_smaller_network_is_trained(pruned, monkeypatch):
    from tasks.methods.networks import batch_statistics

    seen = []
    whole = batch_statistics.recalibrate
    monkeypatch.setattr(batch_statistics, "recalibrate", lambda *each: seen.append(whole(*each)))
    pruned({"pattern": "channels"})
    assert seen == [1]


def test_single_layers_get_their_own_sparsity(pruned):
    from tasks.methods.networks.store import load
    from tasks.methods.pruning.masks import sparsity

    made = pruned({"sparsity": 0.75, "layers": {"head": 0.0, "second": 0.5}})[1]
    found = sparsity(load(artifacts.fetch(made) / "model.keras"))
    assert found == pytest.approx({"first": 0.75, "second": 0.5, "head": 0.0}, abs=0.01)


@pytest.mark.parametrize("pattern", ["unstructured", "channels"])
def test_a_layer_that_does_not_exist_is_named(pruned, pattern):
    with pytest.raises(InputError, match=r"compress.prune.layers: expected .*'first', 'second'.*Did you mean 'second'\?"):
        pruned({"pattern": pattern, "layers": {"secnd": 0.5}})


def test_a_scan_gives_each_layer_what_it_stands_up_to_the_recipes_sparsity(pruned, stage_tags):
    from tasks.methods.networks.store import load
    from tasks.methods.pruning.masks import sparsity

    _, made, _ = pruned({"budget": "scan", "sparsity": 0.9, "max_drop": 0.05})
    found = sparsity(load(artifacts.fetch(made) / "model.keras"))
    logged = store.client().list_artifacts(made.run_id)

    assert max(found.values()) <= 0.91
    assert len({round(value, 2) for value in found.values()}) > 1
    assert sum(found.values()) > 0.3
    assert "scan.json" in {file.path for file in logged}


def test_a_scan_that_finds_nothing_to_take_leaves_the_ancestor_whole(pruned):
    ancestor, made, tags = pruned(
        {"budget": "scan", "sparsity": 0.99, "max_drop": 0.0}, quantize={"mode": "float32"}, model=frail()
    )
    assert made.label == ancestor.label
    assert tags["bequest.outcome"].endswith("is handed on as it is: no layer stands it within max_drop 0.0")


def frail() -> Any:
    """The first input decides; the smallest weights keep the second out of it by cancelling each other."""
    import numpy as np

    from tasks.methods.backend import keras

    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax", use_bias=False, name="head")(inputs))
    model.set_weights([np.array([[0.5, -0.5], [0.4, 0.4], [3.0, 3.0]])])
    return model


@pytest.mark.parametrize("pattern", ["unstructured", "2:4"])
def test_what_is_sparse_already_is_handed_on(pruned, network, pattern):
    import numpy as np

    from tasks.methods.networks.graph import to_functional
    from tasks.methods.pruning.masks import kernels

    model = to_functional(network)
    for kernel in kernels(model).values():
        values = kernel.numpy()
        values[np.arange(len(values)) % 4 > 1 if pattern == "2:4" else slice(len(values) // 2 + 1)] = 0
        kernel.assign(values)
    ancestor, made, tags = pruned({"pattern": pattern, "sparsity": 0.5}, model=model)

    assert made.label == ancestor.label
    assert "is handed on as it is: it is sparse already (0." in tags["bequest.outcome"]


def test_half_of_the_weights_at_zero_are_no_two_of_every_four(pruned, network):
    import numpy as np

    from tasks.methods.networks.graph import to_functional
    from tasks.methods.pruning.masks import kernels

    model = to_functional(network)
    for kernel in kernels(model).values():
        kernel.assign(np.where(np.arange(kernel.shape[0])[:, np.newaxis] < kernel.shape[0] / 2, 0, kernel.numpy()))
    assert pruned({"pattern": "2:4"}, model=model)[1].operation == "pruned"
