"""A maker of small versions, for the tests of the registry."""

from collections.abc import Callable
from pathlib import Path

import pytest

from model_registry import store, versions
from model_registry.versions import Parent, Version

Maker = Callable[..., Version]


@pytest.fixture
def make(workspace: Path, tmp_path: Path) -> Maker:
    """Registers a small version of `digits`."""
    run_id = store.client().create_run(store.experiment("digits").experiment_id).info.run_id

    def made(
        key: str, operation: str = "trained", parents: list[Version] = (), *, bundle: bool = False, gate: str = ""
    ) -> Version:
        folder = tmp_path / f"files-{key}"
        folder.mkdir()
        (folder / "model.keras").write_text(key)
        if bundle:
            (folder / "bundle").mkdir()
            (folder / "bundle" / "model.tflite").write_text(key)
        version = versions.register(
            "digits",
            folder,
            operation=operation,
            parents=[Parent(name=each.name, version=each.version, sha256=each.sha256) for each in parents],
            run_id=run_id,
            stage_key=key,
            trigger={"kind": "manual"},
            facts={"validation_accuracy": 0.9},
        )
        if gate:
            store.client().set_model_version_tag("digits", str(version.version), "gate", gate)
        return versions.get("digits", version.version)

    return made
