"""Everything at once on live servers: up, a run by the clock, a run by an event, a death and a restart, down.

The flows that run are small stand-ins with the signatures of the real ones, in a module of their own.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
import pytest
from typer.testing import CliRunner

from flows import services
from flows.cli import app
from flows.services import control, record
from flows.services.control import Outcome
from flows.services.ports import is_free
from model_registry.errors import InputError
from model_registry.workspace import Workspace

pytestmark = pytest.mark.xdist_group("live services")

STAND_INS = '''
"""Stand-ins that note what they were called with, and where."""
import json, os, time
from pathlib import Path
from prefect import flow

def note(file, **facts):
    partial = Path(os.environ["BEQUEST_HOME"]) / f"{file}.partial"
    partial.write_text(json.dumps({"cwd": os.getcwd(), "keras": os.environ.get("TF_USE_LEGACY_KERAS"), **facts}))
    partial.rename(partial.with_suffix(".json"))

@flow(name="inherit")
def inherit(recipe: str, trigger: dict | None = None, refresh: str | None = None) -> dict:
    note("inherit", recipe=recipe, trigger=trigger)
    return {}

@flow(name="retrain")
def retrain(name: str, batch: str, reason: str, reference_version: str, window: str = "") -> dict:
    note(f"retrain-{window}", name=name, batch=batch, reason=reason, reference_version=reference_version, at=time.time())
    if window == "long":
        time.sleep(600)
    return {}
'''


@dataclass(frozen=True)
class Live:
    """A workspace whose services run."""

    space: Workspace
    directory: Path
    outcomes: dict[str, Outcome]

    @property
    def api(self) -> str:
        return f"{self.outcomes['prefect'].url}/api"


@contextmanager
def environment(changes: dict[str, str], without: tuple[str, ...] = ()) -> Iterator[None]:
    before, where = os.environ.copy(), Path.cwd()
    try:
        for key in without:
            os.environ.pop(key, None)
        os.environ.update(changes)
        yield
    finally:
        os.chdir(where)
        os.environ.clear()
        os.environ.update(before)


def wait_for(condition: Callable[[], Any], seconds: float = 90) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)
    return found


def noted(live: Live, name: str) -> dict[str, Any]:
    file = live.space.home / f"{name}.json"
    wait_for(file.exists)
    return json.loads(file.read_text())


def states(client: Any, window: str) -> list[str]:
    """The states of the retraining runs that a request with this window led to."""
    runs = client.read_flow_runs(limit=50, sort="EXPECTED_START_TIME_DESC")
    return [run.state_name for run in runs if run.parameters.get("window") == window]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    directory = tmp_path_factory.mktemp("user")
    code = tmp_path_factory.mktemp("code")
    (code / "bequest_stand_ins.py").write_text(STAND_INS)
    # A folder of this name where the user works must not stand in for the package's own.
    (directory / "tasks").mkdir()
    (directory / "tasks" / "__init__.py").write_text("raise ImportError('the wrong tasks')")
    path = os.pathsep.join([str(code), *filter(None, [os.environ.get("PYTHONPATH")])])
    unset = ("PREFECT_API_URL", "PREFECT_HOME", "MLFLOW_TRACKING_URI", "PREFECT_LOCAL_STORAGE_PATH")
    space = Workspace(directory / ".bequest")
    with environment({"BEQUEST_HOME": str(space.home), "PYTHONPATH": path, "PREFECT_WORKER_QUERY_SECONDS": "2"}, unset):
        os.chdir(directory)
        sys.path.append(str(code))
        try:
            started = control.up(retrain="bequest_stand_ins.retrain")
            yield Live(space, directory, {outcome.name: outcome for outcome in started})
        finally:
            control.down()
            sys.path.remove(str(code))


@pytest.fixture
def command(live: Live, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs a `bequest` command and gives back what it printed; each as if in a process of its own."""

    def run(*arguments: str, expect: int = 0) -> str:
        with environment({}, ("PREFECT_API_URL",)):
            result = CliRunner().invoke(app, list(arguments))
        assert result.exit_code == expect, result.output
        return result.output

    return run


def test_up_starts_servers_and_worker_that_answer_on_loopback(live: Live):
    assert {name: outcome.state for name, outcome in live.outcomes.items()} == dict.fromkeys(record.NAMES, "started")
    assert services.running().keys() == set(record.NAMES)
    with urlopen(f"{live.api}/health", timeout=10) as answer:
        assert json.load(answer) is True
    with urlopen(live.outcomes["prefect"].url, timeout=10) as page:
        assert b"<html" in page.read().lower()
    # The UI asks the server it came from, whatever its port.
    with urlopen(f"{live.outcomes['prefect'].url}/ui-settings", timeout=10) as settings:
        assert json.load(settings)["api_url"] == live.api
    with urlopen(live.outcomes["mlflow"].url, timeout=10) as page:
        assert b"<title>MLflow</title>" in page.read()
    listening = {
        connection.laddr[0]
        for service in services.running().values()
        for process in (service.process(), *service.process().children(recursive=True))
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_up_leaves_no_telemetry_on_in_what_it_starts(live: Live):
    for service in services.running().values():
        found = service.process().environ()
        assert (found["DO_NOT_TRACK"], found["PREFECT_SERVER_ANALYTICS_ENABLED"]) == ("1", "false")
        assert (found["MLFLOW_DISABLE_TELEMETRY"], found["GX_ANALYTICS_ENABLED"]) == ("true", "false")
    with urlopen(f"{live.outcomes['mlflow'].url}/ajax-api/3.0/mlflow/ui-telemetry", timeout=10) as answer:
        assert json.load(answer)["disable_ui_telemetry"] is True


def test_schedule_runs_a_flow_to_its_end_in_the_users_directory(live: Live, command: Callable[..., Any]):
    from flows import schedules
    from flows.services.pool import connect

    parameters = {"recipe": str(live.directory / "digits.yaml"), "trigger": {"kind": "schedule"}}
    every_ten_seconds = schedules.cron_schedule("* * * * * */10", "UTC")
    with connect(live.api) as client:
        stand_in = {"entrypoint": "bequest_stand_ins.inherit"}
        assert schedules.add(client, "digits-inherit", "inherit", parameters, every_ten_seconds, **stand_in)
        assert not schedules.add(client, "digits-inherit", "inherit", parameters, every_ten_seconds, **stand_in)
        with pytest.raises(InputError, match=r"--name.*'digits-inherit', a schedule of the flow inherit"):
            schedules.add(client, "digits-inherit", "feedback", {"name": "digits", "data": "x"}, every_ten_seconds)

        found = noted(live, "inherit")
        assert found == {"cwd": str(live.directory), "keras": "1"} | parameters

        def completed() -> Any:
            return [each for each in schedules.found(client) if each.last_state == "Completed"]

        assert wait_for(completed)[0].flow == "inherit"
    listed = json.loads(command("schedule", "list", "--json"))
    assert [(each["name"], each["cron"], each["active"]) for each in listed] == [("digits-inherit", "* * * * * */10", True)]
    command("schedule", "pause", "digits-inherit")
    (paused,) = json.loads(command("schedule", "list", "--json"))
    assert (paused["active"], paused["next_run"]) == (False, None)
    command("schedule", "resume", "digits-inherit")
    assert json.loads(command("schedule", "list", "--json"))[0]["active"]
    command("schedule", "remove", "digits-inherit")
    assert json.loads(command("schedule", "list", "--json")) == []
    assert "nothing is scheduled yet" in command("schedule", "remove", "digits-inherit", expect=2)


def test_event_runs_the_retraining_flow_with_the_parameters_it_carries(live: Live, capsys: pytest.CaptureFixture[str]):
    from flows import automations
    from flows.services.pool import connect

    # What the event carries reaches the flow as it is: quotes and braces are not read as a template.
    reason = 'drift: "mean" {{ moved }} it\'s'
    asked = time.time()
    with environment({}, ("PREFECT_API_URL",)):
        assert automations.emit_retrain("digits", "batch.npz", reason, "digits/3", window="ab12")
    found = noted(live, "retrain-ab12")
    passed = found.pop("at") - asked
    with capsys.disabled():
        sys.stdout.write(f"\nfrom the event to the first line of the retraining flow: {passed:.1f} s\n")
    assert passed > 0
    assert found == {
        "cwd": str(live.directory),
        "keras": "1",
        "name": "digits",
        "batch": str(live.directory / "batch.npz"),
        "reason": reason,
        "reference_version": "digits/3",
    }
    with connect(live.api) as client:
        wait_for(lambda: states(client, "ab12") == ["Completed"])


def test_emit_retrain_is_refused_when_the_automation_is_off(live: Live):
    from flows import automations
    from flows.services.pool import connect

    with connect(live.api) as client:
        (standing,) = client.read_automations_by_name(automations.NAME)
        client.pause_automation(standing.id)
        with environment({}, ("PREFECT_API_URL",)):
            assert not automations.emit_retrain("digits", "b", "drift", "digits/1")
        automations.ensure_automations(client, standing.actions[0].deployment_id)
        (unchanged,) = client.read_automations_by_name(automations.NAME)
        assert (unchanged.id, unchanged.enabled) == (standing.id, False)
        client.resume_automation(standing.id)


def test_prefect_deploy_makes_the_same_as_python_does(live: Live, command: Callable[..., Any]):
    from flows import automations
    from flows.services.pool import connect

    root = Path(automations.__file__).parents[1]
    file = root / "deployments" / "prefect.yaml"
    arguments = ["--no-prompt", "deploy", "--all", "--prefect-file", str(file)]
    with connect(live.api) as client:
        (before,) = client.read_automations_by_name(automations.NAME)
        deployed = subprocess.run(
            [sys.executable, "-P", "-m", "prefect", *arguments],
            env=os.environ | {"PREFECT_API_URL": live.api},
            cwd=root,  # Prefect puts where it is called first on the import path
            capture_output=True,
            text=True,
            check=False,
        )
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
        (after,) = client.read_automations_by_name(automations.NAME)
        ours = automations.automation(before.actions[0].deployment_id)
    assert after.id != before.id  # replaced, not added
    assert after.actions == ours.actions
    assert after.trigger.model_dump(exclude={"id"}) == ours.trigger.model_dump(exclude={"id"})
    names = [each["name"] for each in json.loads(command("schedule", "list", "--json"))]
    assert names == ["hourly", "nightly"]


def test_schedule_command_checks_what_it_is_given(live: Live, command: Callable[..., Any]):
    recipe = live.directory / "wine.yaml"
    recipe.write_text("name: wine\ndata: {source: 'bundled:wine'}\n")
    told = json.loads(command("schedule", str(recipe), "--cron", "0 2 * * *", "--timezone", "Europe/Berlin", "--json"))
    assert told["name"] == "wine-inherit"
    assert told["new"]
    assert told["parameters"]["recipe"] == str(recipe)
    assert told["parameters"]["trigger"]["kind"] == "schedule"
    told = json.loads(command("schedule", "--feedback", "wine", "--data", "new.csv", "--cron", "0 * * * *", "--json"))
    assert (told["name"], told["parameters"]) == ("wine-feedback", {"name": "wine", "data": str(live.directory / "new.csv")})
    listed = {each["name"]: each for each in json.loads(command("schedule", "list", "--json"))}
    assert listed["wine-inherit"]["timezone"] == "Europe/Berlin"
    assert listed["wine-feedback"]["cron"] == "0 * * * *"
    assert "--cron" in command("schedule", str(recipe), "--cron", "25 * * *", expect=2)
    assert "--timezone" in command("schedule", str(recipe), "--cron", "0 2 * * *", "--timezone", "Mars/Olympus", expect=2)
    recipe.write_text("name: wine\ndata: {sauce: 'bundled:wine'}\n")
    assert "source" in command("schedule", str(recipe), "--cron", "0 2 * * *", expect=2)


def test_a_second_workspace_takes_nothing_over_on_a_server_it_shares(live: Live, tmp_path: Path, command: Callable[..., Any]):
    (tmp_path / "wine.yaml").write_text("name: wine\ndata: {source: 'bundled:wine'}\n")
    other = {"BEQUEST_HOME": str(tmp_path / "other"), "PREFECT_API_URL": live.api, "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    with environment(other, ("PREFECT_HOME", "PREFECT_LOCAL_STORAGE_PATH")):
        os.chdir(tmp_path)
        yours = {outcome.name: (outcome.state, outcome.url) for outcome in control.up(worker=False)}
        assert yours == {"prefect": ("yours", live.api), "mlflow": ("yours", "http://127.0.0.1:9")}
        with pytest.raises(InputError, match=rf"(?s)a pool `bequest` of another workspace.*that of {live.space.home}"):
            control.up(retrain="bequest_stand_ins.retrain")
        assert services.running() == {}
        refused = CliRunner().invoke(app, ["schedule", "wine.yaml", "--cron", "0 2 * * *"])
        assert refused.exit_code == 2
        assert f"a schedule of the workspace {live.space.home}" in refused.stderr


def test_up_restarts_what_has_died_and_leaves_the_rest(live: Live):
    os.kill(live.outcomes["worker"].pid, 9)
    wait_for(lambda: "worker" not in services.running())
    with environment({}, ("PREFECT_API_URL",)):
        again = {outcome.name: outcome for outcome in control.up(retrain="bequest_stand_ins.retrain")}
        with pytest.raises(InputError, match=rf"--prefect-port: expected {live.outcomes['prefect'].port}.*bequest down"):
            control.up(prefect_port=1)
    assert {name: outcome.state for name, outcome in again.items()} == {
        "prefect": "running",
        "mlflow": "running",
        "worker": "restarted",
    }
    assert again["prefect"].pid == live.outcomes["prefect"].pid
    assert again["worker"].pid != live.outcomes["worker"].pid


@pytest.mark.slow
def test_up_settles_what_a_power_cut_left(live: Live):
    from flows import automations
    from flows.services.pool import connect

    with environment({}, ("PREFECT_API_URL",)):
        assert automations.emit_retrain("digits", "batch.npz", "drift", "digits/3", window="long")
        noted(live, "retrain-long")
        for service in services.running().values():
            for process in (service.process(), *service.process().children(recursive=True)):
                process.kill()
        wait_for(lambda: not services.running())
        again = {outcome.name: outcome for outcome in control.up(retrain="bequest_stand_ins.retrain")}
        assert {name: outcome.state for name, outcome in again.items()} == dict.fromkeys(record.NAMES, "restarted")
        assert again["prefect"].url == live.outcomes["prefect"].url
        with connect(live.api) as client:
            assert states(client, "long") == ["Crashed"]
            # The one that was cut off holds its turn no longer.
            assert automations.emit_retrain("digits", "batch.npz", "drift", "digits/3", window="next")
            wait_for(lambda: states(client, "next") == ["Completed"])


def test_doctor_finds_running_services_well(live: Live, command: Callable[..., Any]):
    checks = {check["name"]: check for check in json.loads(command("doctor", "--json"))}
    assert [checks[f"service {name}"]["state"] for name in record.NAMES] == ["ok"] * 3
    assert (checks["MLflow store"]["state"], checks["Prefect database"]["state"]) == ("ok", "ok")


def test_down_ends_everything_and_frees_the_ports(live: Live, command: Callable[..., Any]):
    processes = [
        each for service in services.running().values() for each in (service.process(), *service.process().children(True))
    ]
    told = json.loads(command("down", "--json"))
    assert {name: outcome["state"] for name, outcome in told.items()} == dict.fromkeys(record.NAMES, "ended")
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)
    assert is_free(live.outcomes["prefect"].port)
    assert is_free(live.outcomes["mlflow"].port)
    assert services.running() == {}
    assert "bequest up" in command("schedule", "list", expect=1)
    assert "Nothing" in command("down")
