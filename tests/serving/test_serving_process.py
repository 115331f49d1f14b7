"""The server as a process: what it loads, who may ask, how it starts and how it ends."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from deployments.serving.__main__ import _listen

TOKEN = "correct-horse-battery-staple"
FORBIDDEN = ["tensorflow", "tf_keras", "tensorflow_model_optimization", "keras", "mlflow", "prefect"]
FORBIDDEN += ["pandas", "great_expectations", "sklearn", "scipy", "matplotlib", "pyarrow", "PIL"]
BODY = b'{"instances": [[50, 0.5, "cook"]]}'


def refused(*arguments: object, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code and message of a server that must not start."""
    command = [sys.executable, "-P", "-m", "deployments.serving", *map(str, arguments)]
    done = subprocess.run(command, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_serving_answers_without_tensorflow_mlflow_or_pandas(table_bundle):
    script = f"""
import sys
import deployments.serving.__main__
from deployments.serving.app import create_app
from deployments.serving.lineup import Lineup
from deployments.serving.metrics import Metrics
from deployments.serving.served import Served
from deployments.serving.service import Service
from deployments.serving.settings import Settings
from tasks.bundle import Bundle

create_app(Service(Lineup(Served(Bundle.open({str(table_bundle)!r}))), Settings(), Metrics()))
print([name for name in {FORBIDDEN} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture(autouse=True)
def _no_token_from_outside(monkeypatch):
    monkeypatch.delenv("BEQUEST_SERVE_TOKEN", raising=False)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_server_says_what_it_serves_then_ends_with_0_and_logs_nothing(table_bundle, serving, name):
    with serving(table_bundle, "--name", "health", "--version", 7) as server:
        assert server.line.startswith("serving health/7 (bundle ")
        assert httpx.get(f"{server.url}/ping", trust_env=False).status_code == 200
        server.process.send_signal(getattr(signal, name))
        assert server.process.wait(30) == 0
        assert server.process.stdout.read() == ""
        assert server.process.stderr.read() == ""


def test_server_finishes_a_request_under_way_when_told_to_stop(table_bundle, serving):
    with serving(table_bundle) as server:
        port = int(server.url.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n"
            connection.sendall(head.encode() + b"Expect: 100-continue\r\n\r\n")
            assert b"100 Continue" in connection.recv(1000)  # the request is now in the server's hands
            server.process.send_signal(signal.SIGTERM)
            connection.sendall(BODY)
            answer = b""
            while part := connection.recv(10_000):
                answer += part
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert b'"label":"ill"' in answer
        assert server.process.wait(30) == 0


def test_server_tells_at_once_when_a_client_asks_before_it_sends_too_much(table_bundle, serving):
    with serving(table_bundle, "--max-body-mb", 0.001) as server:
        port = int(server.url.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(
                b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\nExpect: 100-continue\r\n\r\n"
            )
            assert connection.recv(1000).startswith(b"HTTP/1.1 413")


def test_access_log_is_a_line_of_json_a_request_without_query_or_body(table_bundle, serving):
    with serving(table_bundle, "--access-log", "--version", 7) as server:
        with httpx.Client(base_url=server.url, trust_env=False) as client:
            client.get("/ping?secret=1", headers={"X-Request-ID": "mine"})
            client.post("/invocations", content=BODY, headers={"Content-Type": "application/json"})
            client.post("/invocations", content=b"{", headers={"Content-Type": "application/json"})
        assert server.stop() == 0
        lines = [json.loads(line) for line in server.process.stdout.read().splitlines()]
    facts = [
        (each["event"], each["method"], each["path"], each["status"], each.get("version"), each.get("rows")) for each in lines
    ]
    assert facts == [
        ("request", "GET", "/ping", 200, None, None),
        ("request", "POST", "/invocations", 200, "7", 1),
        ("request", "POST", "/invocations", 400, None, None),
    ]
    assert lines[0]["request_id"] == "mine"
    assert all(each["ms"] >= 0 and each["client"] == "127.0.0.1" for each in lines)


def test_listener_states_its_protocol_so_that_no_answer_waits_for_an_acknowledgement():
    with _listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.proto == socket.IPPROTO_TCP


@pytest.mark.parametrize("by", ["file", "environment"])
def test_token_is_asked_of_every_address_but_the_probes(table_bundle, serving, tmp_path, by):
    (tmp_path / "token").write_text(TOKEN + "\n")
    arguments = ["--token-file", tmp_path / "token"] if by == "file" else []
    env = {"BEQUEST_SERVE_TOKEN": TOKEN if by == "environment" else "another-token-altogether"}
    with (
        serving(table_bundle, "--host", "0.0.0.0", *arguments, env=env) as server,
        httpx.Client(base_url=server.url.replace("0.0.0.0", "127.0.0.1"), trust_env=False) as client,
    ):
        send = {"content": BODY, "headers": {"Content-Type": "application/json"}}
        for given in (None, "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN, b"Bearer \xff"):
            headers = {**send["headers"], **({"Authorization": given} if given else {})}
            response = client.post("/invocations", content=BODY, headers=headers)
            assert (response.status_code, response.json()["error_code"]) == (401, "UNAUTHENTICATED")
            assert response.headers["www-authenticate"] == "Bearer"
            assert TOKEN not in response.text
        for path in ("/version", "/openapi.json", "/metrics", "/v2/models/health", "/nowhere"):
            assert client.get(path).status_code == 401
        for path in ("/ping", "/health", "/v2/health/live", "/v2/health/ready"):
            assert client.get(path).status_code == 200
        client.headers["Authorization"] = f"bearer {TOKEN}"
        assert client.post("/invocations", **send).status_code == 200
        assert client.get("/version").status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_server_refuses_to_start_when_others_could_reach_it_without_a_token(table_bundle, host):
    code, message = refused(table_bundle, "--host", host)
    assert code == 2
    assert f"--host {host}: expected a token" in message
    assert "BEQUEST_SERVE_TOKEN" in message


@pytest.mark.parametrize("token", ["", "short", "with blanks in the middle", "umlauts-äöü-umlauts-äöü"])
def test_server_refuses_to_start_when_the_token_is_weak(table_bundle, token):
    code, message = refused(table_bundle, env={"BEQUEST_SERVE_TOKEN": token})
    assert code == 2
    assert "at least 16 printable ASCII characters" in message
    assert not token or token not in message


def test_server_refuses_to_start_when_the_token_file_is_missing(table_bundle, tmp_path):
    code, message = refused(table_bundle, "--token-file", tmp_path / "none")
    assert code == 2
    assert "expected a readable text file" in message


def test_server_names_the_option_when_the_port_is_taken(table_bundle):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, message = refused(table_bundle, "--port", port)
    assert code == 2
    assert f"--port {port}: another process listens there already. Stop it, or choose another --port." in message


@pytest.mark.parametrize("port", [-1, 70000])
def test_server_names_the_option_when_the_port_is_none(table_bundle, port):
    code, message = refused(table_bundle, "--port", port)
    assert code == 2
    assert f"--port {port}" in message


def test_server_names_the_file_when_the_bundle_is_damaged(table_bundle, tmp_path):
    folder = Path(shutil.copytree(table_bundle, tmp_path / "b"))
    (folder / "model.tflite").write_bytes((folder / "model.tflite").read_bytes()[:-1])
    code, message = refused(folder)
    assert code == 1
    assert "model.tflite: the file was changed" in message


def test_server_says_what_it_expects_when_the_folder_is_no_bundle(tmp_path):
    code, message = refused(tmp_path)
    assert code == 2
    assert "expected a bundle" in message
