"""`bequest serve`: from a name in the registry, or a folder, to the server that takes the command's place."""

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
import typer
from typer.testing import CliRunner

from flows import console
from flows.commands import serve

app = typer.Typer()
serve.register(app)
BEQUEST = [sys.executable, "-c", "import typer; from flows.commands import serve; a = typer.Typer(); serve.register(a); a()"]


class ReplacedError(Exception):
    """Stands for the moment at which the command's process becomes the server."""


@pytest.fixture
def run(monkeypatch):
    """Runs the command up to `os.execv`; returns its exit code, its output and the server's command line."""
    monkeypatch.setattr(console.err, "width", 400)
    became: list[list[str]] = []

    def execv(path, arguments):
        became.append(arguments)
        raise ReplacedError

    def invoke(*arguments):
        became.clear()
        monkeypatch.setattr(os, "execv", execv)
        result = CliRunner().invoke(app, list(map(str, arguments)))
        return result, became[0] if became else None

    return invoke


@pytest.fixture(scope="module")
def registry(tmp_path_factory, table_bundle):
    """A registry with health/1, pruned and without a bundle, and health/2 in production with one."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        for name in ("MLFLOW_TRACKING_URI", "PREFECT_HOME", "PREFECT_LOCAL_STORAGE_PATH"):
            patch.setenv(name, "x")  # so that what `activate` sets is undone
            patch.delenv(name)
        patch.setenv("BEQUEST_HOME", str(home))
        from model_registry import store, versions

        run_id = store.client().create_run(store.experiment("health").experiment_id).info.run_id
        for operation in ("pruned", "trained"):
            folder = home / "staging" / operation
            folder.mkdir(parents=True)
            (folder / "model.keras").write_bytes(b"weights")
            if operation == "trained":
                shutil.copytree(table_bundle, folder / "bundle")
            made = versions.register("health", folder, operation=operation, parents=[], run_id=run_id, stage_key=operation)
        store.client().set_model_version_tag("health", str(made.version), "gate", "passed")
        store.client().set_registered_model_alias("health", "production", str(made.version))
        yield home


def test_serve_becomes_the_server_of_the_production_version(registry, run, serving, table_bundle):
    from tasks.bundle import Bundle

    _, command = run("health@production", "--port", 0, "--max-rows", 2)
    assert command[1:4] == ["-P", "-m", "deployments.serving"]
    follow = [
        "--version",
        "2",
        "--follow",
        "health",
        "--store",
        f"sqlite:///{registry / 'mlflow.db'}",
        "--poll-interval",
        "2.0",
    ]
    assert command[5:] == [*follow, "--host", "127.0.0.1", "--port", "0", "--max-rows", "2"]
    with serving(*command[4:]) as server, httpx.Client(base_url=server.url, trust_env=False) as client:
        found = client.get("/version").json()
        assert (found["name"], found["version"], found["follows"]) == ("health", "2", "health@production")
        assert found["bundle_sha256"] == Bundle.open(table_bundle).sha256
        row = [50, 0.5, "cook"]
        assert client.post("/invocations", json={"inputs": [row] * 2}).json()["predictions"][1]["label"] == "ill"
        assert client.post("/invocations", json={"inputs": [row] * 3}).status_code == 413


@pytest.mark.parametrize("arguments", [["health/2"], ["health@production", "--no-follow"]])
def test_serve_follows_nothing_where_one_version_is_asked_for(registry, run, arguments):
    assert run(*arguments)[1][5:9] == ["--name", "health", "--version", "2"]


def test_serving_needs_nothing_but_the_store_to_follow_a_model(registry, serving):
    with serving("--follow", "health", "--store", f"sqlite:///{registry / 'mlflow.db'}") as server:
        assert server.line.startswith("serving health/2 (bundle ")


def test_serve_says_how_to_get_a_bundle_when_the_version_has_none(registry, run):
    result, command = run("models:/health/1")
    assert (result.exit_code, command) == (2, None)
    for words in ("health/1 has no bundle", "'pruned'", "health@production", "bequest run RECIPE"):
        assert words in result.output


@pytest.mark.parametrize(
    ("address", "words"), [("helth@production", "Did you mean 'health'"), ("health@staging", "nothing stands")]
)
def test_serve_says_what_stands_when_the_address_leads_nowhere(registry, run, address, words):
    result, command = run(address)
    assert (result.exit_code, command) == (2, None)
    assert words in result.output


def test_serve_refuses_when_a_file_of_the_version_was_changed(registry, run):
    (model,) = registry.rglob("artifacts/**/bundle/model.tflite")
    content = model.read_bytes()
    model.write_bytes(content[:-1])
    try:
        result, command = run("health@production")
    finally:
        model.write_bytes(content)
    assert (result.exit_code, command) == (1, None)
    assert "bundle/model.tflite was changed" in result.output


@pytest.mark.parametrize(("gate", "word"), [("refused", "the gate refused it"), ("", "the gate never judged it")])
def test_serve_refuses_what_was_put_into_production_by_hand_until_somebody_answers_for_it(registry, run, gate, word):
    from model_registry import ledger, stages, store

    store.client().set_model_version_tag("health", "2", "gate", gate)
    try:
        for address in ("health@production", "health", "health/2"):
            result, command = run(address)
            assert (result.exit_code, command) == (3, None)
            assert f"by hand, and {word}" in result.output
            assert "bequest promote health 2 --to production --force --reason" in result.output
        stages.promote("health", 2, "production", force=True, reason=f"seen by hand: {word}")
        assert run("health@production")[1] is not None
        assert ledger.read("health")[-1].reason == f"seen by hand: {word}"
    finally:
        for key in [each for each in store.client().get_registered_model("health").tags if each.startswith("promotion.")]:
            store.client().delete_registered_model_tag("health", key)
        store.client().set_model_version_tag("health", "2", "gate", "passed")


def test_print_bundle_prints_the_folder_and_starts_nothing(registry, run, table_bundle):
    result, command = run("health", "--print-bundle")
    assert (result.exit_code, command) == (0, None)
    printed = Path(result.stdout.strip())
    assert json.loads((printed / "manifest.json").read_text())["name"] == "health"
    assert run(table_bundle, "--print-bundle")[0].stdout.strip() == str(table_bundle)


def test_serve_passes_every_option_on_for_a_folder(run, table_bundle, tmp_path):
    token = tmp_path / "token"
    _, command = run(
        table_bundle, "--host", "0.0.0.0", "--port", 7, "--token-file", token, "--max-body-mb", 0.5, "--access-log"
    )
    expected = [table_bundle, "--host", "0.0.0.0", "--port", 7, "--token-file", token, "--max-body-mb", 0.5, "--access-log"]
    assert command[4:] == list(map(str, expected))


def test_serve_passes_trial_capture_and_the_servers_own_options_on(registry, run):
    _, command = run(
        "health@production", "--canary", 0.2, "--canary-header", "X-User", "--capture", "--capture-days", 30, "--capture-drop",
        "age", "--capture-hash", "job", "--", "--trial-requests", "9",
    )  # fmt: skip
    trial = ["--canary", "0.2", "--canary-header", "X-User"]
    kept = ["--capture", str(registry / "captured"), "--capture-sample", "1.0", "--capture-days", "30"]
    tail = [*trial, *kept, "--capture-drop", "age", "--capture-hash", "job", "--trial-requests", "9"]
    assert command[-len(tail) :] == tail
    from deployments.serving.options import parser

    options = parser().parse_args(command[4:])
    assert (options.canary, options.capture_days, options.trial_requests, options.follow) == (0.2, 30, 9, "health")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--canary", 10], "--canary: expected a share in (0, 1], not a percentage"),
        (["--canary", 0.1, "--shadow"], "expected one of them"),
        (["--capture", "--capture-drop", "agee"], "Received: ['agee']"),
        (["--", "--threads", "0"], "--threads: expected at least 1"),
    ],
)
def test_the_server_says_which_option_is_wrong(registry, run, arguments, words):
    _, command = run("health@production", *arguments)
    done = subprocess.run(command[:], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize("model", ["./nowhere", "/nowhere/at/all"])
def test_print_bundle_asks_for_a_bundle_when_the_folder_is_none(run, model):
    result, _ = run(model, "--print-bundle")
    assert result.exit_code == 2
    assert "expected a bundle" in result.output


def test_serve_runs_our_server_whatever_the_current_directory_holds(table_bundle, started_process, tmp_path):
    # A package `deployments` of the user's own in the current directory must not stand in for ours.
    (tmp_path / "deployments").mkdir()
    (tmp_path / "deployments" / "__init__.py").write_text("raise RuntimeError")
    with started_process([*BEQUEST, str(table_bundle), "--port", "0"], cwd=tmp_path) as server:
        assert httpx.get(f"{server.url}/ping", trust_env=False).status_code == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0


def test_serve_names_the_option_when_the_port_is_taken(table_bundle):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run([*BEQUEST, table_bundle, "--port", port], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"--port {port}: another process listens there already" in done.stderr
