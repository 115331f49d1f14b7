"""One operation once more: which stage made a version, and what that stage was given."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from model_registry import versions
from model_registry.errors import BequestError, InputError
from model_registry.reference import DataRef, ModelRef
from model_registry.store import ensure
from model_registry.versions import Parent, Version
from tasks.compress import prune_ancestor
from tasks.convert import convert_model
from tasks.derive import DERIVED
from tasks.fuse import fuse_heirs
from tasks.plan import plan_compression
from tasks.stage import Job
from tasks.train import optimise
from tasks.transfer import from_scratch, make_heir

Again = Callable[[Job, str, Version, DataRef, dict[str, str]], Any]


def stage_name(version: Version) -> str:
    """The stage that made a version, by its cache key.

    Raises:
        InputError: No stage did, so that there is nothing to run again.
    """
    name = version.stage_key.partition("-")[0]
    if name in _STAGES:
        return name
    if version.operation == "inherited":
        raise InputError(
            f"{version.label} was brought in from outside ({version.facts.get('file', 'a model of its own')}): there is "
            f"nothing to run again. `bequest lineage {version.label} --format json` says where it came from."
        )
    if name == "handover":
        was, archive = version.trigger.get("was", "another version"), version.trigger.get("received_from", "an archive")
        raise InputError(
            f"{version.label} was received from {archive} (there it is {was}): what it was made with stayed there. "
            f"Run `bequest reproduce {was}` where it was made."
        )
    raise InputError(
        f"{version.label}: expected a version that a stage of `bequest run` made, one of {sorted(_STAGES)}. Received: stage "
        f"key {version.stage_key or 'none'!r}. Run its recipe again with this bequest, and reproduce what comes of it."
    )


def rerun(job: Job, key: str, version: Version, data: DataRef, params: dict[str, str]) -> Path | None:
    """Runs the stage that made a version, on the version's own parents.

    Args:
        job: A job with a scratch folder, with every stage refreshed, so that nothing is read that stands.
        key: A key that no stage has.
        version: The version.
        data: Its data set.
        params: Parameters of the run that made it.

    Returns:
        The folder of what it left; None where it made no such version this time.
    """
    assert job.scratch is not None
    try:
        _STAGES[stage_name(version)](job, key, version, data, params)
    finally:
        shutil.rmtree(ensure().home / "plans" / key, ignore_errors=True)  # a search that was cut off is not carried on
    return next((each for each in sorted(job.scratch.glob(f"{key}*")) if _is_meant(version, each)), None)


def _is_meant(version: Version, left: Path) -> bool:
    """A search under a budget leaves a whole front: its network with the same steps, in the same mode, is meant."""
    facts = json.loads((left / DERIVED).read_text())["facts"]
    return all(facts.get(name) == version.facts.get(name) for name in ("steps", "mode") if "steps" in version.facts)


def check_parents(version: Version) -> None:
    """Refuses where a parent is gone, or is not what it was.

    Raises:
        InputError: A parent was deleted.
        BequestError: A parent of that number has other files than the version was made from.
    """
    for parent in version.parents:
        found = versions.find(parent.name, parent.version)
        label = f"{parent.name}/{parent.version}"
        if found is None:
            raise InputError(
                f"{version.label}: its parent {label} ({parent.role}) was deleted from the registry. Restore it from a backup "
                "of the store; without it this step can't be run again."
            )
        if found.sha256 != parent.sha256:
            raise BequestError(
                f"{version.label}: its parent {label} ({parent.role}): expected sha256 {parent.sha256}. Received: "
                f"{found.sha256}. It is not what this one was made from. Restore the store from a backup."
            )


def _ref(parent: Parent) -> ModelRef:
    return ModelRef(uri=f"models:/{parent.name}/{parent.version}", sha256=parent.sha256)


def _of_role(version: Version, role: str) -> list[ModelRef]:
    return [_ref(parent) for parent in version.parents if parent.role == role]


def _start(version: Version) -> ModelRef:
    weights = _of_role(version, "weights")
    if not weights:
        raise InputError(
            f"{version.label}: expected the parent that the step started from. Received: none in its `parents` tag, which was "
            "changed since. Restore the store from a backup."
        )
    return weights[0]


def _compress(job: Job, key: str, version: Version, data: DataRef, _: dict[str, str]) -> None:
    ancestor = versions.get(_start(version).name, _start(version).version)
    if ancestor.data_uri == version.data_uri and not Path(version.data_uri).is_dir():
        raise InputError(
            f"{version.label}: {ancestor.label} was pruned on its own rows, and {version.data_uri} is not here. Run the recipe "
            f"of {ancestor.name} again, which prepares them."
        )
    prune_ancestor(job, key, _start(version), data)


def _transfer(job: Job, key: str, version: Version, data: DataRef, params: dict[str, str]) -> None:
    if "draw" not in params and job.recipe.transfer.draws > 1:
        raise InputError(
            f"{version.label}: expected the parameter `draw` of the run that made it, as its recipe makes several heirs alike "
            f"(transfer.draws). Received: none, the run {version.run_id} is gone. Restore it in MLflow."
        )
    make_heir(job, key, _start(version), data, str(version.facts.get("objective", "fine_tuning")), int(params.get("draw", 0)))


def _control(job: Job, key: str, version: Version, data: DataRef, _: dict[str, str]) -> None:
    from_scratch(job, key, data)


def _fuse(job: Job, key: str, version: Version, data: DataRef, _: dict[str, str]) -> None:
    """All members of the contest take part, not the parents alone: who wins hangs on all of them."""
    labels = [str(member["version"]) for member in version.facts.get("members", [])]
    heirs = [versions.resolve(label).ref for label in labels]
    if not heirs:
        raise InputError(
            f"{version.label}: expected the fact `members`, all that took part in the fusion. Received: none. An older bequest "
            "made it; run its recipe again, and reproduce the version that comes of it."
        )
    fuse_heirs(job, key, heirs, data)


def _train(job: Job, key: str, version: Version, data: DataRef, _: dict[str, str]) -> None:
    optimise(job, key, _start(version), data, _of_role(version, "teacher"))


def _convert(job: Job, key: str, version: Version, data: DataRef, _: dict[str, str]) -> None:
    convert_model(job, key, _start(version), data)


def _plan(job: Job, key: str, version: Version, data: DataRef, _: dict[str, str]) -> None:
    plan_compression(job, key, _start(version), data)


_STAGES: dict[str, Again] = {
    "compress": _compress,
    "transfer": _transfer,
    "control": _control,
    "fuse": _fuse,
    "train": _train,
    "convert": _convert,
    "plan": _plan,
}
