"""What a batch calls for, alone and among those seen before."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks import feedback_page
from tasks.feedback_decision import Evidence, Moment, Past, Quarantine, decide, is_bad
from tasks.feedback_report import Report
from tasks.recipe.feedback_schema import Feedback

WHERE = Path("reports/quarantine.csv")
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def decided(
    quarantined: int = 0,
    *,
    total: int = 400,
    past: list[Past] | None = None,
    config: dict[str, Any] | None = None,
    **evidence: Any,
) -> tuple[str, str]:
    """The decision on a labelled batch whose accuracy was measured, unless told otherwise."""
    said = {"labelled": True, "measured": False, "estimated": False, "drifted": False} | evidence
    moment = Moment("now", "m/1", NOW, past or [])
    feedback = Feedback.model_validate(config or {})
    return decide(Evidence(**said), Quarantine(quarantined, total, 0.05, WHERE), feedback, moment)


def looks(marks: str, *, version: str = "m/1") -> list[Past]:
    """Looks an hour apart, the last an hour ago: `.` good, `x` bad, `R` bad and retrained."""
    first = NOW - timedelta(hours=len(marks))
    return [
        Past(f"w{place}", version, first + timedelta(hours=place), mark != ".", mark == "R") for place, mark in enumerate(marks)
    ]


@pytest.mark.parametrize("moved", [{}, {"drifted": True}, {"measured": True}])
def test_data_is_called_broken_when_more_rows_are_quarantined_than_the_recipe_allows(moved: dict[str, bool]):
    decision, reason = decided(101, **moved)
    assert decision == "data"
    for words in ("101 of 400 rows (25.2%)", "preprocess.contract.max_failing (5.0%)", str(WHERE)):
        assert words in reason


def test_data_is_called_broken_before_the_rest_is_called_too_few():
    assert decided(90, total=100)[0] == "data"


@pytest.mark.parametrize(("measured", "decision"), [(False, "none"), (True, "retrain")])
def test_quarantined_rows_are_told_but_decide_nothing_up_to_the_limit(measured: bool, decision: str):
    found, reason = decided(20, measured=measured)
    assert found == decision
    assert f"20 of 400 rows (5.0%) were quarantined, {WHERE} holds them" in reason


def test_quarantine_is_not_mentioned_when_no_row_was():
    assert decided() == ("none", "the batch is like the reference")


@pytest.mark.parametrize(
    ("evidence", "decision", "words"),
    [
        ({"measured": True, "drifted": True}, "retrain", "accuracy fell by more than feedback.max_accuracy_drop, and the data"),
        ({"measured": False, "estimated": True, "drifted": True}, "none", "the data drifted, but accuracy holds"),
        ({"measured": None, "estimated": True}, "retrain", "accuracy is estimated to have fallen"),
        ({"measured": None, "estimated": False, "drifted": True}, "none", "the data drifted, but estimated accuracy holds"),
        ({"measured": None, "estimated": None, "drifted": True}, "retrain", "the data drifted"),
        ({"measured": None, "estimated": True, "labelled": False}, "label", "estimated to have fallen"),
        ({"measured": None, "estimated": None, "drifted": True, "labelled": False}, "label", "too few labels"),
        ({"measured": None, "estimated": False, "drifted": True, "labelled": False}, "label", "estimated accuracy holds"),
        ({"measured": None, "estimated": False, "labelled": False}, "none", "like the reference"),
    ],
)
def test_measured_accuracy_speaks_before_estimated_before_drift(evidence: dict[str, Any], decision: str, words: str):
    found, reason = decided(**evidence)
    assert found == decision
    assert words in reason


@pytest.mark.parametrize(
    ("evidence", "left"),
    [
        ({"measured": True}, ["estimate", "drift"]),
        ({"measured": None, "estimated": True}, ["degradation", "drift"]),
        ({"measured": None, "estimated": None, "drifted": True}, ["degradation", "estimate"]),
    ],
)
def test_nothing_is_retrained_on_what_the_recipe_leaves_to_people(evidence: dict[str, Any], left: list[str]):
    decision, reason = decided(**evidence, config={"retrain_on": left})
    assert decision == "none"
    assert "feedback.retrain_on leaves that to people" in reason


@pytest.mark.parametrize(
    ("past", "decision"),
    [("", "wait"), ("..", "wait"), ("x.", "retrain"), ("x..", "wait"), (".x", "retrain"), ("R", "wait"), ("Rx", "retrain")],
)
def test_patience_counts_the_latest_batches_since_the_last_retraining(past: str, decision: str):
    config = {"patience": {"bad": 2, "of": 3}}
    assert decided(measured=True, past=looks(past), config=config)[0] == decision
    assert decided(measured=True, past=looks("xx", version="m/0"), config=config)[0] == "wait"


def test_patience_counts_a_batch_once_however_often_it_is_seen():
    again = [Past("now", "m/1", NOW, True, False)] * 3 + [Past("w", "m/1", NOW, False, False)] * 3
    decision, reason = decided(measured=True, past=again, config={"patience": {"bad": 2, "of": 3}})
    assert (decision, "that is 1 of the last 3 batches" in reason) == ("wait", True)


@pytest.mark.parametrize(("past", "decision"), [("R", "wait"), ("R.", "wait"), ("R.x", "retrain"), ("..", "retrain")])
def test_cooldown_waits_for_batches_after_a_retraining(past: str, decision: str):
    assert decided(measured=True, past=looks(past), config={"cooldown": {"windows": 2}})[0] == decision


def test_cooldown_and_budget_count_a_retraining_whose_batch_was_looked_at_again():
    past = looks("R")
    past.append(Past("w0", "m/2", NOW, bad=False, retrained=False))  # by the clock, after the retraining
    assert decided(measured=True, past=past, config={"cooldown": {"windows": 1}})[0] == "wait"
    assert decided(measured=True, past=past, config={"cooldown": {"hours": 2}})[0] == "wait"
    assert decided(measured=True, past=past, config={"budget": {"retrainings": 1}})[0] == "wait"


def test_cooldown_counts_from_the_look_that_started_the_retraining():
    past = [*looks("xx"), Past("w0", "m/1", NOW, bad=True, retrained=True)]
    assert decided(measured=True, past=past, config={"cooldown": {"windows": 1}})[0] == "wait"


@pytest.mark.parametrize(("rows", "quarantined", "bad"), [(400, 0, True), (400, 101, False), (29, 0, False)])
def test_batch_that_is_broken_or_too_small_is_not_counted_as_bad(rows: int, quarantined: int, bad: bool):
    evidence = Evidence(labelled=False, measured=None, estimated=True, drifted=False)
    assert is_bad(evidence, Quarantine(quarantined, rows, 0.05, WHERE), Feedback()) is bad


@pytest.mark.parametrize(("hours", "decision"), [(2.5, "wait"), (1.5, "retrain")])
def test_cooldown_waits_for_hours_after_a_retraining(hours: float, decision: str):
    assert decided(measured=True, past=looks("R."), config={"cooldown": {"hours": hours}})[0] == decision


def test_cooldown_lets_a_batch_carry_on_the_retraining_that_it_started_itself():
    itself = [Past("now", "m/1", NOW, True, True)]
    assert decided(measured=True, past=itself, config={"cooldown": {"windows": 3, "hours": 9}})[0] == "retrain"


@pytest.mark.parametrize(("days", "decision"), [(1.0, "wait"), (3 / 24, "retrain")])
def test_budget_limits_retrainings_in_a_time(days: float, decision: str):
    budget = {"budget": {"retrainings": 2, "days": days}}
    assert decided(measured=True, past=looks("R.R."), config=budget)[0] == decision


def test_no_retraining_storm_when_every_batch_is_bad():
    config = {"cooldown": {"windows": 4}, "patience": {"bad": 2, "of": 3}}
    past: list[Past] = []
    for place in range(40):
        evidence = Evidence(labelled=True, measured=True, estimated=None, drifted=True)
        moment = Moment(str(place), "m/1", NOW + timedelta(hours=place), list(past))
        decision, _ = decide(evidence, Quarantine(0, 400, 0.05, WHERE), Feedback.model_validate(config), moment)
        past.append(Past(str(place), "m/1", moment.at, True, decision == "retrain"))
    assert sum(each.retrained for each in past) == 8


@pytest.mark.parametrize(
    ("decision", "headline"),
    [
        ("data", "The data is broken:"),
        ("retrain", "The loop"),
        ("wait", "Not yet:"),
        ("label", "Labels are"),
        ("none", "Nothing is"),
    ],
)
def test_page_has_a_headline_for_every_decision(decision: str, headline: str):
    report = Report.model_validate(
        {
            "name": "m",
            "version": "m/1",
            "batch_sha256": "0",
            "rows": 299,
            "quarantined": 101,
            "labelled": False,
            "no_labels": "no labels: no column 'churned' in the batch, so accuracy is not known",
            "features": [],
            "predictions": [],
            "drifted_share": 0.0,
            "drifted": False,
            "decision": decision,
            "reason": "a reason",
            "estimated": {"accuracy": 0.81, "low": 0.7, "high": 0.9, "method": "cbpe"},
        }
    )
    page = feedback_page.render(report, {"drift": b"", "history": b"x"})
    assert f"<b>{headline}" in page
    assert "no labels: no column &#39;churned&#39; in the batch, so accuracy is not known." in page
    assert "estimated without labels (cbpe)" in page
    assert "0.700 to 0.900" in page
    assert "http" not in page  # it reads offline
