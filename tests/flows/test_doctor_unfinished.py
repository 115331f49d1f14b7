"""What doctor finds half done, and what a repair makes of it; nothing that is ready is ever lost."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from _faults import Faults, guarded

from flows.doctor import registry
from flows.doctor.check import Check
from model_registry import artifacts, ledger, leftovers, processes, stages, store, tickets, versions
from model_registry.versions import Version

Maker = Callable[..., Version]


@pytest.fixture
def faults(workspace: Path) -> Iterator[Faults]:
    with guarded() as controlled:
        yield controlled


@pytest.fixture
def register(workspace: Path, tmp_path: Path) -> Maker:
    """Registers a version with a bundle, in a run that a process opened."""

    def made(holder: str = "", **more: Any) -> Version:
        key = os.urandom(4).hex()
        folder = tmp_path / key
        (folder / "bundle").mkdir(parents=True)
        (folder / "bundle" / "model.tflite").write_text(key)
        tags = {leftovers.PROCESS_TAG: holder or processes.signature()}
        run = store.client().create_run(store.experiment("digits").experiment_id, tags=tags)
        return versions.register(
            "digits", folder, operation="trained", parents=[], run_id=run.info.run_id, stage_key=key, **more
        )

    return made


@pytest.fixture
def dead() -> str:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    return f"{processes.machine()}:{child.pid}:1.00"


def found(repair: bool = False) -> dict[str, Check]:
    return {check.name: check for check in registry.registry(repair)}


def test_doctor_finishes_a_promotion_that_was_cut_off(register: Maker, faults: Faults):
    register()
    with faults.after(2):  # the note, the alias
        stages.promote("digits", 1, "production", force=True, reason="because")
    check = found()["moves cut off"]
    assert check.state == "warn"
    assert "digits/1: promotion to Production under way or cut off" in check.found
    assert found(repair=True)["moves cut off"].state == "ok"
    assert [(entry.move, entry.reason) for entry in ledger.read("digits")] == [("promotion", "because")]
    assert "moves cut off" not in found()


def test_doctor_mends_a_stage_field_that_says_otherwise_than_the_aliases(register: Maker):
    register()
    stages.promote("digits", 1, "staging")
    store.client().transition_model_version_stage("digits", "1", "Archived")
    assert "MLflow's stage field has Archived, its aliases Staging" in found()["moves cut off"].found
    found(repair=True)
    assert versions.search()[0].mirrored == "Staging"


def test_doctor_takes_down_the_ticket_of_a_dead_process_alone(register: Maker, dead: str):
    register()
    for key, holder in (("a", dead), ("b", "elsewhere:1:1.00")):
        told = f'{{"number": 1, "holder": "{holder}"}}'
        store.client().set_registered_model_tag("digits", f"{tickets.PREFIX}{key}", told)
    assert dead in found()["moves cut off"].found
    found(repair=True)
    assert [each.holder for each in tickets.queue("digits")] == ["elsewhere:1:1.00"]


def test_doctor_ends_runs_and_removes_files_of_dead_processes_alone(register: Maker, faults: Faults, dead: str):
    ready = register()
    with faults.after(3):  # run, model, files: no version
        register(holder=dead)
    with faults.after(3):
        register()  # this process is alive: it may yet register it
    assert [each.label for each in versions.search()] == [ready.label]
    check = found()["left by dead processes"]
    assert (check.state, check.found.count("run "), check.found.count("never registered")) == ("warn", 1, 1)
    check = found(repair=True)["left by dead processes"]
    assert (check.state, "marked as killed" in check.found) == ("ok", True)
    assert "left by dead processes" not in found()
    assert artifacts.fetch(ready).is_dir()
    models = store.client().search_logged_models([store.experiment("digits").experiment_id])
    assert len(models) == 2


def test_doctor_makes_a_whole_version_ready_and_removes_one_with_files_gone(register: Maker):
    whole, torn, standing = register(), register(), register()
    (artifacts.fetch(torn) / "bundle" / "model.tflite").unlink()
    for version in (whole, torn):
        store.client().delete_model_version_tag("digits", str(version.version), "ready")
    store.client().create_model_version("digits", source="/somewhere/else")  # another's, not ours to judge
    check = found()["half-made versions"]
    assert (check.state, check.found) == ("warn", "digits/2 (files incomplete), digits/1 (whole)")
    assert found(repair=True)["half-made versions"].found == "digits/2 (removed), digits/1 (made ready)"
    assert {each.label: each.ready for each in versions.search()} == {
        whole.label: True,
        standing.label: True,
        "digits/4": False,
    }
    assert "half-made versions" not in found()


def test_doctor_keeps_a_half_that_stands_in_production(register: Maker):
    torn = register()
    (artifacts.fetch(torn) / "bundle" / "model.tflite").unlink()
    store.client().delete_model_version_tag("digits", "1", "ready")
    store.client().set_registered_model_alias("digits", "production", "1")
    assert found(repair=True)["half-made versions"].state == "warn"
    assert [each.label for each in versions.search()] == ["digits/1"]
