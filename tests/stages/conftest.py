"""Data sets and versions that name them, for the tests of single stages."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from model_registry import store, versions
from model_registry.reference import DataRef
from model_registry.versions import Parent, Version
from tasks.data.dataset import DataSet
from tasks.data.prepare import prepare
from tasks.derive import KERAS_FILE
from tasks.recipe.schema import Recipe
from tasks.solution import Solution
from tasks.stage import Job


@pytest.fixture
def measured() -> Callable[..., pd.DataFrame]:
    """`measured(rows, seed)`: a table of three numbers and two classes."""

    def made(rows: int = 120, seed: int = 0) -> pd.DataFrame:
        values = np.random.default_rng(seed).normal(size=(rows, 3)).round(4)
        frame = pd.DataFrame(values, columns=["a", "b", "c"])
        return frame.assign(label=np.where(frame["a"] > 0, "high", "low"))

    return made


@pytest.fixture
def prepared(workspace: Path, tmp_path: Path) -> Callable[..., tuple[Recipe, DataRef]]:
    """`prepared(frame or source, data={...})`: a recipe over it, and its data set."""
    count = 0

    def made(source: pd.DataFrame | str, *, seed: int = 0, data: dict[str, Any] | None = None) -> tuple[Recipe, DataRef]:
        nonlocal count
        if isinstance(source, pd.DataFrame):
            count += 1
            source.to_csv(tmp_path / f"rows{count}.csv", index=False)
            source, data = str(tmp_path / f"rows{count}.csv"), {"target": "label", **(data or {})}
        recipe = Recipe.model_validate({"name": "trial", "seed": seed, "data": {"source": source, **(data or {})}})
        return recipe, prepare(recipe, base=tmp_path, out_root=tmp_path / "data")

    return made


@pytest.fixture
def registered(workspace: Path, tmp_path: Path) -> Callable[..., Version]:
    """`registered(recipe, data, parents, model)`: a version that learned from a data set, with a network if one is given."""
    count = 0

    def made(recipe: Recipe, data: DataRef, parents: tuple[Version, ...] = (), model: Any = None) -> Version:
        nonlocal count
        count += 1
        folder = tmp_path / f"files{count}"
        rows = DataSet.open(data)
        Solution(
            recipe=recipe.model_dump(mode="json"), card=rows.card, preprocessing=rows.preprocessing, contract=rows.contract
        ).write(folder)
        if model is not None:
            from tasks.methods.networks.store import save

            save(model, folder / KERAS_FILE)
        return versions.register(
            recipe.name,
            folder,
            operation="trained",
            parents=[Parent(name=each.name, version=each.version, sha256=each.sha256) for each in parents],
            run_id=store.client().create_run(store.experiment(recipe.name).experiment_id).info.run_id,
            stage_key=str(count),
            data_sha256=data.sha256,
            data_uri=data.uri,
            trigger={"kind": "manual"},
            facts={},
        )

    return made


@pytest.fixture
def job_of(workspace: Path) -> Callable[..., Job]:
    """`job_of(recipe, compress={...})`: a run of the recipe, with a section of its own."""

    def made(recipe: Recipe, **sections: Any) -> Job:
        experiment_id = store.experiment(recipe.name).experiment_id
        return Job(
            recipe=Recipe.model_validate(recipe.model_dump(mode="json") | sections),
            recipe_sha256="",
            run_id=store.client().create_run(experiment_id).info.run_id,
            experiment_id=experiment_id,
            trigger={"kind": "manual"},
        )

    return made


@pytest.fixture
def stage_tags() -> Callable[[Job], dict[str, str]]:
    """`stage_tags(job)`: what the last stage of a run said in its tags."""

    def read(job: Job) -> dict[str, str]:
        runs = store.client().search_runs([job.experiment_id], f"tags.`mlflow.parentRunId` = '{job.run_id}'")
        return dict(runs[0].data.tags)

    return read


@pytest.fixture(scope="session")
def network_of() -> Callable[..., Any]:
    """`network_of(16, 8)`: a network for `measured` rows with two hidden layers, normalization behind the first."""

    @cache
    def made(first: int, second: int) -> Any:
        from tasks.methods.backend import keras
        from tasks.methods.networks.fit import FitSettings, fit

        keras.utils.set_random_seed(0)
        layers = keras.layers
        inputs = keras.Input((3,))
        hidden = layers.ReLU()(layers.BatchNormalization(momentum=0.8)(layers.Dense(first, name="first")(inputs)))
        hidden = layers.Dense(second, activation="relu", name="second")(hidden)
        model = keras.Model(inputs, layers.Dense(2, activation="softmax", name="head")(hidden))
        x = np.random.default_rng(1).normal(size=(300, 3)).astype(np.float32)
        y = (x[:, 0] <= 0).astype(np.int64)  # classes are sorted: high, low
        fit(model, (x[:200], y[:200]), (x[200:], y[200:]), FitSettings(epochs=12, learning_rate=1e-2))
        return model

    return made
