"""Which Prefect server a command speaks to."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psutil
import pytest

from flows.services import prefect_api_url, record, use_server_if_up
from flows.services.loopback import past_proxies
from flows.services.record import Service
from model_registry.workspace import Workspace


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    os.environ.pop("PREFECT_API_URL", None)
    os.environ["BEQUEST_HOME"] = str(tmp_path)
    return Workspace(tmp_path)


@pytest.fixture
def server(home: Workspace) -> Iterator[str]:
    """A server in this very process, recorded as the workspace's."""
    with HTTPServer(("127.0.0.1", 0), Healthy) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{listening.server_port}"
        home.services.mkdir()
        created = psutil.Process().create_time()
        mine = Service("prefect", os.getpid(), created, listening.server_port, url, [], "2026-01-01T00:00:00+00:00", "")
        record.claim(record.path(home, "prefect"), mine)
        yield url
        listening.shutdown()


def test_prefect_api_url_is_none_when_nothing_runs():
    assert prefect_api_url() is None
    assert use_server_if_up() is None
    assert "PREFECT_API_URL" not in os.environ


def test_prefect_api_url_is_the_workspaces_when_it_answers(server: str):
    assert prefect_api_url() == f"{server}/api"


def test_prefect_api_url_is_the_users_when_one_is_set(server: str):
    os.environ["PREFECT_API_URL"] = "http://elsewhere/api"
    assert prefect_api_url() == "http://elsewhere/api"


def test_prefect_api_url_is_none_when_the_record_is_of_a_process_that_is_gone(home: Workspace, server: str):
    text = record.path(home, "prefect").read_text()
    record.path(home, "prefect").write_text(text.replace(str(psutil.Process().create_time()), "1.0"))
    assert prefect_api_url() is None


def test_prefect_api_url_is_none_when_the_server_does_not_answer(home: Workspace, server: str):
    text = record.path(home, "prefect").read_text()
    record.path(home, "prefect").write_text(text.replace(server, "http://127.0.0.1:9"))
    assert prefect_api_url() is None


def test_use_server_if_up_points_this_process_past_proxies(server: str):
    os.environ["NO_PROXY"] = "intranet"
    assert use_server_if_up() == f"{server}/api" == os.environ["PREFECT_API_URL"]
    assert os.environ["NO_PROXY"] == "intranet,127.0.0.1,localhost"


def test_past_proxies_adds_each_host_once():
    environment = {"NO_PROXY": "localhost"}
    past_proxies(environment)
    past_proxies(environment)
    assert environment["NO_PROXY"] == "localhost,127.0.0.1"


def test_asking_for_the_server_loads_nothing_heavy():
    code = (
        "import sys; from flows.services import running, use_server_if_up; use_server_if_up(); running();"
        "print([name for name in ('prefect', 'mlflow', 'httpx', 'psutil', 'tensorflow') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
