"""Feedback on a batch most of whose labels are still to come: what is measured, and what is estimated meanwhile."""

import numpy as np
import pytest

from model_registry.gates import Verdict
from model_registry.reference import ModelRef
from tasks.feedback_performance import estimated, expected_of, measured
from tasks.recipe.feedback_schema import Feedback

EXPECTED = (180, 200)


def first_class(rows: int) -> np.ndarray:
    """Probabilities of a network that always says the first class."""
    return np.full((rows, 2), 0.5) + np.array([0.4, -0.4])


def verdict(accuracy: float | None) -> Verdict:
    candidate = ModelRef(uri="models:/m/1", sha256="0")
    return Verdict(candidate=candidate, passed=True, rules=[], metrics={"accuracy": accuracy}, rows=200, run_id="r")


def test_expected_accuracy_is_the_test_splits():
    assert expected_of(verdict(0.9)) == EXPECTED
    assert expected_of(verdict(None)) is None
    assert expected_of(None) is None


def test_performance_is_measured_on_labelled_rows():
    found = measured(first_class(4), np.array([0, 0, 0, 1]), EXPECTED, Feedback())
    assert (found["accuracy"], found["accuracy_reference"]) == (0.75, 0.9)
    assert "degraded" not in measured(first_class(4), np.array([0, 0, 0, 1]), None, Feedback())


@pytest.mark.parametrize(("labels", "degraded"), [(29, False), (30, True)])
def test_performance_is_degraded_by_no_fewer_labels_than_min_rows(labels: int, degraded: bool):
    found = measured(first_class(labels), np.ones(labels, dtype=np.int64), EXPECTED, Feedback(min_rows=30))
    assert (found["accuracy"], found["degraded"]) == (0.0, degraded)


@pytest.mark.parametrize(("sequential", "degraded"), [("page_hinkley", True), ("adwin", True), (None, False)])
def test_performance_is_degraded_by_the_last_rows_alone_where_a_sequential_test_looks(sequential: str | None, degraded: bool):
    wrong = np.concatenate([np.zeros(1400), np.random.default_rng(0).random(200) < 0.5]).astype(np.int64)
    found = measured(first_class(1600), wrong, EXPECTED, Feedback(sequential=sequential))
    assert found["accuracy"] > 0.9
    assert (found["degraded"], bool(found["alarms"])) == (degraded, degraded)


def test_accuracy_is_estimated_without_labels():
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.6, 1.0, 800)
    reference = np.stack([sure, 1 - sure], axis=1), (rng.random(800) > sure).astype(np.int64)
    right = int((reference[1] == 0).sum())
    same = estimated(reference, reference[0][:300], (right, 800), Feedback())
    assert not same["estimated_degraded"]
    unsure = np.full((300, 2), [0.62, 0.38])
    found = estimated(reference, unsure, (right, 800), Feedback())
    assert found["estimated"]["accuracy"] == pytest.approx(0.62, abs=0.05)
    assert found["estimated_degraded"]
    assert "estimated_degraded" not in estimated(reference, unsure, None, Feedback())
    assert estimated(reference, unsure, (right, 800), Feedback(estimate=None)) == {}
