"""`bequest suggest` ranks what the registry holds, and a run with `inherit: auto` takes the same choice over."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner, Result

from flows.cli import app
from flows.commands import suggest as command
from flows.inherit import inherit
from flows.suggest import suggest
from model_registry import lineage, store, versions
from model_registry.errors import InputError
from tasks.ranking import Ranking

SMALL: dict[str, Any] = {
    "model": {"hidden": [16]},
    "compress": {"prune": None, "quantize": {"max_drop": 0.2}},
    "transfer": {"stages": [{"unfreeze": "all", "epochs": 3, "learning_rate": 0.01}]},
    "train": {"epochs": 1, "search": {"trials": 0}},
    "deploy": {"to": "production", "max_disagreement": 0.3},
}
CANCER = {"source": "bundled:breast_cancer", "rows": {"start": 0.4, "end": 0.9}}


def write_recipe(folder: Path, name: str, data: dict[str, Any], **changes: Any) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(SMALL | {"name": name, "data": data} | changes))
    return path


@pytest.fixture
def bequest() -> Callable[..., Result]:
    return lambda *words: CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})


@pytest.fixture(scope="module")
def registry(flows: Path) -> Path:
    """A project on the same measurements, and one on flowers, which has no column in common."""
    inherit(str(write_recipe(flows, "pilot", CANCER | {"rows": {"end": 0.4}})))
    inherit(str(write_recipe(flows, "flowers", {"source": "bundled:iris"})))
    return flows


@pytest.fixture(scope="module")
def ranking(registry: Path) -> Ranking:
    found, notes = suggest(str(write_recipe(registry, "cancer", CANCER, inherit="auto")))
    assert notes == []
    return found


def test_suggest_ranks_without_registering_anything(ranking: Ranking):
    pilot, flowers = ranking.entries
    assert (pilot.version, pilot.rank, pilot.chosen) == ("pilot/3", 1, True)
    assert pilot.race is not None
    assert pilot.relevance is not None
    assert pilot.parameters
    assert pilot.size_bytes
    assert pilot.solution.level == "partly"
    assert [line.partition(":")[0] for line in pilot.solution.differs] == ["its contract does not allow"]
    assert (flowers.version, flowers.rank) == ("flowers/3", None)
    assert flowers.solution.differs == ["no column in common"]
    assert versions.search("name = 'cancer'") == []


def test_a_run_takes_the_suggestion_over_and_records_why_with_the_heir(ranking: Ranking, registry: Path):
    outcome = inherit(str(registry / "cancer.yaml"))
    assert {"preprocess", "select"} <= set(outcome.reused)
    assert outcome.considered == ["pilot/3"]
    heir = next(version for version in versions.search("name = 'cancer'") if version.operation == "fine-tuned")
    assert heir.facts["suggested"] == ranking.entries[0].reason
    assert [f"{parent.name}/{parent.version}" for parent in heir.parents] == ["pilot/3"]
    told = lineage.as_json(versions.resolve(outcome.version))
    assert ranking.entries[0].reason in json.dumps(told, ensure_ascii=False)
    later = [version for version in versions.search("name = 'cancer'") if version.label != heir.label]
    assert not any("suggested" in version.facts for version in later)
    assert inherit(str(registry / "cancer.yaml")).unchanged


def test_a_recipe_that_names_its_ancestors_is_answered_alike(ranking: Ranking, registry: Path):
    named = write_recipe(registry, "cancer", CANCER, inherit=["models:/pilot@production"])
    found, _ = suggest(str(named))
    assert [entry.version for entry in found.entries] == ["pilot/3", "flowers/3"]
    write_recipe(registry, "cancer", CANCER, inherit="auto")


def test_suggest_runs_no_earlier_project(ranking: Ranking, registry: Path):
    waiting = write_recipe(
        registry, "later", CANCER, inherit={"ancestors": ["models:/absent@production"], "prepare": ["absent.yaml"]}
    )
    (registry / "absent.yaml").write_text((registry / "pilot.yaml").read_text())
    with pytest.raises(InputError, match=r"would have to be run first.*or state `inherit: auto`"):
        suggest(str(waiting))


@pytest.mark.slow
def test_a_run_starts_fresh_when_nothing_fits_and_says_so_again_when_that_was_known(registry: Path):
    recipe = write_recipe(registry, "wine", {"source": "bundled:wine"}, inherit="auto")
    found, _ = suggest(str(recipe))
    assert found.chosen == []
    assert "can be used on these rows" in found.verdict
    outcome = inherit(str(recipe))
    assert (outcome.considered, outcome.inherited) == ([], [])
    assert found.verdict in outcome.notes


def test_the_stage_run_holds_table_and_picture(ranking: Ranking):
    files = {file.path for file in store.client().list_artifacts(ranking.run_id)}
    assert {"ranking.json", "ranking.md", "ranking.png", "race.json"} <= files


@pytest.mark.parametrize(("width", "terminal"), [(200, True), (80, True), (80, False)])
def test_the_table_shows_rank_reason_and_choice(ranking: Ranking, monkeypatch, width: int, terminal: bool):
    console = Console(width=width, force_terminal=terminal, record=True, color_system=None)
    for module in (command, sys.modules["flows.console"]):
        monkeypatch.setattr(module, "out", console)
    command._show(ranking, top=1)
    shown = console.export_text()
    assert "pilot/3" in shown
    assert "flowers/3" not in shown
    assert "and 1 more, with --top" in shown
    assert "Chosen: models:/pilot/3, of 1 that can be used on these rows." in shown
    assert ("parameters, bytes, ms: in a terminal of 120 columns" in " ".join(shown.split())) == (terminal and width == 80)
    picture = next(line for line in shown.replace("\n", "").split("Table and picture: ")[1:])
    assert Path(picture.strip()).joinpath("ranking.png").is_file()


def test_an_empty_registry_is_answered_at_once(workspace: Path, bequest, tmp_path: Path):
    recipe = write_recipe(tmp_path, "first", {"source": "bundled:iris"}, inherit="auto")
    told = bequest("suggest", str(recipe))
    assert told.exit_code == 0, told.output
    assert "Nothing to inherit from" in told.stdout
    assert "`bequest run` starts fresh" in told.stdout
    plain = json.loads(bequest("suggest", str(recipe), "--json").stdout)
    assert (plain["chosen"], plain["entries"]) == ([], [])


@pytest.mark.parametrize("words", [("absent.yaml",), ("wrong.yaml",), ("wrong.yaml", "--top", "0")])
def test_wrong_input_ends_with_2(workspace: Path, bequest, tmp_path: Path, monkeypatch, words: tuple[str, ...]):
    monkeypatch.chdir(tmp_path)
    Path("wrong.yaml").write_text("name: x\ndata: {source: bundled:iris}\ninherit: {selector: knm}\n")
    told = bequest("suggest", *words)
    assert told.exit_code == 2
    assert told.stderr
    assert "Traceback" not in told.output


def test_help_imports_neither_tensorflow_nor_mlflow():
    code = (
        "import sys; from typer.testing import CliRunner; from flows.cli import app; "
        "told = CliRunner().invoke(app, ['suggest', '--help']); assert told.exit_code == 0 and 'RECIPE' in told.output; "
        "sys.exit(', '.join({'tensorflow', 'mlflow', 'prefect', 'sklearn'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
