"""Small sources on disk, and a short way to prepare them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.data.dataset import DataSet
from tasks.data.prepare import prepare
from tasks.recipe.schema import Recipe

Prepare = Callable[..., DataSet]


@pytest.fixture
def people() -> Callable[..., pd.DataFrame]:
    """`people(rows, seed)`: a table with numbers, a category and two classes."""
    return _people


def _people(rows: int = 120, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, rows)
    job = rng.choice(["clerk", "cook", "nurse"], rows)
    pay = np.round(rng.normal(50, 10, rows), 3)
    label = np.where(age + rng.normal(0, 10, rows) > 48, "old", "young")
    return pd.DataFrame({"age": age, "pay": pay, "job": job, "label": label})


@pytest.fixture
def recipe() -> Callable[..., Recipe]:
    """`recipe(source, data={...}, preprocess={...})`."""

    def made(source: str, *, data: dict[str, Any] | None = None, seed: int = 0, **sections: Any) -> Recipe:
        return Recipe.model_validate({"name": "trial", "seed": seed, "data": {"source": source, **(data or {})}, **sections})

    return made


@pytest.fixture
def prepared(tmp_path: Path, recipe: Callable[..., Recipe]) -> Prepare:
    """`prepared(frame or source, ...)`: writes the frame, prepares it, and opens the data set."""
    count = 0

    def made(
        source: pd.DataFrame | str,
        *,
        data: dict[str, Any] | None = None,
        held: list[Path] | None = None,
        told: list[str] | None = None,
        inherited_contract: dict[str, Any] | None = None,
        **sections: Any,
    ) -> DataSet:
        nonlocal count
        if isinstance(source, pd.DataFrame):
            count += 1
            source.to_csv(tmp_path / f"rows{count}.csv", index=False)
            source, data = f"rows{count}.csv", {"target": "label", **(data or {})}
        asked = recipe(source, data=data, **sections)
        ref = prepare(
            asked,
            base=tmp_path,
            out_root=tmp_path / "data",
            held=held or [],
            inherited_contract=inherited_contract,
            tell=(told if told is not None else []).append,
        )
        return DataSet.open(ref)

    return made
