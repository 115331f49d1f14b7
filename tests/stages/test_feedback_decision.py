"""What a batch calls for when rows of it were quarantined."""

from pathlib import Path

import pytest

from tasks import feedback_page
from tasks.feedback_decision import Quarantine, decide
from tasks.feedback_report import Report
from tasks.recipe.schema import Feedback

WHERE = Path("reports/quarantine.csv")


def decided(quarantined: int, *, total: int = 400, drifted: bool = False, degraded: bool = False) -> tuple[str, str]:
    quarantine = Quarantine(quarantined, total, 0.05, WHERE)
    return decide(labelled=True, quarantine=quarantine, drifted=drifted, degraded=degraded, config=Feedback())


@pytest.mark.parametrize("moved", [{}, {"drifted": True}, {"degraded": True}])
def test_data_is_called_broken_when_more_rows_are_quarantined_than_the_recipe_allows(moved: dict[str, bool]):
    decision, reason = decided(101, **moved)
    assert decision == "data"
    for words in ("101 of 400 rows (25.2%)", "preprocess.contract.max_failing (5.0%)", str(WHERE)):
        assert words in reason


def test_data_is_called_broken_before_the_rest_is_called_too_few():
    assert decided(90, total=100)[0] == "data"


@pytest.mark.parametrize(("drifted", "decision"), [(False, "none"), (True, "retrain")])
def test_quarantined_rows_are_told_but_decide_nothing_up_to_the_limit(drifted: bool, decision: str):
    found, reason = decided(20, drifted=drifted)
    assert found == decision
    assert f"20 of 400 rows (5.0%) were quarantined, {WHERE} holds them" in reason


def test_quarantine_is_not_mentioned_when_no_row_was():
    assert decided(0) == ("none", "the batch is like the reference")


@pytest.mark.parametrize(
    ("decision", "headline"),
    [("data", "The data is broken:"), ("retrain", "The loop"), ("label", "Labels are"), ("none", "Nothing is")],
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
        }
    )
    page = feedback_page.render(report, b"")
    assert f"<b>{headline}" in page
    assert "no labels: no column &#39;churned&#39; in the batch, so accuracy is not known." in page
