"""Brings in what a team has: models, read safely, run once, hashed; and solutions, which are recipes without weights."""

import shutil
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_registry import artifacts, versions
from model_registry.errors import IntegrityError
from model_registry.store import ensure, experiment
from model_registry.versions import Version
from tasks import inference_only
from tasks.derive import KERAS_FILE, write_mlmodel
from tasks.importing import recipe
from tasks.importing.preprocessing import Fed, read_fed
from tasks.importing.request import Request, require_name
from tasks.solution import Solution
from tasks.tracking import lone_run

_RECORDED = ("source", "licence")


@dataclass(frozen=True)
class _Content:
    """What becomes a version: its facts, and what writes its files."""

    facts: dict[str, Any]
    write: Callable[[Path], None]
    solution: Solution


def bring_in(request: Request) -> Version:
    """Registers an outside model; one brought in alike under this name before gives the version that stands.

    Args:
        request: What to bring in, and how.

    Raises:
        InputError: Not a model that can be read safely; its outputs are not finite, or not those of the original; or the
            request itself is wrong. Nothing is registered then.
    """
    request.require_sound()
    fed = read_fed(request.preprocessing) if request.preprocessing else None
    sha256 = request.sha256()
    key = request.key(sha256)
    standing = _standing(request.name, key)
    if standing is not None:
        return standing
    content = _model(request, fed)
    facts = {"file": request.path.name, "file_sha256": sha256, "source": request.source, "licence": request.licence}
    return _register(request.name, key, content, facts | content.facts, title=request.path.name)


def bring_in_recipe(path: Path, name: str, *, source: str = "", licence: str = "") -> tuple[Version, tuple[str, ...]]:
    """Registers a recipe file as a solution without weights: an heir that names it takes over what it states.

    Args:
        path: The recipe's file; a part of a recipe is enough.
        name: Name to register it under.
        source: Where it comes from.
        licence: Its licence.

    Returns:
        The version, and what was left out.

    Raises:
        InputError: The recipe has mistakes, told all at once, or the name is not allowed.
    """
    require_name(name)
    return _bring_in_solution(recipe.of_file(path, name), name, path.name, {"source": source, "licence": licence})


def bring_in_run(run_id: str, name: str, *, source: str = "", licence: str = "") -> tuple[Version, tuple[str, ...]]:
    """Registers the parameters of an MLflow run as a solution without weights.

    Args:
        run_id: The run; parameters named as a recipe's keys are handed down, the others are kept as facts.
        name: Name to register it under.
        source: Where it comes from.
        licence: Its licence.

    Returns:
        The version, and which parameters were left out although they are a recipe's keys.

    Raises:
        InputError: No such run, no such parameter, or the name is not allowed.
    """
    require_name(name)
    brought = recipe.of_run(run_id, name)
    return _bring_in_solution(brought, name, f"run {run_id}", {"source": source or f"runs:/{run_id}", "licence": licence})


def kept(version: Version, *, source: str, licence: str) -> str:
    """What a version that stood already keeps of its own, other than what was asked for; empty where nothing differs."""
    asked = dict(zip(_RECORDED, (source, licence), strict=True))
    own = {key: str(version.facts.get(key) or "not stated") for key in asked}
    if all(not value or value == own[key] for key, value in asked.items()):
        return ""
    return (
        f"{version.label} was brought in from the same file before and keeps what it records: "
        f"source {own['source']}, licence {own['licence']}. To record others, import the file under another name."
    )


def _model(request: Request, fed: Fed | None) -> _Content:
    """Reads and probes; nothing is written yet."""
    from tasks.importing.probe import probe
    from tasks.methods.networks import store
    from tasks.methods.networks.formats.applications import Architecture, read_weights
    from tasks.methods.networks.formats.flatbuffer import as_flatbuffer
    from tasks.methods.networks.formats.outside import Consent
    from tasks.methods.networks.formats.read import read

    architecture = Architecture(request.architecture, request.settings, request.input_shape) if request.architecture else None
    if architecture is not None:
        found = read_weights(request.path, architecture)
        wants = architecture.picture_input() if fed is None else None
        fed = Fed(wants, words=f"as {architecture.name} is published: {wants}") if wants else fed
    else:
        consent = Consent.of(request.allow)
        found = as_flatbuffer(request.path, read(request.path, consent, inference_only=request.inference_only))
    facts = {"form": found.form, **found.facts, **probe(request.path, found, fed)}
    facts |= {"preprocessing": fed.words} if fed else {}
    facts |= {"vouched": "; ".join(found.vouched)} if found.vouched else {}
    if architecture is not None:
        facts |= {"architecture": architecture.name, "settings": dict(architecture.settings)}
    solution = Solution(
        preprocessing=fed.columns if fed else None, expects=fed.pictures.as_json() if fed and fed.pictures else None
    )

    def write(folder: Path) -> None:
        if found.model is not None:
            store.save(found.model, folder / KERAS_FILE)
        else:
            (folder / inference_only.FLATBUFFER).write_bytes(found.flatbuffer or b"")
            inference_only.mark(folder, request.name, inference_only.FLATBUFFER_ONLY)

    kind = "keras" if found.model is not None else inference_only.FLATBUFFER_ONLY
    return _Content(facts | {inference_only.KIND: kind}, write, solution)


def _bring_in_solution(
    brought: recipe.Brought, name: str, title: str, origin: dict[str, Any]
) -> tuple[Version, tuple[str, ...]]:
    key = f"import-{recipe.digest(brought)}"
    standing = _standing(name, key)
    if standing is not None:
        return standing, brought.notes
    kind = inference_only.SOLUTION_ONLY
    content = _Content({}, lambda folder: inference_only.mark(folder, name, kind), Solution(recipe=brought.stated))
    facts = {**origin, "file": title, "hands_down": recipe.keys(brought.stated), **brought.facts, inference_only.KIND: kind}
    return _register(name, key, content, facts, title=title), brought.notes


def _standing(name: str, key: str) -> Version | None:
    """The version that the same import made before; a damaged one is made again."""
    for standing in versions.made_by(name, key):
        with suppress(IntegrityError):
            artifacts.fetch(standing)
            return standing
    return None


def _register(name: str, key: str, content: _Content, facts: dict[str, Any], *, title: str) -> Version:
    """Writes the files, then registers them in one step: after a failure nothing of it stands."""
    folder = ensure().staging / f"{key[:40]}.{uuid.uuid4().hex[:8]}"
    folder.mkdir(parents=True)
    try:
        with lone_run(experiment(name).experiment_id, "import", f"import {title}") as run:
            run.params(facts)
            content.write(folder)
            content.solution.write(folder)
            write_mlmodel(folder, run.run_id)
            source, licence = (facts.get(each) or "not stated" for each in _RECORDED)
            return versions.register(
                name,
                folder,
                operation="inherited",
                parents=[],
                run_id=run.run_id,
                stage_key=key,
                trigger={"kind": "import", "reason": facts.get("source") or title},
                standing=lambda: _standing(name, key),
                facts=facts,
                description=f"**inherited** from `{title}`\n\nSource: {source}. Licence: {licence}.",
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
