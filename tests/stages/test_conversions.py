"""The order in which conversions are tried, and what is served where int8 loses too much."""

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


def test_conversions_are_tried_from_the_smallest_to_float32(trained):
    model, train, validation = trained
    found = list(conversions(job(aware_epochs=1, keep_float=1), model, train, validation, train[0][:50]))
    assert [way.how for way in found] == ["int8", "int8, quantization-aware", "int8, 1 layers in float32", "float32"]
    sizes = [len(way.flatbuffer or b"") for way in found]
    assert sizes[0] < sizes[3]
    assert sizes[0] != sizes[2] < sizes[3] + 2000
    for way in found:
        assert way.probabilities is not None
        assert way.accuracy == (way.probabilities.argmax(axis=1) == validation[1]).mean()


def test_conversions_stop_at_the_recipes_mode_unless_remedies_are_asked_for(trained):
    model, train, validation = trained
    assert [way.how for way in conversions(job(), model, train, validation, train[0][:50])] == ["int8", "float32"]
    assert [way.how for way in conversions(job(mode="float32"), model, train, validation, train[0][:50])] == ["float32"]


def test_conversions_tell_why_one_cannot_be_made(trained, monkeypatch: pytest.MonkeyPatch):
    from tasks.methods.quantization import aware

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise ValueError("a layer that tfmot cannot quantize")

    monkeypatch.setattr(aware, "qat", refuse)
    model, train, validation = trained
    found = {way.how: way for way in conversions(job(aware_epochs=1), model, train, validation, train[0][:50])}
    assert found["int8, quantization-aware"].flatbuffer is None
    assert "tfmot cannot quantize" in found["int8, quantization-aware"].trouble
    assert found["float32"].flatbuffer is not None
