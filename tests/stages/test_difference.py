import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_registry import store, versions
from model_registry.reference import DataRef
from model_registry.versions import Version
from tasks import bundle
from tasks.data.dataset import DataSet
from tasks.derive import BUNDLE
from tasks.difference import difference
from tasks.recipe.schema import Recipe
from tasks.solution import Solution

ON_A = np.array([[1, -1], [0, 0], [0, 0]], np.float32)  # what decides the label
ON_B = np.array([[0, 0], [1, -1], [0, 0]], np.float32)  # what does not


@pytest.fixture(scope="session")
def linear() -> Callable[[np.ndarray], bytes]:
    """softmax(x @ kernel) as LiteRT."""

    def made(kernel: np.ndarray) -> bytes:
        from tasks.methods.backend import keras
        from tasks.methods.quantization.convert import convert

        inputs = keras.Input((3,))
        layer = keras.layers.Dense(kernel.shape[1], activation="softmax", use_bias=False)
        model = keras.Model(inputs, layer(inputs))
        model.set_weights([kernel])
        return convert(model, "float32")

    return made


@pytest.fixture
def served(workspace: Path, tmp_path: Path, linear: Callable[[np.ndarray], bytes]) -> Callable[..., Version]:
    """`served(recipe, data, kernel)`: a version with a bundle; without one where no kernel is given."""
    number = count()

    def made(recipe: Recipe, data: DataRef, kernel: np.ndarray | None = None, **facts: Any) -> Version:
        folder, rows = tmp_path / f"served{next(number)}", DataSet.open(data)
        Solution(recipe=recipe.model_dump(mode="json"), card=rows.card, preprocessing=rows.preprocessing).write(folder)
        if kernel is not None:
            bundle.write(
                folder / BUNDLE,
                flatbuffer=linear(kernel),
                preprocessing=rows.preprocessing,
                labels=rows.card.classes,
                name=recipe.name,
            )
        return versions.register(
            recipe.name,
            folder,
            operation="quantized",
            parents=[],
            run_id=store.client().create_run(store.experiment(recipe.name).experiment_id).info.run_id,
            stage_key=folder.name,
            data_sha256=data.sha256,
            data_uri=data.uri,
            facts=facts,
        )

    return made


def test_difference_counts_the_test_rows_that_turned(prepared, served, measured):
    recipe, data = prepared(measured(300))
    found = difference(served(recipe, data, ON_A), served(recipe, data, ON_B))
    test = DataSet.open(data).split("test")
    by_a, by_b = ((test.x @ kernel).argmax(axis=1) for kernel in (ON_A, ON_B))
    said = found.predictions
    assert said is not None
    assert (said.rows, said.of) == (len(test.y), "trial/2")
    assert (said.right_a, said.right_b) == ((by_a == test.y).sum(), (by_b == test.y).sum())
    assert said.changed == (by_a != by_b).sum()
    assert said.right_to_wrong == ((by_a == test.y) & (by_b != test.y)).sum() > 0
    assert said.wrong_to_right == ((by_a != test.y) & (by_b == test.y)).sum()
    first = int(np.flatnonzero(by_a != by_b)[0])
    example = said.examples[0]
    names = DataSet.open(data).card.classes
    assert (example.row, example.a, example.b) == (first, names[by_a[first]], names[by_b[first]])
    assert (found.recipe, found.data, found.notes, said.notes) == ({}, {}, [], [])


def test_difference_tells_recipe_data_and_figures_apart(prepared, served, measured):
    recipe, data = prepared(measured())
    other, more = prepared(measured(200, seed=1), seed=3)
    found = difference(served(recipe, data, size_bytes=10, mode="int8"), served(other, more, size_bytes=7, sparsity=0.5))
    assert (found.recipe["seed"].a, found.recipe["seed"].b) == (0, 3)
    assert set(found.recipe) == {"seed", "data.source"}
    assert (found.data["rows"].a, found.data["rows"].b) == (120, 200)
    assert {"sha256", "fingerprint", "rows.train.high"} <= set(found.data)
    assert "classes" not in found.data
    assert found.figures["size_bytes"].model_dump() == {"a": 10, "b": 7}
    assert found.figures["sparsity"].model_dump() == {"a": None, "b": 0.5}
    assert found.predictions is None
    assert found.notes[0].startswith("predictions are not compared: no bundle in trial/1 and trial/2")


def test_difference_reads_the_test_split_of_the_other_when_one_data_set_is_gone(prepared, served, measured):
    recipe, data = prepared(measured())
    _, more = prepared(measured(200, seed=1))
    first, second = served(recipe, data, ON_A), served(recipe, more, ON_B)
    shutil.rmtree(more.uri)
    found = difference(first, second)
    assert found.predictions is not None
    assert found.predictions.of == "trial/1"
    assert found.notes == ["the data set of trial/2 does not stand here any more"]


def test_difference_says_which_rows_one_has_learned_from(prepared, served, measured):
    recipe, data = prepared(measured())
    _, again = prepared(measured(), seed=5)  # the same rows, split otherwise
    found = difference(served(recipe, data, ON_A), served(recipe, again, ON_A))
    assert found.predictions is not None
    assert found.predictions.changed <= 1  # scaled by other training rows
    assert any(note.startswith("trial/1, or an ancestor of it, has learned from") for note in found.predictions.notes)
    assert not any(note.startswith("trial/2") for note in found.predictions.notes)
