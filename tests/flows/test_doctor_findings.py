"""What the doctor finds in an installation and in a workspace that something is wrong with, and what it mends."""

import json
import os
import sqlite3
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.doctor import Check, examine, installation, registry, servers, store
from flows.doctor import workspace as folder_checks
from flows.services import record
from flows.services.record import Service
from model_registry.workspace import Workspace


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace without a store."""
    monkeypatch.setenv("BEQUEST_HOME", str(tmp_path))
    for name in ("MLFLOW_TRACKING_URI", "PREFECT_HOME", "PREFECT_API_URL", "PREFECT_LOCAL_STORAGE_PATH"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def gone() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def only(checks: list[Check]) -> Check:
    (check,) = checks
    return check


def test_doctor_finds_nothing_wrong_and_leaves_no_trace_when_the_workspace_is_new(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BEQUEST_HOME", str(home / "new"))
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exit_code == 0, result.output
    assert {check["state"] for check in json.loads(result.stdout)} == {"ok"}
    assert list(home.iterdir()) == []


def test_doctor_loads_neither_tensorflow_nor_prefect(workspace: Path):
    code = (
        "import sys; from flows.doctor import examine; found = list(examine());"
        "print([name for name in ('tensorflow', 'tf_keras', 'prefect') if name in sys.modules], len(found))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.startswith("[] 1")


def test_doctor_ends_with_1_and_a_table_when_something_fails(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "0")
    result = CliRunner().invoke(app, ["doctor"], env={"COLUMNS": "200"})
    assert result.exit_code == 1
    assert "TF_USE_LEGACY_KERAS=0" in result.stdout
    assert "Unset it" in result.stdout


def test_examine_goes_on_when_a_check_breaks(home: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(_: bool) -> list[Check]:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("flows.doctor.examination.CHECKS", (broken, folder_checks.room))
    first, second = examine()
    assert (first.state, first.found) == ("fail", "the check itself broke: ZeroDivisionError: oops")
    assert second.name == "disk"


def test_packages_names_what_is_missing_or_of_another_version(monkeypatch: pytest.MonkeyPatch):
    wanted = ["numpy>=999", "no-such-package-of-bequest>=1,<2", "psutil", "mlflow>=1 ; python_version < '3'"]
    monkeypatch.setattr(installation, "requires", lambda _: wanted)
    found = {check.name: check for check in installation.packages(False)}
    assert found.keys() == {"package numpy", "package no-such-package-of-bequest"}
    assert found["package no-such-package-of-bequest"].found == "not installed, expected <2,>=1"
    assert found["package numpy"].state == "fail"
    assert "pip install 'numpy>=999'" in found["package numpy"].remedy


@pytest.mark.parametrize(
    ("variable", "value", "state"),
    [
        ("DO_NOT_TRACK", "1", "ok"),
        ("DO_NOT_TRACK", "0", "warn"),
        ("PREFECT_SERVER_ANALYTICS_ENABLED", "False", "ok"),
        ("PREFECT_SERVER_ANALYTICS_ENABLED", "true", "warn"),
        ("MLFLOW_DISABLE_TELEMETRY", "true", "ok"),
        ("MLFLOW_DISABLE_TELEMETRY", "false", "warn"),
        ("GX_ANALYTICS_ENABLED", "1", "warn"),
    ],
)
def test_telemetry_names_the_variable_that_turns_it_on(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, state: str):
    monkeypatch.setenv(variable, value)
    check = only(installation.telemetry(False))
    assert check.state == state
    assert (f"{variable}={value}" in check.found) == (state == "warn")


def test_writable_fails_when_the_workspace_cannot_be_written(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BEQUEST_HOME", "/proc/bequest")
    check = only(folder_checks.writable(False))
    assert check.state == "fail"
    assert "BEQUEST_HOME" in check.remedy


def test_room_warns_when_little_is_free(home: Path, monkeypatch: pytest.MonkeyPatch):
    (home / "artifacts").mkdir()
    (home / "artifacts" / "large").write_bytes(bytes(200_000_000))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10**12, 10**12, 4_900_000_000))
    check = only(folder_checks.room(False))
    assert (check.state, check.found) == ("warn", "4.9 GB free, expected 5 GB or more")
    assert "artifacts 0.2 GB" in check.remedy


def test_leftovers_removes_only_what_nobody_writes_any_more(home: Path, gone: int):
    dead, alive = home / "staging" / f"train-abc.{gone}", home / "staging" / f"train-def.{os.getpid()}"
    fresh, old = home / "data" / ".0123-fresh", home / "data" / ".0123-old"
    partial, whole = home / "bundles" / "ff.partial", home / "data" / "0123456789abcdef"
    for folder in (dead, alive, fresh, old, partial, whole):
        folder.mkdir(parents=True)
        (folder / "file").write_text("half")
    # A process that is younger than the folder has only the same id as the one that wrote it.
    reused = home / "staging" / f"train-ghi.{os.getpid()}"
    reused.mkdir()
    for folder in (old, partial, reused):
        for path in (folder / "file", folder):
            if path.exists():
                os.utime(path, (1_600_000_000, 1_600_000_000))
    check = only(folder_checks.leftovers(False))
    assert check.state == "warn"
    assert set(check.found.split(", ")) == {str(path.relative_to(home)) for path in (dead, old, partial, reused)}
    assert "--repair" in check.remedy
    assert dead.is_dir()
    assert only(folder_checks.leftovers(True)).state == "ok"
    assert all(not path.exists() for path in (dead, old, partial, reused))
    assert all(path.is_dir() for path in (alive, fresh, whole))
    assert only(folder_checks.leftovers(False)).found == "none, 2 being written"


def test_services_finds_and_clears_the_record_of_a_dead_one(home: Path, gone: int):
    space = Workspace(home)
    space.services.mkdir()
    record.claim(record.path(space, "mlflow"), Service("mlflow", gone, 0.0, 5000, "http://127.0.0.1:5000", [], "", "log"))
    record.path(space, "worker").write_text("{")
    states = {check.name: check for check in servers.services(False)}
    assert {name: check.state for name, check in states.items()} == {
        "service prefect": "ok",
        "service mlflow": "warn",
        "service worker": "warn",
    }
    assert f"process {gone} is gone" in states["service mlflow"].found
    assert {check.state for check in servers.services(True)} == {"ok"}
    assert list(space.services.glob("*.json")) == []


def test_services_fails_when_one_runs_but_does_not_answer(home: Path):
    space = Workspace(home)
    space.services.mkdir()
    created = psutil.Process().create_time()
    record.claim(
        record.path(space, "prefect"), Service("prefect", os.getpid(), created, 9, "http://127.0.0.1:9", [], "", "p.log")
    )
    check = servers.services(True)[0]
    assert (check.name, check.state) == ("service prefect", "fail")
    assert "bequest down" in check.remedy
    assert record.read(space, "prefect") is not None


def test_named_server_fails_when_the_users_server_does_not_answer(home: Path, monkeypatch: pytest.MonkeyPatch):
    assert servers.named_server(False) == []
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert only(servers.named_server(False)).state == "fail"


@pytest.fixture
def locked(home: Path) -> Iterator[int]:
    """The id of a process that holds the write lock of the workspace's MLflow store."""
    sqlite3.connect(home / "mlflow.db").execute("CREATE TABLE t (x)").connection.close()
    code = (
        f"import sqlite3, time; base = sqlite3.connect({str(home / 'mlflow.db')!r}); base.execute('BEGIN EXCLUSIVE');"
        "print('held', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    yield holder.pid
    holder.kill()
    holder.wait()
    holder.stdout.close()


def test_databases_names_who_holds_the_lock(home: Path, locked: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store, "_LOCK_PATIENCE_S", 0.2)
    check = store.databases(False)[0]
    assert (check.name, check.state) == ("MLflow store", "fail")
    assert f"process {locked}" in check.remedy
    # The registry in a store that does not open is not looked into.
    *_, last = examine()
    assert (last.name, last.found) == ("registry", "not looked at")


@pytest.mark.parametrize("content", [b"this is not a database " * 100, None])
def test_databases_fails_when_the_store_is_damaged(home: Path, content: bytes | None):
    file = home / "mlflow.db"
    if content is None:
        base = sqlite3.connect(file)
        base.execute("CREATE TABLE t (x)")
        base.executemany("INSERT INTO t VALUES (?)", [("y" * 1000,)] * 100)
        base.commit()
        base.close()
        with file.open("r+b") as opened:
            opened.seek(4096 + 8)
            opened.write(b"\xff" * 5000)
    else:
        file.write_bytes(content)
    check = store.databases(False)[0]
    assert check.state == "fail"
    assert "damaged" in check.found
    assert "backup" in check.remedy


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "postgresql://someone:secret@127.0.0.1:9/mlflow"])
def test_databases_fails_without_a_password_when_a_remote_store_does_not_answer(
    home: Path, monkeypatch: pytest.MonkeyPatch, uri: str
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    check = store.databases(False)[0]
    assert (check.name, check.state) == ("MLflow store", "fail")
    assert "127.0.0.1:9" in check.found
    assert "secret" not in check.found


@pytest.fixture
def version(workspace: Path, tmp_path: Path) -> Callable[[], Any]:
    """Registers a version with one file."""
    from model_registry import store as mlflow_store
    from model_registry import versions

    def register() -> Any:
        folder = tmp_path / "model"
        folder.mkdir(exist_ok=True)
        (folder / "weights").write_text("1 2 3")
        client = mlflow_store.client()
        run = client.create_run(mlflow_store.experiment("digits").experiment_id)
        key = os.urandom(4).hex()
        (folder / "key").write_text(key)
        return versions.register("digits", folder, operation="trained", parents=[], run_id=run.info.run_id, stage_key=key)

    return register


def found(repair: bool = False) -> dict[str, Check]:
    return {check.name: check for check in registry.registry(repair)}


def test_registry_is_well_when_versions_and_their_files_stand(version: Callable[[], Any]):
    version()
    assert {name: check.state for name, check in found().items()} == {
        "versions": "ok",
        "version files": "ok",
        "signatures": "ok",
        "stages": "ok",
        "production": "ok",
    }


def test_registry_names_versions_made_by_other_means(version: Callable[[], Any]):
    from model_registry import store as mlflow_store

    version()
    mlflow_store.client().create_model_version("digits", source="/somewhere/else")
    check = found()["versions"]
    assert (check.state, check.found) == ("warn", "not ready: digits/2")


def test_registry_names_missing_files_and_fails_when_the_version_serves(version: Callable[[], Any]):
    from model_registry import artifacts
    from model_registry import store as mlflow_store

    folder = artifacts.fetch(version())
    (folder / "weights").unlink()
    check = found()["version files"]
    assert (check.state, check.found) == ("warn", f"missing: digits/1: {folder / 'weights'}")
    mlflow_store.client().set_registered_model_alias("digits", "production", "1")
    check = found()["version files"]
    assert check.state == "fail"
    assert "bequest rollback digits" in check.remedy


def test_registry_notes_a_stage_moved_by_hand_in_the_ledger_when_repairing(version: Callable[[], Any]):
    from model_registry import ledger
    from model_registry import store as mlflow_store

    version()
    mlflow_store.client().set_registered_model_alias("digits", "production", "1")
    check = found()["stages"]
    assert (check.state, check.found) == ("warn", "put into production by hand: digits/1 (gate: never judged)")
    assert ledger.read("digits") == []
    assert found(repair=True)["stages"].state == "ok"
    assert [entry.move for entry in ledger.read("digits")] == ["found"]
    assert found()["stages"].found == "as the ledger has them"
    assert found()["production"].state == "warn"
    assert "digits/1 was put into production by hand, and the gate never judged it" in found()["production"].found


def test_registry_fails_when_a_withdrawn_version_stands_in_production(version: Callable[[], Any]):
    from model_registry import store as mlflow_store
    from model_registry import withdrawal

    made = version()
    withdrawal.withdraw(made, "wrong labels")
    assert "withdrawn from digits" not in found()
    mlflow_store.client().set_registered_model_alias("digits", "production", "1")
    check = found(repair=True)["withdrawn from digits"]
    assert check.state == "fail"
    assert check.found.startswith("digits/1 stands in production, but it is withdrawn (by ")
    assert "`bequest rollback digits`" in check.remedy
