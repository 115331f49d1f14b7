"""Brings an outside model into the registry as *inherited*: loaded safely, run once, hashed, registered."""

import re
import shutil
import uuid
from contextlib import suppress
from pathlib import Path

import numpy as np

from model_registry import artifacts, manifest, versions
from model_registry.errors import InputError, IntegrityError
from model_registry.store import ensure, experiment
from model_registry.versions import Version
from tasks.derive import KERAS_FILE, write_mlmodel
from tasks.tracking import lone_run

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


def kept(version: Version, *, source: str, licence: str) -> str:
    """What a version that stood already keeps of its own, other than what was asked for; empty where nothing differs."""
    asked = {"source": source, "licence": licence}
    own = {key: str(version.facts.get(key) or "not stated") for key in asked}
    if all(not value or value == own[key] for key, value in asked.items()):
        return ""
    return (
        f"{version.label} was brought in from the same file before and keeps what it records: "
        f"source {own['source']}, licence {own['licence']}. To record others, import the file under another name."
    )


def bring_in(path: Path, name: str, *, source: str = "", licence: str = "") -> Version:
    """Registers an outside model; a file brought in under this name before gives the version that stands.

    Args:
        path: A tf_keras model file.
        name: Name to register it under.
        source: Where it comes from.
        licence: Its licence.

    Raises:
        InputError: Not a model that can be loaded safely, its outputs are not finite, or the name is not allowed.
    """
    from tasks.methods.networks import store
    from tasks.methods.networks.predict import predict

    if not _NAME.fullmatch(name):
        raise InputError(f"--name: expected lower case letters, digits, '.', '_', '-', at most 63. Received: {name!r}.")
    model = store.load(path)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise InputError(f"{path}: expected one input and one output. Received: {len(model.inputs)} and {len(model.outputs)}.")
    shape = tuple(size or 32 for size in model.input_shape[1:])
    probe = np.random.default_rng(0).random((2, *shape), dtype=np.float32)
    if not np.isfinite(predict(model, probe)).all():
        raise InputError(
            f"{path}: its outputs on random input are not finite. Expected a trained model; its weights may be damaged."
        )
    sha256 = manifest.sha256_of(path) if path.is_file() else ""
    key = f"import-{sha256 or uuid.uuid4().hex}"
    for standing in versions.made_by(name, key):
        with suppress(IntegrityError):  # a damaged one is brought in again
            artifacts.fetch(standing)
            return standing
    folder = ensure().staging / f"{key[:40]}.{uuid.uuid4().hex[:8]}"
    folder.mkdir(parents=True)
    try:
        with lone_run(experiment(name).experiment_id, "import", f"import {path.name}") as run:
            facts = store.describe(model) | {"file": path.name, "file_sha256": sha256, "source": source, "licence": licence}
            run.params(facts)
            store.save(model, folder / KERAS_FILE)
            write_mlmodel(folder, run.run_id)
            return versions.register(
                name,
                folder,
                operation="inherited",
                parents=[],
                run_id=run.run_id,
                stage_key=key,
                trigger={"kind": "import", "reason": source or path.name},
                facts=facts,
                description=(
                    f"**inherited** from `{path.name}`\n\nSource: {source or 'not stated'}. Licence: {licence or 'not stated'}."
                ),
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
