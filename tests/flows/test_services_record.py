"""Pid files: who they speak of, and who may write them."""

import json
import os
from pathlib import Path

import psutil
import pytest

from flows import services
from flows.services import record
from flows.services.record import Service
from model_registry.workspace import Workspace


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("BEQUEST_HOME", str(tmp_path / "home"))
    space = Workspace(tmp_path / "home")
    space.services.mkdir(parents=True)
    return space


def me(**changes: object) -> Service:
    fields = {
        "name": "prefect",
        "pid": os.getpid(),
        "create_time": psutil.Process().create_time(),
        "port": 4200,
        "url": "http://127.0.0.1:4200",
        "command": ["python"],
        "started": "2026-01-01T00:00:00+00:00",
        "log": "prefect.log",
    }
    return Service(**(fields | changes))  # type: ignore[arg-type]


def test_read_gives_back_what_was_claimed(space: Workspace):
    assert record.claim(record.path(space, "prefect"), me())
    assert record.read(space, "prefect") == me()
    assert [file.name for file in space.services.iterdir()] == ["prefect.json"]


def test_claim_leaves_the_first_record_when_one_stands(space: Workspace):
    assert record.claim(record.path(space, "prefect"), me())
    assert not record.claim(record.path(space, "prefect"), me(pid=1))
    assert record.read(space, "prefect") == me()


def test_pid_file_holds_what_was_started(space: Workspace):
    record.claim(record.path(space, "prefect"), me())
    held = json.loads(record.path(space, "prefect").read_text())
    assert {"pid", "create_time", "port", "command", "started"} <= held.keys()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', "4711"])
def test_read_gives_none_when_the_file_is_no_record(space: Workspace, text: str):
    record.path(space, "prefect").write_text(text)
    assert record.read(space, "prefect") is None


def test_alive_is_false_when_a_stranger_has_the_pid():
    assert me().alive
    assert not me(create_time=psutil.Process().create_time() - 60).alive


def test_alive_is_false_when_the_process_has_ended():
    ended = psutil.Popen(["true"])
    created = ended.create_time()
    # Until it is waited for, it is a zombie: it has a pid, but does not run.
    for _ in range(200):
        if ended.status() == psutil.STATUS_ZOMBIE:
            break
        psutil.time.sleep(0.01)
    assert not me(pid=ended.pid, create_time=created).alive
    ended.wait()
    assert not me(pid=ended.pid, create_time=created).alive


def test_running_lists_only_services_that_live(space: Workspace):
    record.claim(record.path(space, "prefect"), me())
    record.claim(record.path(space, "mlflow"), me(name="mlflow", create_time=0.0))
    record.path(space, "worker").write_text("not a record")
    assert services.running() == {"prefect": me()}
