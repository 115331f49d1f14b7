from pathlib import Path

import pandas as pd

from model_registry import store
from tasks import preprocess
from tasks.recipe.schema import Recipe
from tasks.stage import Job
from tasks.tracking import outcomes


def job(recipe: Recipe) -> Job:
    experiment_id = store.experiment(recipe.name).experiment_id
    run_id = store.client().create_run(experiment_id).info.run_id
    return Job(recipe=recipe, recipe_sha256="", run_id=run_id, experiment_id=experiment_id, trigger={})


def told(recipe: Recipe, folder: Path, unknown: list[str]) -> list[str]:
    """What `bequest run` prints of the stage."""
    asked = job(recipe)
    preprocess.prepare_data(asked, str(folder), None, {}, [], unknown)
    return outcomes(asked.experiment_id, asked.run_id)


def test_prepare_data_tells_what_is_noted_on_the_rows(workspace: Path, tmp_path: Path, measured, monkeypatch):
    frame = measured()
    clashing = frame.head(1).assign(label="low" if frame["label"][0] == "high" else "high")
    pd.concat([frame, clashing]).reset_index(drop=True).to_csv(tmp_path / "rows.csv")  # with row numbers
    recipe = Recipe.model_validate({"name": "noted", "data": {"source": "rows.csv", "target": "label"}})
    assert told(recipe, tmp_path, []) == [
        "rows.csv: left out the nameless first column, which only counts rows; "
        "2 rows share their values with a row of another class"
    ]
    monkeypatch.setattr(preprocess, "MOST_NOTES", 1)
    [note] = told(recipe, tmp_path, ["lost/1"])
    assert note.startswith("rows that lost/1 learned from cannot be told")
    assert note.endswith("; and 2 more in notes.txt of its run")


def test_prepare_data_tells_nothing_when_nothing_is_noted(workspace: Path, tmp_path: Path, measured):
    measured().to_csv(tmp_path / "rows.csv", index=False)
    recipe = Recipe.model_validate({"name": "plain", "data": {"source": "rows.csv", "target": "label"}})
    assert told(recipe, tmp_path, []) == []
