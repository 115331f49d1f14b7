import math

import numpy as np
import pytest

from tasks.methods.metrics import confusion_matrix, metrics, per_class, reliability_curve

Y = np.array([0, 0, 1, 1, 1])
P = np.eye(3)[[0, 1, 1, 1, 2]]


def test_confusion_matrix_has_truth_in_rows_and_prediction_in_columns():
    np.testing.assert_array_equal(confusion_matrix(P, Y), [[1, 1, 0], [0, 2, 1], [0, 0, 0]])


def test_per_class_matches_hand_worked_scores():
    first, second, absent = per_class(P, Y)
    assert (first.precision, first.recall, first.support) == (1.0, 0.5, 2)
    assert first.f1 == pytest.approx(2 / 3)
    assert (second.precision, second.recall, second.f1) == (pytest.approx(2 / 3),) * 3
    assert absent.support == 0
    assert absent.precision == 0.0
    assert math.isnan(absent.recall)
    assert math.isnan(absent.f1)


def test_reliability_curve_matches_hand_worked_bins():
    probabilities = np.array([[0.6, 0.4], [0.65, 0.35], [0.95, 0.05], [0.5, 0.5]])
    curve = reliability_curve(probabilities, np.array([0, 1, 0, 0]), bins=5)
    np.testing.assert_allclose(curve.edges, [0, 0.2, 0.4, 0.6, 0.8, 1.0])
    np.testing.assert_array_equal(curve.rows, [0, 0, 2, 1, 1])  # 0.6 belongs to (0.4, 0.6]
    np.testing.assert_allclose(curve.confidence, [np.nan, np.nan, 0.55, 0.65, 0.95])
    np.testing.assert_allclose(curve.accuracy, [np.nan, np.nan, 1.0, 0.0, 1.0])


def test_reliability_curve_adds_up_to_the_calibration_error():
    rng = np.random.default_rng(0)
    probabilities, y = rng.dirichlet(np.ones(4), 100), rng.integers(0, 4, 100)
    curve = reliability_curve(probabilities, y)
    gaps = np.nansum(np.abs(curve.accuracy - curve.confidence) * curve.rows) / 100
    assert metrics.get("expected_calibration_error")(probabilities, y) == pytest.approx(gaps)


def test_reliability_curve_refuses_no_bins():
    with pytest.raises(ValueError, match="bins=0"):
        reliability_curve(P, Y, bins=0)
