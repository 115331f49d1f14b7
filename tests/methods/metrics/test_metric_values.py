"""Every metric against numbers worked by hand."""

import math

import numpy as np
import pytest

from tasks.methods.metrics import METRIC_NAMES, direction, evaluate, metrics

# Predicted classes 0, 0, 1, 0, 2, 2; rows 0, 1, 2 and 4, 5 are right, row 3 (class 1 taken for 0) is wrong.
Y = np.array([0, 0, 1, 1, 2, 2])
P = np.array([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.5, 0.4, 0.1], [0.1, 0.1, 0.8], [0.3, 0.2, 0.5]])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy", 5 / 6),
        ("balanced_accuracy", (1 + 1 / 2 + 1) / 3),
        ("macro_precision", (2 / 3 + 1 + 1) / 3),
        ("macro_recall", (1 + 1 / 2 + 1) / 3),
        ("macro_f1", (4 / 5 + 2 / 3 + 1) / 3),
        ("log_loss", -sum(map(math.log, (0.8, 0.6, 0.7, 0.4, 0.8, 0.5))) / 6),
        ("brier", (0.06 + 0.26 + 0.14 + 0.62 + 0.06 + 0.38) / 6),
        # Bins of 1/15: 0.8 twice, both right; 0.6 right; 0.7 right; 0.5 twice, one right.
        ("expected_calibration_error", (2 * 0.2 + 0.4 + 0.3 + 0.0) / 6),
        # Class 0: 8 of 8 pairs. Class 1: scores 0.7, 0.4 against 0.1, 0.3, 0.1, 0.2: 8 of 8. Class 2: 8 of 8.
        ("auroc", 1.0),
    ],
)
def test_metric_matches_the_hand_worked_value(name, expected):
    assert metrics.get(name)(P, Y) == pytest.approx(expected, abs=1e-12)


def test_auroc_counts_ties_half_when_binary():
    positive = np.array([0.9, 0.5, 0.5, 0.1])
    # Pairs of (positive, negative): (0.9, 0.5), (0.9, 0.1), (0.5, 0.5), (0.5, 0.1): 1 + 1 + 0.5 + 1 of 4.
    value = metrics.get("auroc")(np.stack([1 - positive, positive], axis=1), np.array([1, 1, 0, 0]))
    assert value == pytest.approx(3.5 / 4)


def test_auroc_leaves_a_class_out_when_it_has_no_rows():
    kept = Y != 2
    of_class_0_and_1 = metrics.get("auroc")(P[kept], Y[kept])
    assert of_class_0_and_1 == pytest.approx(1.0)


def test_auroc_is_nan_when_one_class_is_alone():
    assert math.isnan(metrics.get("auroc")(P[:2], Y[:2]))
    assert math.isnan(metrics.get("auroc")(np.array([[0.2, 0.8], [0.4, 0.6]]), np.array([1, 1])))


def test_macro_metrics_ignore_a_class_when_no_row_has_it():
    # Class 2 never occurs but is predicted once: recall of class 1 is 1/2, precision of the classes that occur is 1.
    probabilities = np.eye(3)[[0, 1, 2]]
    y = np.array([0, 1, 1])
    assert metrics.get("macro_recall")(probabilities, y) == pytest.approx(0.75)
    assert metrics.get("balanced_accuracy")(probabilities, y) == pytest.approx(0.75)
    assert metrics.get("macro_precision")(probabilities, y) == pytest.approx(1.0)


def test_macro_precision_counts_zero_when_a_class_is_never_predicted():
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2]])
    assert metrics.get("macro_precision")(probabilities, np.array([0, 1])) == pytest.approx(0.25)


def test_log_loss_stays_finite_when_the_true_class_has_no_probability():
    value = metrics.get("log_loss")(np.array([[1.0, 0.0]]), np.array([1]))
    assert value == pytest.approx(-math.log(1e-7))


def test_brier_is_two_when_surely_wrong():
    assert metrics.get("brier")(np.array([[1.0, 0.0]]), np.array([1])) == 2.0


def test_calibration_error_is_zero_when_confidence_equals_accuracy():
    probabilities = np.array([[0.75, 0.25]] * 4)
    assert metrics.get("expected_calibration_error")(probabilities, np.array([0, 0, 0, 1])) == pytest.approx(0.0)


def test_direction_tells_which_way_is_better():
    minimized = {name for name in metrics if direction(name) == "minimize"}
    assert minimized == {"brier", "expected_calibration_error", "log_loss"}


def test_direction_names_the_nearest_when_unknown():
    with pytest.raises(ValueError, match="Did you mean 'accuracy'"):
        direction("acuracy")


def test_evaluate_gives_every_metric():
    assert set(evaluate(P, Y)) == METRIC_NAMES == set(metrics.names())
