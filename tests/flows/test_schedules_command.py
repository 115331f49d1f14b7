"""`bequest schedule` before any server is asked: what it takes and what it refuses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli import app
from flows.deploying import RETRAIN, TAG
from flows.schedules import ENTRYPOINTS, cron_schedule
from model_registry.errors import InputError


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a recipe, in a workspace where nothing runs."""
    for name in ("MLFLOW_TRACKING_URI", "PREFECT_HOME", "PREFECT_API_URL", "PREFECT_LOCAL_STORAGE_PATH"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("BEQUEST_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wine.yaml").write_text("name: wine\ndata: {source: 'bundled:wine'}\n")
    return tmp_path


def schedule(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["schedule", *arguments])


@pytest.mark.parametrize("word", [[], ["add"]])
def test_schedule_needs_a_server_when_all_else_is_right(word: list[str]):
    result = schedule(*word, "wine.yaml", "--cron", "0 2 * * *")
    assert result.exit_code == 1
    assert "`bequest up` starts it" in result.stderr


def test_schedule_reads_options_before_the_recipe_as_an_addition():
    result = schedule("--cron", "0 2 * * *", "wine.yaml")
    assert (result.exit_code, "bequest up" in result.stderr) == (1, True)


@pytest.mark.parametrize("command", ["list", "remove x", "pause x", "resume x"])
def test_every_command_names_bequest_up_when_no_server_runs(command: str):
    result = schedule(*command.split())
    assert (result.exit_code, "bequest up" in result.stderr) == (1, True)


def test_schedule_names_the_server_when_the_users_does_not_answer(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    result = schedule("list")
    assert result.exit_code == 1
    assert "http://127.0.0.1:9/api does not answer" in result.stderr


def test_schedule_tells_every_mistake_in_the_recipe(directory: Path):
    (directory / "wine.yaml").write_text("name: wine\ndata: {sauce: 'bundled:wine'}\ntrane: {}\n")
    result = schedule("wine.yaml", "--cron", "0 2 * * *")
    assert result.exit_code == 2
    assert "sauce" in result.stderr
    assert "trane" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere.yaml", "--cron", "0 2 * * *"], "nowhere.yaml"),
        (["lst", "--cron", "0 2 * * *"], "one of the commands add, list, pause, remove, resume"),
        (["wine.yaml"], "--cron"),
        (["--cron", "0 2 * * *"], "Expected RECIPE or --feedback NAME"),
        (["wine.yaml", "--feedback", "wine", "--cron", "0 2 * * *"], "not both"),
        (["--feedback", "wine", "--cron", "0 * * * *"], "--data: expected"),
        (["wine.yaml", "--data", "x.csv", "--cron", "0 2 * * *"], "--data: expected only with --feedback"),
        (["wine.yaml", "--target", "y", "--cron", "0 2 * * *"], "--target: expected only with --feedback"),
    ],
)
def test_schedule_refuses_arguments_that_do_not_fit(arguments: list[str], told: str):
    result = schedule(*arguments)
    assert result.exit_code == 2
    assert told in result.stderr


def test_schedule_shows_its_commands_when_asked_for_help():
    result = schedule("--help")
    assert result.exit_code == 0
    assert all(command in result.stdout for command in ("add", "list", "remove", "pause", "resume"))


@pytest.mark.parametrize("cron", ["0 2 * * *", "*/15 8-18 * * 1-5", "@daily", "0 0 1 jan *"])
def test_cron_schedule_takes_a_cron_line(cron: str):
    assert cron_schedule(cron, "Europe/Berlin").cron == cron


@pytest.mark.parametrize("cron", ["", "daily", "0 2 * *", "60 2 * * *", "0 25 * * *", "R 2 * * *", "0 2 * * * * * *"])
def test_cron_schedule_refuses_what_is_none(cron: str):
    with pytest.raises(InputError, match=r"--cron: expected minute, hour.*Received: "):
        cron_schedule(cron, "UTC")


@pytest.mark.parametrize("timezone", ["Mars/Olympus", "+02:00"])
def test_cron_schedule_refuses_an_unknown_time_zone(timezone: str):
    with pytest.raises(InputError, match="--timezone: expected an IANA name"):
        cron_schedule("0 2 * * *", timezone)


@pytest.mark.parametrize(
    ("entrypoint", "required"),
    [(ENTRYPOINTS["inherit"], ["recipe"]), (ENTRYPOINTS["feedback"], ["name", "data"]), (RETRAIN, None)],
)
def test_entrypoints_are_flows_with_the_parameters_that_are_handed_over(entrypoint: str, required: list[str] | None):
    from prefect.utilities.callables import parameter_schema_from_entrypoint

    from flows.automations import FIELDS

    schema = parameter_schema_from_entrypoint(entrypoint)
    assert set(required or FIELDS[:4]) == set(schema.required)
    if required is None:
        assert set(FIELDS) == schema.properties.keys()


def test_declared_deployments_are_those_of_python():
    import yaml

    from flows import schedules
    from flows.automations import EVENT, NAME, PARAMETERS
    from flows.services.plans import POOL

    root = Path(schedules.__file__).parents[1]
    declared = yaml.safe_load((root / "deployments" / "prefect.yaml").read_text())
    by_name = {each["name"]: each for each in declared["deployments"]}
    entrypoints = {name: each["entrypoint"] for name, each in by_name.items()}
    assert entrypoints == {"nightly": ENTRYPOINTS["inherit"], "hourly": ENTRYPOINTS["feedback"], "retrain": RETRAIN}
    assert {each["work_pool"]["name"] for each in by_name.values()} == {POOL}
    assert all(TAG in each["tags"] for each in by_name.values())
    assert (root / by_name["nightly"]["parameters"]["recipe"]).is_file()
    (trigger,) = by_name["retrain"]["triggers"]
    assert (trigger["name"], trigger["expect"], trigger["parameters"]) == (NAME, [EVENT], PARAMETERS)
    assert json.dumps(declared["pull"]) == "[]"
