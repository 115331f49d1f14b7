"""Teachers out of the registry: their classes in the target's order."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model_registry.errors import InputError
from model_registry.versions import Version
from tasks.bring_in import bring_in
from tasks.data.dataset import DataSet
from tasks.importing.request import Request
from tasks.stage import Job
from tasks.teachers import _ordered, teachers


def network(units: int):
    from tasks.methods.networks.architectures import build

    return build("mlp", (3,), units, hidden=[4], filters=[], dropout=0.0, seed=0)


def version() -> Version:
    return Version.model_validate({"name": "master", "version": 1, "ready": True, "created": "2026-01-01T00:00:00Z"})


def test_outputs_are_brought_into_the_targets_order():
    from tasks.methods.networks.predict import predict

    model, x = network(3), np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    before = predict(model, x)
    after = predict(_ordered(version(), model, [2, 0, 1]), x)
    np.testing.assert_allclose(after, before[:, [2, 0, 1]], rtol=1e-6)


def test_network_with_another_number_of_outputs_is_refused():
    with pytest.raises(InputError, match=r"a teacher with 2 outputs, one a class\. Received: master/1, which has 3"):
        _ordered(version(), network(3), [0, 1])


def flatbuffer(folder: Path, name: str, inputs: int) -> Version:
    """A LiteRT network of two classes from outside."""
    from tasks.methods.networks.architectures import build
    from tasks.methods.quantization.convert import convert

    model = build("mlp", (inputs,), 2, hidden=[4], filters=[], dropout=0.0, seed=inputs)
    (folder / f"{name}.tflite").write_bytes(convert(model, "float32"))
    return bring_in(Request(folder / f"{name}.tflite", name))


def test_flatbuffer_from_outside_teaches_its_probabilities_and_no_features(
    prepared: Callable, measured: Callable, tmp_path: Path
):
    from tasks.methods.distillation.teachers import Teachers
    from tasks.methods.litert import LiteRunner

    recipe, data = prepared(measured())
    job, rows = Job(recipe=recipe, recipe_sha256="", run_id="", experiment_id="", trigger={}), DataSet.open(data)
    version = flatbuffer(tmp_path, "outside", 3)
    found, networks = teachers(job, [version.ref], rows)
    x = rows.split("train").x
    assert [each.label for each in found] == [version.label]
    expected = LiteRunner((tmp_path / "outside.tflite").read_bytes()).run(x)
    np.testing.assert_allclose(Teachers(networks)(x).probabilities, expected, rtol=1e-6)
    with pytest.raises(ValueError, match="hints are features"):
        Teachers(networks)(x, features=True)


def test_flatbuffer_for_other_rows_is_refused(prepared: Callable, measured: Callable, tmp_path: Path):
    recipe, data = prepared(measured())
    job = Job(recipe=recipe, recipe_sha256="", run_id="", experiment_id="", trigger={})
    version = flatbuffer(tmp_path, "wide", 5)
    with pytest.raises(InputError, match=r"expected rows of shape \[3\] in, 2 probabilities out. Received: wide/1"):
        teachers(job, [version.ref], DataSet.open(data))
