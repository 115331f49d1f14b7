"""Data sets and versions that name them, for the tests of single stages."""

from collections.abc import Callable
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
from tasks.recipe.schema import Recipe
from tasks.solution import Solution


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
    """`registered(recipe, data, parents)`: a version that learned from a data set, without a network."""
    count = 0

    def made(recipe: Recipe, data: DataRef, parents: tuple[Version, ...] = ()) -> Version:
        nonlocal count
        count += 1
        folder = tmp_path / f"files{count}"
        rows = DataSet.open(data)
        Solution(
            recipe=recipe.model_dump(mode="json"), card=rows.card, preprocessing=rows.preprocessing, contract=rows.contract
        ).write(folder)
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
