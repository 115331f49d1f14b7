"""Trials on real data, where BEQUEST_TRIAL_DATA names a folder that has it."""

import os
from pathlib import Path

import pandas as pd
import pytest

from tasks.data.dataset import DataSet
from tasks.data.prepare import prepare
from tasks.recipe.schema import Recipe


@pytest.fixture
def trial(tmp_path):
    """`trial(file, ...)`: prepares one of the trial files."""

    def made(name: str, **sections) -> DataSet:
        folder = os.environ.get("BEQUEST_TRIAL_DATA")
        if not folder or not (Path(folder) / name).is_file():
            pytest.skip(f"BEQUEST_TRIAL_DATA names no folder with {name}")
        data = {"source": name, **sections.pop("data", {})}
        recipe = Recipe.model_validate({"name": "trial", "data": data, **sections})
        return DataSet.open(prepare(recipe, base=Path(folder), out_root=tmp_path))

    return made


def test_adult_keeps_the_official_split_and_its_gaps(trial):
    data = trial("adult.csv", data={"target": "income"}, preprocess={"split": {"strategy": "predefined", "column": "split"}})
    counts = {name: sum(classes.values()) for name, classes in data.card.counts.items()}
    assert counts["train"] + counts["validation"] == pytest.approx(32561, abs=60)  # 52 duplicates are left out
    assert counts["test"] == pytest.approx(16281, abs=60)
    assert data.card.rows_quarantined == 0
    kinds = {column["name"]: column["missing"] for column in data.preprocessing["columns"] if column["kind"] == "categorical"}
    assert {name for name, missing in kinds.items() if missing == "category"} == {"workclass", "occupation", "native_country"}


def test_elec2_is_tested_on_its_latest_rows(trial):
    data = trial("elec2.csv", data={"target": "class"}, preprocess={"split": {"strategy": "time", "column": "date"}})
    assert "date" not in data.card.features
    assert isinstance(data.split("test").raw, pd.DataFrame)
    # The Victorian market joined after the training rows began: constant at first, it moves in all test rows.
    assert data.split("train").raw["vicprice"].nunique() > 1
    assert data.split("test").raw["transfer"].nunique() > 100
