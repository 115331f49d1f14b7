"""Feedback on a batch most of whose labels are still to come."""

import numpy as np
import pytest

from model_registry.gates import Verdict
from model_registry.reference import ModelRef
from tasks.data.batch import Batch
from tasks.feedback import _performance
from tasks.recipe.schema import Feedback

VERDICT = Verdict(
    candidate=ModelRef(uri="models:/m/1", sha256="0"),
    passed=True,
    rules=[],
    metrics={"accuracy": 0.9},
    rows=200,
    run_id="r",
)


def batch(rows: int, labels: np.ndarray | None) -> Batch:
    """The first rows have labels."""
    known = np.arange(rows) < (0 if labels is None else len(labels))
    return Batch(np.zeros((rows, 1)), known, labels, rows, 0, {}, {}, "f")


def test_performance_is_measured_on_labelled_rows():
    probabilities = np.full((100, 2), 0.5) + np.array([0.4, -0.4])  # always the first class
    found = _performance(probabilities, batch(100, np.array([0, 0, 0, 1])), VERDICT, Feedback())
    assert found["accuracy"] == 0.75
    assert _performance(probabilities, batch(100, None), VERDICT, Feedback()) == {}


@pytest.mark.parametrize(("labels", "degraded"), [(29, False), (30, True)])
def test_performance_is_degraded_by_no_fewer_labels_than_min_rows(labels, degraded):
    probabilities = np.full((100, 2), 0.5) + np.array([0.4, -0.4])
    found = _performance(probabilities, batch(100, np.ones(labels, dtype=np.int64)), VERDICT, Feedback(min_rows=30))
    assert (found["accuracy"], found["degraded"]) == (0.0, degraded)
