"""The part of a recipe that comes in from outside: a recipe file, or the parameters of an MLflow run."""

import copy
import hashlib
import json
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from model_registry.errors import InputError
from model_registry.store import find_run
from tasks.recipe import plain_yaml
from tasks.recipe.check import validate
from tasks.recipe.inherit import OWN
from tasks.recipe.load import HANDED_DOWN
from tasks.recipe.mistakes import Mistake, RecipeError
from tasks.recipe.paths import anchored
from tasks.recipe.schema import Recipe


@dataclass(frozen=True)
class Brought:
    """A recipe, or a part of one.

    Attributes:
        stated: Plain data, its paths absolute; without what is never handed down.
        facts: What is worth recording and is no part of a recipe.
        notes: What was left out of the recipe, and why.
    """

    stated: dict[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def of_file(path: Path, name: str) -> Brought:
    """A recipe file; it may state a part of a recipe only, as its heirs state the rest.

    Args:
        path: The file.
        name: Name it is registered under, which becomes the recipe's.

    Raises:
        InputError: It cannot be read; or (RecipeError) it has mistakes, told all at once.
    """
    try:
        document = plain_yaml.read(path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(f"--recipe {path}: expected a readable recipe file. Received: {error.strerror}.") from error
    stated = document.data
    if not document.mistakes and not isinstance(stated, dict):
        received = "no keys" if stated else "an empty file"
        raise InputError(f"--recipe {path}: expected a recipe's keys. Received: {received}.")
    mistakes = [Mistake(where, message, line) for where, line, message in document.mistakes]
    mistakes = mistakes or [
        Mistake(each.path, each.message, document.line(each.path), each.missing)
        for each in validate(stated)[1]
        if not (each.missing and each.path in HANDED_DOWN)
    ]
    if mistakes:
        raise RecipeError(str(path), mistakes)
    kept = anchored(_without_own(stated), path.absolute().parent) | {"name": name}
    return Brought(kept)


def of_run(run_id: str, name: str) -> Brought:
    """The parameters of an MLflow run that are named as keys of a recipe, such as `train.learning_rate`; the rest as facts.

    Args:
        run_id: The run.
        name: Name it is registered under, which becomes the recipe's.

    Raises:
        InputError: No such run, or none of its parameters is a key of a recipe.
    """
    run = find_run(run_id)
    if run is None:
        raise InputError(
            f"--run {run_id}: no such run in this store. Copy its id from MLflow's UI, or set MLFLOW_TRACKING_URI."
        )
    stated: dict[str, Any] = {"name": name}
    facts: dict[str, Any] = {"run": run_id, "run_name": run.info.run_name or ""}
    notes = []
    for key, text in sorted(run.data.params.items()):
        tried, why = _with(stated, key, text)
        if tried is None:
            facts[f"param.{key}"] = text[:500]
            notes += [f"{key}: {why}"] if why else []
        else:
            stated = tried
    if len(stated) == 1:
        raise InputError(
            f"--run {run_id}: expected parameters named as a recipe's keys, such as train.learning_rate. "
            f"Received: {sorted(run.data.params) or 'none'}. "
            "Write what you want to keep into a recipe, and bring that in: bequest import --recipe FILE."
        )
    facts |= {f"metric.{key}": value for key, value in sorted(run.data.metrics.items()) if isfinite(value)}
    return Brought(stated, facts, tuple(notes))


def _with(stated: dict[str, Any], key: str, text: str) -> tuple[dict[str, Any] | None, str]:
    """The recipe with one more key; None, and why, where the key is none of a recipe's or its value is not allowed."""
    path = tuple(key.split("."))
    if len(path) < 2 or path[0] not in Recipe.model_fields or path[:1] in OWN:
        return None, ""
    read = plain_yaml.read(text.encode(), key)
    if read.mistakes:
        return None, ""
    tried = copy.deepcopy(stated)
    place = tried
    for part in path[:-1]:
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            return None, ""
    place[path[-1]] = read.data
    wrong = [each for each in validate(tried)[1] if not each.missing]
    if not wrong:
        return tried, ""
    return None, "" if "expected one of the keys" in wrong[0].message else wrong[0].message


def _without_own(stated: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in stated.items() if (key,) not in OWN}


def keys(stated: dict[str, Any], above: str = "") -> list[str]:
    """What a recipe states, as dotted keys."""
    found: list[str] = []
    for key, value in stated.items():
        found += keys(value, f"{above}{key}.") if isinstance(value, dict) and value else [f"{above}{key}"]
    return found


def digest(brought: Brought) -> str:
    """The hex sha256 of what is brought in, facts included."""
    text = json.dumps([brought.stated, brought.facts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
