"""A budget met by a mode that trains on: its own network is registered beside the flatbuffer that was judged."""

from typing import Any

import numpy as np
import pytest

from model_registry import artifacts, versions
from tasks.plan import plan_compression


@pytest.fixture
def network(network_of) -> Any:
    return network_of(64, 32)


def test_what_training_for_int8_gave_is_served_with_its_own_network(
    measured, prepared, registered, job_of, stage_tags, network
):
    from tasks.methods.litert import LiteRunner
    from tasks.methods.networks.predict import predict
    from tasks.methods.networks.store import load

    recipe, data = prepared(measured())
    search = {"trials": 1, "epochs": 1, "learning_rate": 0.05, "modes": ["int8_aware"]}
    job = job_of(recipe, compress={"budget": {"ratio": 1.5}, "max_drop": 0.5, "search": search})
    made = plan_compression(job, "plan-1", registered(recipe, data, model=network).ref, data)
    served = versions.get(made.name, made.version)
    folder = artifacts.fetch(served)
    model, flatbuffer = load(folder / "model.keras"), (folder / "bundle" / "model.tflite").read_bytes()
    rows = np.random.default_rng(2).normal(size=(50, 3)).astype(np.float32)

    assert (served.operation, served.facts["mode"], served.facts["steps"]) == ("quantized", "int8_aware", "int8_aware")
    assert served.facts["training_steps"] > 0
    assert served.facts["size_bytes"] == len(flatbuffer) < served.facts["size_bytes_before"] / 1.5
    assert served.facts["accuracy_drop_low"] <= served.facts["accuracy_drop"] <= served.facts["accuracy_drop_high"]
    assert [layer.name for layer in model.layers if "normalization" in layer.name] == []  # folded
    assert not np.allclose(model.get_layer("second").get_weights()[0], network.get_layer("second").get_weights()[0])
    np.testing.assert_allclose(LiteRunner(flatbuffer).run(rows), predict(model, rows), atol=0.1)
    assert "int8_aware is served" in stage_tags(job)["bequest.outcome"]
