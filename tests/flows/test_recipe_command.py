import json
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from flows import console
from flows.commands import recipe
from tasks.recipe.load import load

app = typer.Typer()
recipe.register(app)


@pytest.fixture
def bequest(tmp_path, monkeypatch):
    """Runs `bequest recipe ...` in a folder of its own, on a wide terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(console.out, "width", 200)
    monkeypatch.setattr(console.err, "width", 200)
    return lambda *arguments: CliRunner().invoke(app, ["recipe", *map(str, arguments)])


GOOD = "name: x\ndata: {source: bundled:iris}\nevaluate: {gate: {floors: {accuracy: 0.9}}}\n"
BAD = "nme: x\ndata: {source: bundled:iris}\nfuse: {method: men}\n"


def test_validate_shows_plan_stated_and_defaults_when_valid(bequest, tmp_path):
    (tmp_path / "good.yaml").write_text(GOOD)
    result = bequest("validate", "good.yaml")
    assert result.exit_code == 0
    for words in (
        "good.yaml valid",
        "preprocess: bundled:iris;",
        "promoted only if accuracy >= 0.9",
        "stated (3)",
        "train: epochs 20",
    ):
        assert words in result.stdout


def test_validate_ends_with_2_and_all_mistakes_of_all_files(bequest, tmp_path):
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text(BAD)
    result = bequest("validate", "bad.yaml", "good.yaml", "absent.yaml")
    assert result.exit_code == 2
    starts = [line.split(": ")[:2] for line in result.stderr.splitlines()]
    assert starts == [
        ["bad.yaml:1", "name"],
        ["bad.yaml:1", "nme"],
        ["bad.yaml:3", "fuse.method"],
        ["absent.yaml", "expected a recipe file. Received"],
    ]
    assert "good.yaml valid" in result.stdout


def test_validate_prints_one_json_list_when_asked(bequest, tmp_path):
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text(BAD)
    result = bequest("validate", "good.yaml", "bad.yaml", "absent.yaml", "--json")
    good, bad, absent = json.loads(result.stdout)
    assert result.exit_code == 2
    assert result.stderr == ""
    assert (good["valid"], good["errors"], good["stated"]["name"]) == (True, [], "x")
    assert list(good["plan"])[:2] == ["inherit", "preprocess"]
    assert good["defaulted"]["seed"] == 0
    assert (bad["valid"], [(error["line"], error["path"]) for error in bad["errors"]]) == (
        False,
        [(1, "name"), (1, "nme"), (3, "fuse.method")],
    )
    assert absent["errors"][0]["message"].startswith("absent.yaml: expected a recipe file.")


def test_validate_says_what_is_left_to_the_ancestor(bequest, tmp_path):
    (tmp_path / "heir.yaml").write_text("inherit: models:/x@production\n")
    result = bequest("validate", "heir.yaml")
    assert result.exit_code == 0
    assert "left to models:/x@production: name, data, and all else not stated here" in result.stdout
    assert json.loads(bequest("validate", "heir.yaml", "--json").stdout)[0]["left_to_ancestor"] == ["name", "data"]


def test_validate_prints_brackets_of_values_as_they_are(bequest, tmp_path):
    (tmp_path / "good.yaml").write_text("name: x\ndescription: '[red]no markup[/]'\ndata: {source: bundled:iris}\n")
    assert "[red]no markup[/]" in bequest("validate", "good.yaml").stdout


def test_new_writes_a_recipe_that_validates(bequest, tmp_path):
    result = bequest("new")
    assert result.exit_code == 0
    assert result.stdout == "Wrote recipe.yaml. Next: bequest recipe validate recipe.yaml\n"
    assert load(tmp_path / "recipe.yaml").recipe.data.source == "bundled:digits"
    assert bequest("validate", "recipe.yaml").exit_code == 0


def test_new_names_the_model_after_the_file_and_finds_the_source_from_there(bequest, tmp_path):
    (tmp_path / "rows.csv").touch()
    result = bequest(
        "new", "recipes/My Churn.yaml", "--source", "rows.csv", "--target", "churned", "--inherit", "models:/a@production"
    )
    assert result.exit_code == 0
    made = load(tmp_path / "recipes" / "My Churn.yaml").recipe
    assert (made.name, made.data.source, made.data.target) == ("my-churn", "../rows.csv", "churned")
    assert made.inherit.ancestors == ["models:/a@production"]
    assert result.stderr == ""


def test_new_says_so_when_the_source_does_not_stand_yet(bequest, tmp_path):
    result = bequest("new", "a.yaml", "--source", tmp_path / "rows.csv", "--inherit", "auto")
    assert result.exit_code == 0
    assert "rows.csv does not stand yet" in result.stderr.replace("\n", "")


def test_new_refuses_to_overwrite_unless_forced(bequest, tmp_path):
    (tmp_path / "recipe.yaml").write_text("mine")
    result = bequest("new", "--name", "other")
    assert result.exit_code == 2
    assert "--force to overwrite" in result.stderr
    assert (tmp_path / "recipe.yaml").read_text() == "mine"
    assert bequest("new", "--name", "other", "--force").exit_code == 0
    assert load(tmp_path / "recipe.yaml").recipe.name == "other"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--name", "My Model"], "Did you mean 'my-model'?"),
        (["--source", "bundled:digit"], "Did you mean 'bundled:digits'?"),
        (["--inherit", "digits@production"], "Did you mean 'models:/digits@production'?"),
    ],
)
def test_new_writes_nothing_when_an_option_is_wrong(bequest, tmp_path, arguments, words):
    result = bequest("new", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["validate", "new"])
def test_help_has_examples(bequest, command):
    result = bequest(command, "--help")
    assert result.exit_code == 0
    assert f"bequest recipe {command}" in result.stdout


def test_the_command_imports_nothing_heavy():
    heavy = ["numpy", "pydantic", "yaml", "tensorflow", "tasks"]
    script = f"import sys, flows.commands.recipe; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_show_prints_the_whole_recipe_as_a_file_that_means_the_same(bequest, tmp_path, workspace):
    (tmp_path / "good.yaml").write_text(GOOD)
    result = bequest("show", "good.yaml")
    assert result.exit_code == 0
    (tmp_path / "whole.yaml").write_text(result.stdout)
    assert load(tmp_path / "whole.yaml").recipe == load(tmp_path / "good.yaml").recipe
    told = json.loads(bequest("show", "good.yaml", "--json").stdout)
    assert (told["stated"], told["inherited"]) == (["name", "data.source", "evaluate.gate.floors.accuracy"], [])


def test_show_says_what_to_run_where_an_ancestor_does_not_stand_yet(bequest, tmp_path, workspace):
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "heir.yaml").write_text(GOOD + "inherit: {ancestors: ['models:/y@production'], prepare: [good.yaml]}\n")
    result = bequest("show", "heir.yaml")
    assert result.exit_code == 2
    assert "an ancestor does not stand yet. Run `bequest run " in result.stderr
