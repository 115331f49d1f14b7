"""Makes a registered version of what a stage produced: files first, then the registry, in one step."""

import json
import logging
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlflow.models import Model
from mlflow.pyfunc import add_to_model

from model_registry import artifacts, description, manifest, versions
from model_registry.errors import IntegrityError
from model_registry.reference import DataRef, ModelRef
from model_registry.store import ensure
from model_registry.versions import Operation, Parent, Version
from tasks.solution import Solution
from tasks.stage import Job, stage_of
from tasks.tracking import StageRun

KERAS_FILE = "model.keras"
BUNDLE = "bundle"
DERIVED = "derived.json"  # what a rerun says of what it left
PYFUNC_LOADER = "deployments.serving.pyfunc"

MADE_BY_A_RECIPE = ("trained", "distilled", "retrained")  # whose settings an imported solution has a share in

log = logging.getLogger(__name__)


def parent(version: Version, role: str = "weights") -> Parent:
    """The edge to `version`, as its child records it."""
    return Parent.model_validate({"name": version.name, "version": version.version, "sha256": version.sha256, "role": role})


def _handed_down(ref: ModelRef) -> Parent:
    """The edge to a version that gave its recipe alone."""
    return Parent(name=ref.name, version=ref.version, sha256=ref.sha256, role="solution")


def standing(job: Job, key: str) -> ModelRef | None:
    """The version this stage made in an earlier run that was cut off before its result was kept, if it is whole."""
    version = _whole(job, key)
    return None if version is None else version.ref


def _whole(job: Job, key: str) -> Version | None:
    if stage_of(key) in job.refreshed:
        return None
    for version in versions.made_by(job.name, key):
        try:
            artifacts.fetch(version)
        except IntegrityError as error:
            log.warning("%s is made again: %s", version.label, error)
            continue
        return version
    return None


def opened(ref: ModelRef) -> tuple[Version, Path, Solution]:
    """A version, its verified folder and its solution.

    Raises:
        IntegrityError: Its files are not those the reference was made for.
    """
    version = versions.get(ref.name, ref.version)
    if version.sha256 != ref.sha256:
        raise IntegrityError(
            f"{version.label}: the registry has sha256 {version.sha256}. Expected {ref.sha256}. "
            "It was changed since this run began; run again to start from what stands now."
        )
    folder = artifacts.fetch(version)
    return version, folder, Solution.read(folder)


def derive(
    job: Job,
    run: StageRun,
    key: str,
    model: Any,
    *,
    operation: Operation,
    parents: list[Parent],
    solution: Solution,
    data: DataRef | None,
    facts: dict[str, Any],
    extras: Callable[[Path], None] | None = None,
) -> ModelRef:
    """Saves a model with its solution and registers it as a version of the job's name; a rerun leaves it in its scratch folder.

    Args:
        job: The loop's run.
        run: The stage's MLflow run.
        key: The stage's cache key.
        model: tf_keras model.
        operation: What made it.
        parents: From which versions.
        solution: What it hands down.
        data: The data set it was made on.
        facts: What the edge cost and gave.
        extras: Writes further files (a bundle, reference statistics) into the version's folder.
    """
    from tasks.methods.networks import store

    folder = ensure().staging / f"{key}.{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        store.save(model, folder / KERAS_FILE)
        solution.write(folder)
        if extras is not None:
            extras(folder)
        write_mlmodel(folder, run.run_id)
        if operation in MADE_BY_A_RECIPE:
            parents = [*(_handed_down(ref) for ref in job.handed_down_by), *parents]
        labels = [f"{each.name}/{each.version}" for each in parents if each.role == "weights"]
        chosen = [job.suggested[label] for label in labels if label in job.suggested]
        facts = facts | ({"suggested": "; ".join(chosen)} if chosen else {}) | store.describe(model) | run.cost()
        if job.scratch is not None:
            return _left(job.scratch / key, folder, operation, facts)
        version = versions.register(
            job.name,
            folder,
            operation=operation,
            parents=parents,
            run_id=run.run_id,
            stage_key=key,
            recipe_sha256=job.recipe_sha256,
            data_sha256=data.sha256 if data else "",
            data_uri=data.uri if data else "",
            trigger=job.trigger,
            facts=facts,
            description=_description(job.name, operation, parents, facts, data),
            standing=lambda: _whole(job, key),
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    run.tags({"bequest.version": version.label})
    return version.ref


def _left(place: Path, folder: Path, operation: str, facts: dict[str, Any]) -> ModelRef:
    """What a rerun made, kept beside the registry with what would have been registered of it."""
    (folder / DERIVED).write_text(json.dumps({"operation": operation, "facts": facts}))
    shutil.move(folder, place)
    return ModelRef(uri=place.as_uri(), sha256=manifest.write(place))


def write_mlmodel(folder: Path, run_id: str) -> None:
    """Makes the folder an MLflow model; with a bundle it is a pyfunc whose loader runs LiteRT and unpickles nothing."""
    described = Model(run_id=run_id)
    described.add_flavor("bequest", **({"keras_file": KERAS_FILE} if (folder / KERAS_FILE).is_file() else {}))
    if (folder / BUNDLE).is_dir():
        add_to_model(described, loader_module=PYFUNC_LOADER, data=BUNDLE)
    described.save(str(folder / "MLmodel"))


def _description(name: str, operation: str, parents: list[Parent], facts: dict[str, Any], data: DataRef | None) -> str:
    """With the family tree of a version that has no number yet."""
    coming = Version(
        name=name,
        version=0,
        ready=False,
        operation=operation,
        parents=parents,
        facts=facts,
        data_sha256=data.sha256 if data else "",
        created=datetime.now(UTC),
    )
    return description.described(coming)
