"""Real processes: started in the background, recorded by themselves, ended as a tree, never a stranger."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows.services import control, record
from flows.services.ending import end
from flows.services.loopback import ask
from flows.services.plans import Plan, marker
from flows.services.record import Service
from flows.services.starting import Start
from model_registry.errors import BequestError, InputError
from model_registry.workspace import Workspace

SERVER = """
import http.server, sys
class Fine(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Fine).serve_forever()
"""
# A service with a child, and a grandchild that is deaf to SIGTERM.
FAMILY = """
import subprocess, sys, time
deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
child = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {deaf!r}]); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", child])
time.sleep(600)
"""


def wait_for(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setattr(os, "environ", os.environ.copy())  # `up` sets what its own process needs
    os.environ["BEQUEST_HOME"] = str(tmp_path)
    space = Workspace(tmp_path)
    space.services.mkdir()
    yield space
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("BEQUEST_SERVICE", "").endswith(f"@{tmp_path}"):
                process.kill()


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def plan(space: Workspace, code: str, port: int | None = None, name: str = "prefect") -> Plan:
    return Plan(
        name=name,
        port=port,
        url=f"http://127.0.0.1:{port}",
        command=[sys.executable, "-c", code, str(port)],
        environment=os.environ | {"BEQUEST_SERVICE": marker(space, name)},
        healthy=lambda service: port is None or ask(service.url) == 200,
    )


def members(space: Workspace, name: str = "prefect") -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("BEQUEST_SERVICE") == marker(space, name) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def test_begin_starts_a_service_that_records_itself_and_answers(space: Workspace, port: int):
    start = Start(space, plan(space, SERVER, port)).begin()
    service = start.ready()
    assert start.state == "started"
    assert service == record.read(space, "prefect")
    assert service.alive
    assert os.getsid(service.pid) == service.pid != os.getsid(0)
    assert service.command[0] == sys.executable
    assert ask(service.url) == 200
    assert end(space, service)
    assert not service.alive


def test_begin_keeps_the_log_of_the_time_before(space: Workspace):
    for word in ("first", "second"):
        start = Start(space, plan(space, f"print({word!r})")).begin()
        start._process.wait()
    assert (space.services / "prefect.log.1").read_text().strip() == "first"
    assert (space.services / "prefect.log").read_text().strip() == "second"


def test_ready_shows_the_end_of_the_log_when_the_service_ends_at_once(space: Workspace, port: int):
    start = Start(space, plan(space, "raise SystemExit('no such database')", port)).begin()
    with pytest.raises(BequestError, match=r"(?s)prefect ended at once.*no such database.*bequest doctor"):
        start.ready()


def test_ready_does_not_take_the_answer_of_a_stranger_for_its_own(space: Workspace, port: int):
    stranger = subprocess.Popen([sys.executable, "-c", SERVER, str(port)])
    try:
        wait_for(lambda: ask(f"http://127.0.0.1:{port}") == 200)
        start = Start(space, plan(space, SERVER, port)).begin()
        with pytest.raises(BequestError, match="ended at once"):
            start.ready()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_begin_leaves_one_service_when_two_start_it_at_once(space: Workspace):
    starts = [Start(space, plan(space, "import time; time.sleep(600)")).begin() for _ in range(2)]
    wait_for(lambda: any(start._process.poll() == record.TAKEN for start in starts))
    assert len(members(space)) == 1
    assert record.read(space, "prefect").pid == members(space)[0].pid


def test_undo_ends_a_service_that_has_not_come_as_far_as_its_record(space: Workspace):
    start = Start(space, plan(space, "import time; time.sleep(600)")).begin()
    start.undo()
    wait_for(lambda: not members(space))


def test_undo_leaves_a_service_that_was_found_running(space: Workspace):
    found = Start(space, plan(space, "import time; time.sleep(600)")).begin().ready()
    Start(space, plan(space, ""), found).begin().undo()
    assert found.alive
    end(space, found)


def test_end_kills_the_whole_tree_when_part_of_it_is_deaf(space: Workspace):
    service = Start(space, plan(space, FAMILY)).begin().ready()
    wait_for(lambda: len(members(space)) == 3)
    assert end(space, service)
    assert members(space) == []


def test_end_kills_what_a_service_left_when_it_died(space: Workspace):
    service = Start(space, plan(space, FAMILY)).begin().ready()
    wait_for(lambda: len(members(space)) == 3)
    os.kill(service.pid, 9)
    wait_for(lambda: not service.alive)
    assert end(space, service)
    assert members(space) == []


def test_end_leaves_a_stranger_that_has_the_pid_now(space: Workspace):
    stranger = psutil.Popen(["sleep", "600"], start_new_session=True)
    try:
        stale = Service("prefect", stranger.pid, stranger.create_time() - 3600, 1, "http://127.0.0.1:1", [], "", "")
        assert not end(space, stale)
        assert stranger.is_running()
    finally:
        stranger.kill()
        stranger.wait()


def test_end_leaves_members_of_a_later_session_with_the_same_id(space: Workspace):
    """The pid was given to a stranger that led a session, started a child and ended: the child has our old id as session."""
    leader = psutil.Popen(["sh", "-c", "sleep 600 & sleep 0.2"], start_new_session=True)
    wait_for(leader.children)
    child = leader.children()[0]
    leader.wait()
    try:
        assert os.getsid(child.pid) == leader.pid
        assert not end(space, Service("prefect", leader.pid, 0.0, None, "", [], "", ""))
        assert child.is_running()
    finally:
        child.kill()


def test_down_removes_the_records_and_leaves_strangers(space: Workspace):
    Start(space, plan(space, "import time; time.sleep(600)")).begin().ready()
    stranger = psutil.Popen(["sleep", "600"])
    try:
        stale = Service("worker", stranger.pid, stranger.create_time() - 3600, None, "", [], "", "")
        record.claim(record.path(space, "worker"), stale)
        record.path(space, "mlflow").write_text("half a rec")
        outcomes = control.down()
        assert [(outcome.name, outcome.state) for outcome in outcomes] == [("worker", "cleared"), ("prefect", "ended")]
        assert list(space.services.glob("*.json")) == []
        assert stranger.is_running()
        assert control.down() == []
    finally:
        stranger.kill()
        stranger.wait()


# What a process of `bequest up` does, with a small server in Prefect's place and MLflow's elsewhere.
UP = """
import json, os, sys
from flows.services import control, plans
from flows.services.loopback import ask
from flows.services.plans import Plan, marker

def prefect(space, port):
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | {"BEQUEST_SERVICE": marker(space, "prefect")}
    command = [sys.executable, "-c", os.environ["SERVER"], str(port)]
    return Plan("prefect", port, url, command, environment, lambda service: ask(service.url) == 200)

plans.prefect = prefect
outcomes = control.up(worker=False)
print(json.dumps({outcome.name: outcome.as_json() for outcome in outcomes}))
"""


def up(space: Workspace, server: str = SERVER) -> subprocess.Popen[str]:
    environment = os.environ | {"SERVER": server, "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    environment.pop("PREFECT_API_URL", None)
    return subprocess.Popen([sys.executable, "-c", UP], env=environment, stdout=subprocess.PIPE, text=True, cwd=space.home)


def told(process: subprocess.Popen[str]) -> dict[str, Any]:
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return json.loads(output)


def test_up_starts_one_of_each_when_called_twice_at_once(space: Workspace):
    first, second = (told(process) for process in [up(space), up(space)])
    assert {first["prefect"]["state"], second["prefect"]["state"]} == {"started", "running"}
    assert first["prefect"]["pid"] == second["prefect"]["pid"]
    assert len(members(space)) == 1
    assert first["mlflow"]["state"] == "yours"
    control.down()


def test_up_carries_on_with_what_a_killed_one_had_begun(space: Workspace):
    slow = f"import time; time.sleep(2)\n{SERVER}"
    killed = up(space, slow)
    wait_for(lambda: record.read(space, "prefect"))
    killed.kill()
    killed.communicate()
    begun = record.read(space, "prefect")
    found = told(up(space, slow))["prefect"]
    assert (found["state"], found["pid"]) == ("running", begun.pid)
    control.down()


def test_up_ends_what_it_began_when_another_service_fails(space: Workspace, port: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(control, "_prefect", lambda *_: Start(space, plan(space, SERVER, port)))
    monkeypatch.setattr(control, "_mlflow", lambda *_: Start(space, plan(space, "exit('no room')", port + 1, "mlflow")))
    monkeypatch.setattr(control, "_open_store", lambda _: None)
    with pytest.raises(BequestError, match=r"(?s)mlflow ended at once.*no room"):
        control.up(worker=False)
    assert members(space) == []
    assert list(space.services.glob("*.json")) == []


def test_up_starts_nothing_when_a_port_asked_for_is_in_use(space: Workspace, port: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen()
        with pytest.raises(InputError, match=f"--mlflow-port: expected a free port.*{port}"):
            control.up(mlflow_port=port)
    assert members(space) == []
    assert list(space.services.glob("*.json")) == []


def test_up_refuses_a_port_for_a_server_that_is_the_users(space: Workspace, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://somewhere/api")
    with pytest.raises(InputError, match=r"--prefect-port: expected no port.*PREFECT_API_URL=http://somewhere/api"):
        control.up(prefect_port=4300)
    monkeypatch.delenv("PREFECT_API_URL")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://somewhere")
    with pytest.raises(InputError, match=r"--mlflow-port: expected no port.*MLFLOW_TRACKING_URI=http://somewhere"):
        control.up(mlflow_port=5300)
