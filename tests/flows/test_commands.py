"""The commands that speak to the registry, as a user types them: output, JSON and exit codes."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from flows import progress_bar
from flows.cli import app
from flows.commands.run import summarise
from flows.feedback import Watched
from flows.outcome import Outcome, as_markdown
from flows.plan import plan
from model_registry import store, versions
from model_registry.errors import BequestError, InputError
from model_registry.gates import RuleOutcome, Verdict
from model_registry.reference import ModelRef
from model_registry.versions import Parent
from tasks import progress
from tasks.deploy import Deployment
from tasks.feedback_report import Report

RECIPE = "name: {name}\ndata: {{source: bundled:iris}}\n"


@pytest.fixture
def registry(workspace: Path, tmp_path: Path) -> None:
    """`digits/1` trained, `digits/2` quantized from it and passed, `digits/3` quantized from it and refused."""
    run_id = store.client().create_run(store.experiment("digits").experiment_id).info.run_id
    parents: list[Parent] = []
    for key, operation, gate in (("a", "trained", ""), ("b", "quantized", "passed"), ("c", "quantized", "refused")):
        folder = tmp_path / key
        (folder / "bundle").mkdir(parents=True)
        (folder / "bundle" / "model.tflite").write_text(key)
        made = versions.register(
            "digits", folder, operation=operation, parents=parents, run_id=run_id, stage_key=key, facts={"size_bytes": 10}
        )
        if gate:
            store.client().set_model_version_tag("digits", str(made.version), "gate", gate)
        parents = parents or [Parent(name="digits", version=1, sha256=made.sha256)]


@pytest.fixture
def bequest() -> Callable[..., Result]:
    def call(*words: str) -> Result:
        return CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})

    return call


def test_promote_and_rollback_move_production_and_status_shows_it(registry: None, bequest: Callable[..., Result]):
    assert bequest("promote", "digits", "2", "--to", "production").exit_code == 0
    forced = bequest("promote", "digits", "3", "--to", "production", "--force", "--reason", "hot fix", "--json")
    assert json.loads(forced.stdout) == {"version": "digits/3", "stage": "Production"}
    shown = json.loads(bequest("status", "--json").stdout)
    assert shown["models"][0]["production"] == "digits/3"
    assert bequest("rollback", "digits").exit_code == 0
    rows = {row["version"]: row["stage"] for row in json.loads(bequest("status", "digits", "--json").stdout)["versions"]}
    assert rows == {"digits/1": "None", "digits/2": "Production", "digits/3": "Archived"}
    table = bequest("status", "digits").stdout
    assert "digits/2" in table
    assert "quantized" in table


def test_promote_ends_with_3_when_the_gate_refused(registry: None, bequest: Callable[..., Result]):
    refused = bequest("promote", "digits", "3", "--to", "production")
    assert refused.exit_code == 3
    assert "the gate refused it" in refused.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("lineage", "nobody"),
        ("promote", "digits", "99", "--to", "staging"),
        ("rollback", "digits"),
        ("rollback", "digits", "--to", "last week"),
        ("status", "nobody"),
        ("run", "absent.yaml"),
        ("serve", "digits@production"),
        ("feedback", "digits", "--data", "absent.csv"),
        ("import", "absent.h5", "--name", "x"),
        ("import", "absent.h5", "--name", "Not A Name"),
        ("promote", "digits", "2", "--to", "nowhere"),
        ("descendants", "nobody"),
        ("withdraw", "nobody", "--reason", "x"),
        ("withdraw", "digits/1"),
        ("withdraw", "digits/1", "--undo"),
        ("blame", "digits/2", "--metric", "nothing"),
        ("diff", "digits/1", "nobody"),
    ],
)
def test_commands_end_with_2_when_the_input_is_wrong(registry: None, bequest: Callable[..., Result], words: tuple[str, ...]):
    result = bequest(*words)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert result.stderr


@pytest.mark.parametrize(
    ("format", "sign"),
    [
        ("tree", "└── digits/1"),
        ("json", '"parent": "digits/1"'),
        ("mermaid", "flowchart TD"),
        ("svg", "<svg"),
        ("html", "<td>digits/1</td><td>digits/2</td>"),
    ],
)
def test_lineage_speaks_every_format(
    registry: None, bequest: Callable[..., Result], format: str, sign: str, capsys: pytest.CaptureFixture[str]
):
    result = bequest("lineage", "digits/2", "--format", format)
    assert result.exit_code == 0
    assert sign in result.stdout


def test_export_writes_what_import_receives(registry: None, bequest: Callable[..., Result], tmp_path: Path):
    written = json.loads(bequest("export", "digits/2", str(tmp_path / "out.zip"), "--json").stdout)
    assert written["versions"] == ["digits/1", "digits/2"]
    received = bequest("import", str(tmp_path / "out.zip"))
    assert received.exit_code == 0
    assert "digits/2 stood here already, as digits/2" in received.stdout
    unnamed = bequest("import", str(tmp_path / "model.h5"))
    assert unnamed.exit_code == 2
    assert "--name: expected the name to register it under" in unnamed.stderr


def test_withdraw_tells_what_serves_and_status_shows_it_until_it_is_undone(registry: None, bequest: Callable[..., Result]):
    bequest("promote", "digits", "2", "--to", "production")
    done = bequest("withdraw", "digits/1", "--reason", "wrong [labels]")
    assert "digits/1 is withdrawn, and with it 2 heirs: digits/2, digits/3" in done.stdout
    assert "digits/2 stands in production: `bequest rollback digits`" in done.stderr
    refused = bequest("promote", "digits", "3", "--to", "production", "--force", "--reason", "hot fix")
    assert (refused.exit_code, "digits/1, which is withdrawn" in refused.stderr) == (3, True)
    shown = bequest("status", "digits")
    assert "digits/2 stands in production, but it descends from digits/1, which is withdrawn" in shown.stderr
    assert "wrong [labels]" in shown.stderr
    assert "with digits/1" in shown.stdout
    found = json.loads(bequest("withdraw", "digits/1", "--reason", "wrong [labels]", "--json").stdout)
    assert (found["heirs"], found["in_production"]) == (["digits/2", "digits/3"], ["digits/2"])
    rows = json.loads(bequest("descendants", "digits/1", "--json").stdout)["descendants"]
    assert {row["version"]: row["withdrawn"] for row in rows} == {"digits/2": ["digits/1"], "digits/3": ["digits/1"]}
    assert "with" in bequest("descendants", "digits/1").stdout
    assert "digits/1 is in use again" in bequest("withdraw", "digits/1", "--undo").stdout
    plain = bequest("status", "digits")
    assert "withdrawn" not in plain.stdout + plain.stderr
    assert json.loads(bequest("status", "--json").stdout)["models"][0]["withdrawn"] == 0
    assert bequest("descendants", "digits/3").stdout == "Nothing descends from digits/3.\n"


def test_blame_prints_the_steps_and_names_the_worst(registry: None, bequest: Callable[..., Result]):
    store.client().set_model_version_tag("digits", "3", "facts", '{"size_bytes": 25}')
    shown = bequest("blame", "digits/3", "--metric", "size_bytes")
    assert shown.exit_code == 0
    assert "size_bytes got worse most from digits/1 to digits/3 (quantized): +15." in shown.stdout
    steps = json.loads(bequest("blame", "digits/3", "--metric", "size_bytes", "--json").stdout)["steps"]
    assert [(step["parent"], step["child"], step["delta"]) for step in steps] == [("digits/1", "digits/3", 15)]
    assert "Expected one of ['size_bytes']" in bequest("blame", "digits/3", "--metric", "sise_bytes").stderr


def test_diff_shows_what_differs_and_says_why_predictions_are_not_compared(registry: None, bequest: Callable[..., Result]):
    store.client().set_model_version_tag("digits", "2", "facts", '{"size_bytes": 4}')
    shown = bequest("diff", "digits/1", "digits/2")
    assert shown.exit_code == 0, shown.output
    assert ["size_bytes", "10", "4", "-6"] in [line.split() for line in shown.stdout.splitlines()]
    assert "data: no difference" in shown.stdout
    assert "the data set of digits/1 does not stand here any more" in shown.stderr
    found = json.loads(bequest("diff", "digits/2", "digits/3", "--json").stdout)
    assert found["made"]["gate"] == {"a": "passed", "b": "refused"}
    assert found["predictions"] is None


@pytest.mark.parametrize(
    "named", ["inherit: {ancestors: [models:/digits/2]}", "train: {distil: {teachers: [models:/digits/2]}}"]
)
def test_plan_refuses_a_withdrawn_ancestor_or_teacher(
    registry: None, bequest: Callable[..., Result], tmp_path: Path, named: str
):
    (tmp_path / "heir.yaml").write_text(RECIPE.format(name="heir") + named)
    bequest("withdraw", "digits/1", "--reason", "wrong labels")
    with pytest.raises(InputError, match=r"heir\.yaml: .*: digits/2: it descends from digits/1, which is withdrawn"):
        plan(tmp_path / "heir.yaml", prepare=pytest.fail)


def test_status_tells_what_was_moved_by_hand(registry: None, bequest: Callable[..., Result]):
    bequest("promote", "digits", "2", "--to", "production")
    store.client().set_registered_model_alias("digits", "production", "3")
    result = bequest("status")
    assert "digits/3 was put into production by other means" in result.stderr
    assert "gate: refused" in result.stderr
    for _ in range(2):  # as long as it stands there, not once
        (told,) = json.loads(bequest("status", "digits", "--json").stdout)["notes"]
        assert told.startswith("digits/3 was put into production by hand, and the gate refused it: it is not served.")
    assert bequest("promote", "digits", "3", "--to", "production").exit_code == 3
    assert bequest("promote", "digits", "3", "--to", "production", "--force", "--reason", "hot fix").exit_code == 0
    assert json.loads(bequest("status", "--json").stdout)["notes"] == []


def test_status_says_how_to_begin_when_the_registry_is_empty(workspace: Path, bequest: Callable[..., Result]):
    assert "The registry is empty" in bequest("status").stdout


@pytest.mark.parametrize("address", ["digits/1", "digits@production", "models:/digits/2"])
def test_status_shows_the_model_of_an_address(registry: None, bequest: Callable[..., Result], address: str):
    bequest("promote", "digits", "2", "--to", "production")
    rows = json.loads(bequest("status", address, "--json").stdout)["versions"]
    assert [row["version"] for row in rows] == ["digits/1", "digits/2", "digits/3"]


LONG = "digits-degraded"


@pytest.fixture
def long_names(workspace: Path, tmp_path: Path) -> None:
    """A version with a long name in production, another two of which it is fused."""
    run_id = store.client().create_run(store.experiment(LONG).experiment_id).info.run_id
    parents: list[Parent] = []
    for key, operation in (("a", "fine-tuned"), ("b", "fine-tuned"), ("c", "fused")):
        folder = tmp_path / key
        folder.mkdir()
        (folder / "weights").write_text(key)
        made = versions.register(
            LONG,
            folder,
            operation=operation,
            parents=parents if key == "c" else [],
            run_id=run_id,
            stage_key=key,
            facts={"validation_accuracy": 0.98765, "size_bytes": 1_234_567},
            trigger={"kind": "degradation"},
        )
        parents.append(Parent(name=LONG, version=made.version, sha256=made.sha256))
    store.client().set_model_version_tag(LONG, "3", "gate", "passed")
    store.client().set_registered_model_alias(LONG, "production", "3")


def test_status_fits_a_narrow_terminal_and_keeps_every_label_whole(long_names: None):
    terminal = {"COLUMNS": "80", "TTY_COMPATIBLE": "1", "TERM": "xterm"}
    one = click.unstyle(CliRunner().invoke(app, ["status", LONG], env=terminal).stdout)
    every = click.unstyle(CliRunner().invoke(app, ["status"], env=terminal).stdout)
    assert [line.split()[0] for line in one.splitlines() if line.startswith(LONG)] == [f"{LONG}/{each}" for each in (1, 2, 3)]
    assert "fine-tuned" in one
    assert "Production" in one
    assert LONG in every
    for shown in (one, every):
        assert "…" not in shown
        assert max(map(len, shown.splitlines())) <= 80


def test_status_leaves_nothing_out_and_folds_nothing_when_no_terminal_takes_it(long_names: None):
    shown = CliRunner().invoke(app, ["status", LONG], env={"COLUMNS": "80"}).stdout
    header, *rows = shown.splitlines()
    assert header.split()[-3:] == ["(bytes)", "trigger", "made"]
    assert len(rows) == 3
    assert f"{LONG}/1, {LONG}/2" in rows[2]
    assert "degradation" in rows[2]


def test_progress_shows_data_as_it_is_and_the_whole_time_when_the_terminal_is_narrow():
    written = io.StringIO()
    with progress_bar.shown(Console(file=written, width=80)):
        progress.report("transfer", "models:/heart rate [/min] and [bold]/12", 1, 2, "accuracy 0.987, gate [/min]")
        progress.report("preprocess", "[/min]", 1, 1, "/a/very/long/path/to/a/source/of/data/[cm]/yesterday.parquet")
        progress.report("train", "size [cm]", 0, 2)
    lines = written.getvalue().splitlines()
    assert len(lines) == 3
    assert all("0:00:0" in line and len(line.rstrip()) <= 80 for line in lines)
    assert "…" in lines[0]
    assert "gate [/min]" in lines[0]
    assert "[/min]" in lines[1]
    assert "size [cm]" in lines[2]


def outcome(**changed: object) -> Outcome:
    """A loop's outcome in which everything a person named has brackets."""
    verdict = Verdict(
        candidate=ModelRef(uri="models:/digits/4", sha256="0"),
        passed=True,
        rules=[RuleOutcome(rule="floor [/min]", metric="accuracy", value=0.97, limit=0.9, passed=True)],
        metrics={"accuracy": 0.97, "size_bytes": 1000.0, "latency_ms": 0.1},
        intervals={"accuracy": (0.95, 0.99)},
        rows=360,
        run_id="run",
    )
    settled = {
        "name": "digits",
        "version": "digits/4",
        "gate": "passed",
        "unchanged": True,
        "superseded": False,
        "considered": ["digits-even/3", "digits-odd/3"],
        "inherited": ["digits-even/3"],
        "inherited_keys": [],
        "notes": ["column heart rate [/min] was dropped"],
        "reused": ["train"],
        "done": [],
        "verdict": verdict,
        "deployment": Deployment(version="digits/4", stage="Production", rows_checked=1, disagreement=0, max_difference=0),
        "production": "digits/4",
        "tree": "digits/4 [/fused]\n└── digits-even/3",
        "run_id": "run",
    }
    return Outcome.model_validate(settled | changed)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "Inherited  digits-even/3 (of digits-even/3, digits-odd/3)"),
        ({"inherited": ["digits-even/3", "digits-odd/3"]}, "Inherited  digits-even/3, digits-odd/3\n"),
        (
            {"inherited": []},
            "Inherited  nothing: none of digits-even/3, digits-odd/3 survived; the model was trained from scratch\n",
        ),
        ({"inherited": [], "considered": []}, "Inherited  nothing: trained from scratch\n"),
        ({"inherited_keys": ["train", "model"]}, "digits-odd/3), and 2 settings of its recipe\n"),
        ({}, "Nothing has changed"),
        ({"unchanged": False}, "Unchanged and skipped: train."),
        ({}, "Note       column heart rate [/min] was dropped\n"),
        ({}, "Family     digits/4 [/fused]\n           └── digits-even/3\n"),
        ({}, "floor [/min]"),
    ],
)
def test_summarise_says(changed: dict[str, object], said: str, capsys: pytest.CaptureFixture[str]):
    summarise(outcome(**changed))
    assert said in capsys.readouterr().out


def test_verdict_is_shown_line_by_line_with_what_was_not_judged_and_why(capsys: pytest.CaptureFixture[str]):
    rules = [
        RuleOutcome(rule="slice", metric="recall[x]", value=0.5, limit=0.8, passed=False, note="30 rows"),
        RuleOutcome(rule="golden", metric="lost_rows", value=None, limit=0, passed=True, note="no [champion]|", judged=False),
    ]
    verdict = outcome().verdict.model_copy(update={"rules": rules, "passed": False})
    found = outcome(verdict=verdict, gate="refused")
    summarise(found)
    shown = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "slice recall[x] 0.5 0.8 refused 30 rows" in shown
    assert "golden lost_rows n/a 0 not judged no [champion]|" in shown
    page = as_markdown(found)
    assert "| slice | recall[x] | 0.5 | 0.8 | **refused** | 30 rows |" in page
    assert "| golden | lost_rows | n/a | 0 | not judged | no [champion]/ |" in page


@pytest.mark.parametrize(
    ("deploy", "gate", "stage", "expected"),
    [
        ({"to": "production", "approval": True}, "passed", "Staging", True),
        ({"to": "production", "approval": True}, "passed", "Production", False),
        ({"to": "production", "approval": True}, "refused", "Staging", False),
        ({"to": "staging", "approval": True}, "passed", "Staging", False),
        ({"to": "production"}, "passed", "Staging", False),
    ],
)
def test_approval_is_awaited_on_the_way_to_production_alone(deploy: dict[str, object], gate: str, stage: str, expected: bool):
    from flows import approval
    from tasks.recipe.schema import Recipe

    recipe = Recipe.model_validate({"name": "x", "data": {"source": "bundled:iris"}, "deploy": deploy})
    stands = outcome().deployment.model_copy(update={"stage": stage})
    assert approval.awaits(recipe, outcome(gate=gate, deployment=stands)) is expected


@pytest.fixture
def no_server(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that start a flow start no Prefect server: the tests put a function in the flow's place."""
    monkeypatch.setattr("flows.session.prepare_flows", lambda: lambda: None)


def test_run_prints_what_finished_as_json_when_a_later_recipe_fails(
    no_server: None, bequest: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def inherit(recipe: str, refresh: str | None) -> Outcome:
        if recipe.endswith("b.yaml"):
            raise BequestError("the disk is full")
        return outcome()

    monkeypatch.setattr("flows.inherit.inherit", inherit)
    for name in "ab":
        (tmp_path / f"{name}.yaml").write_text(RECIPE.format(name=name))
    result = bequest("run", "--json", str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml"))
    assert [each["version"] for each in json.loads(result.stdout)] == ["digits/4"]
    assert result.exit_code == 1
    assert "the disk is full" in result.stderr


def test_run_prints_an_empty_json_list_when_a_recipe_is_wrong(bequest: Callable[..., Result]):
    result = bequest("run", "--json", "absent.yaml")
    assert json.loads(result.stdout) == []
    assert result.exit_code == 2


def test_feedback_shows_columns_as_they_are_called(
    no_server: None, bequest: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    moved = {"method": "ks", "statistic": 0.5, "p_value": 1e-9, "drifted": True}
    report = Report(
        name="digits",
        version="digits/2",
        batch_sha256="0",
        rows=100,
        quarantined=0,
        labelled=True,
        features=[{"name": "heart rate [/min]"} | moved, {"name": "size [cm]"} | moved],
        predictions=[],
        drifted_share=1.0,
        drifted=True,
        decision="none",
        reason="column [/min] drifted",
        page=str(tmp_path / "[cm]" / "report.html"),
    )
    monkeypatch.setattr("flows.feedback.feedback", lambda *_, **__: Watched(report=report, action="reported"))
    (tmp_path / "batch.csv").touch()
    result = bequest("feedback", "digits", "--data", str(tmp_path / "batch.csv"))
    assert result.exit_code == 0, result.output
    for words in ("heart rate [/min]", "size [cm]", "column [/min] drifted", f"Report: {report.page}"):
        assert words in result.stdout


def test_feedback_tells_where_its_report_is_when_the_retraining_fails(
    no_server: None, workspace: Path, bequest: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def kept(model: str, at: str) -> Path:
        page = workspace / "reports" / f"{model}-2026-01-0{at}T00-00-00" / "report.html"
        page.parent.mkdir(parents=True)
        page.touch()
        return page

    def flow(*_: object, **__: object) -> None:
        kept("digits", "2")
        kept("digits-even", "3")
        raise BequestError("the retraining failed")

    kept("digits", "1")
    (tmp_path / "batch.csv").touch()
    monkeypatch.setattr("flows.feedback.feedback", flow)
    result = bequest("feedback", "digits", "--data", str(tmp_path / "batch.csv"), "--json")
    assert result.exit_code == 1
    assert result.stdout == ""
    told, error = result.stderr.splitlines()
    assert told == f"Report: {workspace / 'reports' / 'digits-2026-01-02T00-00-00' / 'report.html'}"
    assert error == "error: the retraining failed"


def test_commands_import_nothing_heavy_before_they_need_it():
    code = (
        "import sys, flows.cli; heavy = {'tensorflow', 'tf_keras', 'mlflow', 'prefect', 'pandas', 'numpy', 'pydantic'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"


def test_flows_import_no_network_library_until_a_stage_runs_one():
    code = (
        "import sys, flows.inherit, flows.feedback; "
        "print(sorted({'tensorflow', 'tf_keras', 'great_expectations'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert found.stdout.strip().endswith("[]")
