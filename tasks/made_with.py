"""What made a version, read back: the recipe of its loop, and what the stage's own run says beside it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_registry import processes
from model_registry.errors import InputError, StoreError
from model_registry.leftovers import PROCESS_TAG
from model_registry.store import client, find_run, plain_errors
from model_registry.versions import Version
from tasks.recipe import plain_yaml
from tasks.recipe.inherit import plain_sha256
from tasks.recipe.load import parse
from tasks.recipe.schema import Recipe
from tasks.solution import Solution

_PARENT_RUN = "mlflow.parentRunId"


@dataclass(frozen=True)
class MadeWith:
    """What made a version.

    Attributes:
        recipe: The whole recipe of the loop, as its hash says.
        data_recipe: The recipe of the data set it was made on: another one's where an ancestor was pruned on its own rows.
        params: Parameters of the stage's run; empty where the run is gone.
        host: The machine it was made on; empty where that is not known.
    """

    recipe: Recipe
    data_recipe: Recipe
    params: dict[str, str]
    host: str


def made_with(version: Version, solution: Solution) -> MadeWith:
    """Finds the recipe that a version was made with, and checks it against the hash in the registry.

    It stands with the version's files. A pruned ancestor hands down the ancestor's own; there the run of the loop has it.

    Args:
        version: The version.
        solution: What it hands down.

    Raises:
        InputError: The recipe is nowhere, or this bequest can't read it.
        StoreError: The store can't be reached.
    """
    run = find_run(version.run_id) if version.run_id else None
    params, tags = (dict(run.data.params), dict(run.data.tags)) if run is not None else ({}, {})
    kept = [solution.recipe, _of_loop(tags.get(_PARENT_RUN, ""))]
    found = next((plain for plain in kept if plain and plain_sha256(plain) == version.recipe_sha256), None)
    if found is None:
        raise InputError(
            f"{version.label}: expected its recipe, with sha256 {version.recipe_sha256 or 'unknown'}, in its solution or in "
            f"the run of its loop. Received: {'others' if any(kept) else 'none'}. The run was deleted, or the version was made "
            "by other means: restore the run in MLflow, or run the recipe again with `bequest run`."
        )
    recipe = parse(found, origin=f"recipe of {version.label}")
    own = solution.recipe if solution.recipe is not None else found
    data_recipe = recipe if own is found else parse(own, origin=f"recipe of the data of {version.label}")
    return MadeWith(recipe, data_recipe, params, processes.host(tags.get(PROCESS_TAG, "")))


def _of_loop(run_id: str) -> dict[str, Any] | None:
    text = artifact(run_id, "recipe.yaml") if run_id else None
    document = plain_yaml.read(text, run_id).data if text else None
    return document if isinstance(document, dict) else None


def artifact(run_id: str, name: str) -> bytes | None:
    """A file of a run; None where the run or the file is gone."""
    try:
        with plain_errors(f"reading {name} of run {run_id}"):
            return Path(client().download_artifacts(run_id, name)).read_bytes()
    except (StoreError, FileNotFoundError):
        return None


def json_artifact(run_id: str, name: str) -> dict[str, Any]:
    """A JSON file of a run; empty where there is none."""
    return dict(json.loads(artifact(run_id, name) or b"{}"))
