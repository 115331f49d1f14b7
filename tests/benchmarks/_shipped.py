"""The networks that the shipped recipes train, on workspaces of a benchmark's own."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

RECIPES = Path(__file__).parents[2] / "deployments" / "recipes"
NAMES = ("earlier/digits_even", "earlier/digits_odd", "digits", "earlier/breast_cancer_pilot", "breast_cancer")


def by_seed(
    script: str, seeds: tuple[int, ...], one_seed: Callable[[int], Any], tell: Callable[[list[Any]], None] = lambda found: None
) -> list[Any]:
    """What `one_seed` finds for each seed, in a fresh workspace and process: `script --seed S`, which ends in here.

    Args:
        script: The benchmark's file.
        seeds: Which.
        one_seed: Measures.
        tell: Called with what stands after each seed, as the next may take long.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int)
    seed = parser.parse_args().seed
    if seed is not None:
        print(json.dumps(one_seed(seed)))
        sys.exit()
    found: list[Any] = []
    for each in _asked(script, seeds):
        found.append(each)
        tell(found)
    return found


def _asked(script: str, seeds: tuple[int, ...]) -> Iterator[Any]:
    for seed in seeds:
        with TemporaryDirectory() as folder:
            environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "PREFECT_"))}
            environment["BEQUEST_HOME"] = f"{folder}/home"
            command = [sys.executable, script, "--seed", str(seed)]
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
            if done.returncode != 0:
                sys.exit(f"seed {seed} ended with {done.returncode}")
            yield json.loads(done.stdout.splitlines()[-1])


def trained(seed: int, names: tuple[str, ...] = NAMES) -> Iterator[tuple[str, Any, Any, Any]]:
    """Runs shipped recipes, the earlier projects before their heirs, on the workspace that BEQUEST_HOME names.

    Yields:
        A recipe's name, the network its stage `train` ended with, its prepared data set, and the calibration set that its
        conversion used.
    """
    from model_registry import artifacts, versions
    from model_registry.reference import DataRef
    from tasks.data.dataset import DataSet
    from tasks.derive import KERAS_FILE
    from tasks.methods.networks import store
    from tasks.recipe.schema import Recipe
    from tasks.serving_files import calibration_rows
    from tasks.solution import Solution
    from tasks.stage import Job

    folder = Path(os.environ["BEQUEST_HOME"]).parent
    for name in NAMES:
        stated = yaml.safe_load((RECIPES / f"{name}.yaml").read_text()) | {"seed": seed}
        stated.get("inherit", {}).pop("prepare", None)  # run here already, with this seed
        stated["evaluate"]["gate"] = {}  # the figures are wanted, whatever they are
        path = folder / f"{Path(name).name}.yaml"
        path.write_text(yaml.safe_dump(stated))
        command = [str(Path(sys.executable).parent / "bequest"), "run", str(path), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{name}, seed {seed}: {done.stderr[-3000:]}")
        if name not in names:
            continue
        served = versions.resolve(json.loads(done.stdout)[0]["version"])
        version = versions.get(served.parents[0].name, served.parents[0].version)
        made = artifacts.fetch(version)
        rows = DataSet.open(DataRef(uri=version.data_uri, sha256=version.data_sha256))
        recipe = Recipe.model_validate(Solution.read(made).recipe)
        job = Job(recipe=recipe, recipe_sha256="", run_id="", experiment_id="", trigger={})
        yield name, store.load(made / KERAS_FILE), rows, calibration_rows(job, rows.split("train").x)
