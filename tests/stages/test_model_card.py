"""Model cards: what they tell of a judged version, and what they leave out of one that nobody judged."""

import re

import pytest
from typer.testing import CliRunner

from flows.cli import app
from model_registry import gates, store, versions
from model_registry.gates import RuleOutcome, Verdict
from tasks.model_card import as_html, as_markdown, card_of


@pytest.fixture
def target(measured, prepared):
    return prepared(measured(seed=1))


@pytest.fixture
def judged(target, registered):
    """A version of a parent, judged by a run that left its files."""
    version = registered(*target, parents=(registered(*target),))
    client = store.client()
    run_id = client.create_run(store.experiment(version.name).experiment_id).info.run_id
    verdict = Verdict(
        candidate=version.ref,
        passed=False,
        rules=[RuleOutcome(rule="floor", metric="accuracy", value=0.8, limit=0.9, passed=False)],
        metrics={"accuracy": 0.8, "expected_calibration_error": 0.25},
        intervals={"accuracy": (0.7, 0.9)},
        champion="trial/9",
        champion_metrics={"accuracy": 0.85},
        control_metrics={"accuracy": 0.6},
        rows=24,
        run_id=run_id,
    )
    client.log_dict(run_id, verdict.model_dump(mode="json"), "verdict.json")
    scores = {"high": (1.0, 0.5, 0.67, 40), "low | lower": (0.7, 0.9, 0.79, 12)}
    keys = ("precision", "recall", "f1", "support")
    client.log_dict(run_id, {name: dict(zip(keys, each, strict=True)) for name, each in scores.items()}, "per_class.json")
    gates.record(verdict)
    return versions.get(version.name, version.version)


def test_card_tells_data_figures_family_and_limits(judged):
    text = as_markdown(card_of(judged))
    assert text.startswith(f"# {judged.label}\n")
    assert "| accuracy | 0.8 | 0.7 to 0.9 | 0.85 | 0.6 |" in text
    assert "| metric | value | interval | champion trial/9 | from scratch |" in text
    assert "| floor | accuracy | 0.8 | 0.9 | **refused** |" in text
    assert "| low \\| lower | 0.7 | 0.9 | 0.79 | 12 |" in text
    assert f"└── {judged.name}/1  trained" in text
    assert re.search(r"\| high \| \d+ \| \d+ \| \d+ \|", text)
    assert re.search(r"The data contract has \d+ expectations, .*a \(\d\), b \(\d\), c \(\d\)", text)
    limits = text.split("## Limits")[1]
    assert "rows with the columns a, b, c, and knows these classes alone: high, low" in limits
    assert "Fewer than 30 test rows stand behind the figures of low | lower." in limits
    assert "It finds high least often: 50% of its rows." in limits
    assert "off by 0.25 on average" in limits
    assert "The gate refused it over accuracy." in limits


def test_card_of_a_version_that_nobody_judged_says_so_and_has_no_figures(target, registered):
    text = as_markdown(card_of(registered(*target)))
    assert "## How it does" not in text
    assert "| gate | never judged |" in text
    assert "No gate has judged it" in text


def test_card_without_the_files_of_its_run_has_the_figures_that_the_version_keeps(judged):
    store.client().delete_run(judged.run_id)
    verdict = gates.read(judged)
    gates.record(verdict.model_copy(update={"run_id": "gone"}))
    text = as_markdown(card_of(versions.get(judged.name, judged.version)))
    assert "| accuracy | 0.8 |  | 0.85 | 0.6 |" in text
    assert "| class | precision |" not in text


def test_page_reads_offline_with_the_picture_and_escapes_what_comes_from_data(judged, monkeypatch):
    card = card_of(judged)
    card.solution.recipe["description"] = "<script>alert(1)</script>"
    page = as_html(card)
    assert "<svg" in page
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"(src|href)=.http", page)
    assert page.count("<table>") >= 5


def test_command_prints_markdown_and_writes_a_page_by_the_files_ending(judged, tmp_path):
    printed = CliRunner().invoke(app, ["card", judged.label])
    assert printed.stdout.startswith(f"# {judged.label}\n")
    done = CliRunner().invoke(app, ["card", judged.label, "--out", str(tmp_path / "card.html")])
    assert done.exit_code == 0
    assert (tmp_path / "card.html").read_text().startswith("<!doctype html>")
    refused = CliRunner().invoke(app, ["card", judged.label, "--out", str(tmp_path / "no" / "card.md")])
    assert refused.exit_code == 2
    assert "can be written" in refused.stderr
