"""The doctor compares the bytes of what is in staging and production, and looks whether the other versions' files stand."""

from collections.abc import Callable
from pathlib import Path

import pytest

from flows.doctor import Check, registry
from model_registry import artifacts, store, versions
from model_registry.versions import Version


@pytest.fixture
def version(workspace: Path, tmp_path: Path) -> Callable[[str], Version]:
    """Registers a version with one file."""

    def register(key: str) -> Version:
        folder = tmp_path / key
        folder.mkdir()
        (folder / "weights").write_text(key)
        run = store.client().create_run(store.experiment("digits").experiment_id)
        return versions.register("digits", folder, operation="trained", parents=[], run_id=run.info.run_id, stage_key=key)

    return register


def version_files() -> Check:
    return {check.name: check for check in registry.registry(False)}["version files"]


@pytest.mark.parametrize("alias", ["staging", "production"])
def test_registry_fails_when_the_bytes_of_a_version_in_use_were_changed(version: Callable[[str], Version], alias: str):
    serving, _ = version("a"), version("b")
    store.client().set_registered_model_alias("digits", alias, "1")
    assert version_files() == Check(
        "version files",
        "ok",
        "those of 2 versions stand; sha256 compared for the 1 in staging or production, the others by presence alone",
    )
    changed = artifacts.fetch(serving) / "weights"
    changed.write_text("x")
    check = version_files()
    assert (check.state, check.found) == ("fail", f"changed: digits/1: {changed}")
    assert ("bequest rollback digits" in check.remedy) == (alias == "production")


def test_registry_names_a_changed_listing_of_any_version(version: Callable[[str], Version]):
    folder = artifacts.fetch(version("a"))
    (folder / "manifest.json").write_text("{")
    check = version_files()
    assert (check.state, check.found) == ("warn", f"changed: digits/1: {folder / 'manifest.json'}")
