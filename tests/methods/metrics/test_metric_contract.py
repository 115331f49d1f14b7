"""What holds for every registered metric."""

import math

import numpy as np
import pytest

from tasks.methods.metrics import bootstrap_intervals, evaluate, metrics
from tasks.methods.metrics.base import Metric


def sample(k: int, n: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(k), rng.integers(0, k, n - k)])
    probabilities = rng.dirichlet(np.ones(k), n).round(2)  # rounded, so that there are ties
    probabilities[np.arange(n), y] += 0.4
    return probabilities / probabilities.sum(axis=1, keepdims=True), y


def draws_of(n: int, s: int = 30, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rows = np.random.default_rng(seed).integers(0, n, (s, n))
    return rows, np.stack([np.bincount(each, minlength=n) for each in rows]).astype(np.float64)


@pytest.mark.parametrize("name", metrics.names())
@pytest.mark.parametrize(("k", "n"), [(2, 40), (3, 40), (5, 12)])
def test_resampled_equals_the_definition_on_each_resample(name, k, n):
    probabilities, y = sample(k, n)
    rows, draws = draws_of(n)
    expected = [metrics.get(name)(probabilities[each], y[each]) for each in rows]
    np.testing.assert_allclose(metrics.get(name).of_resamples(probabilities, y, draws), expected, atol=1e-12)


@pytest.mark.parametrize("name", metrics.names())
def test_resampled_falls_back_to_the_definition_when_there_is_no_fast_form(name):
    probabilities, y = sample(3)
    _, draws = draws_of(len(y), 5)
    slow = Metric(metrics.get(name).compute, "maximize")
    np.testing.assert_allclose(
        slow.of_resamples(probabilities, y, draws), metrics.get(name).of_resamples(probabilities, y, draws), atol=1e-12
    )


@pytest.mark.parametrize("name", metrics.names())
def test_metric_is_best_when_the_truth_is_told(name):
    _, y = sample(4)
    truth = metrics.get(name)(np.eye(4)[y], y)
    assert truth == (1.0 if metrics.get(name).direction == "maximize" else pytest.approx(0.0, abs=1e-6))


@pytest.mark.parametrize("name", metrics.names())
def test_metric_does_not_depend_on_the_order_of_rows(name):
    probabilities, y = sample(3)
    turned = np.random.default_rng(2).permutation(len(y))
    assert metrics.get(name)(probabilities[turned], y[turned]) == pytest.approx(metrics.get(name)(probabilities, y))


@pytest.mark.parametrize("name", metrics.names())
def test_metric_takes_float32_as_a_model_gives_it(name):
    probabilities, y = sample(3)
    assert metrics.get(name)(probabilities.astype(np.float32), y) == pytest.approx(
        metrics.get(name)(probabilities, y), abs=0.03
    )


@pytest.mark.parametrize("name", metrics.names())
@pytest.mark.parametrize(
    ("probabilities", "y", "message"),
    [
        (np.zeros((0, 2)), np.zeros(0, np.int64), "n >= 1 rows"),
        (np.zeros((3, 1)), np.zeros(3, np.int64), "k >= 2 classes"),
        (np.zeros(3), np.zeros(3, np.int64), r"probabilities.shape=\(3,\)"),
        (np.ones((3, 2)), np.zeros(2, np.int64), "Expected 3 class indices"),
        (np.ones((3, 2)), np.zeros(3), "float64"),
        (np.ones((3, 2)), np.array([0, 1, 2]), r"in \[0, 2\). Received: 0 to 2"),
        (np.array([[0.5, 0.5], [np.nan, 1.0]]), np.array([0, 1]), "1 of 2 rows.*first is row 1"),
    ],
)
def test_metric_says_what_is_wrong_when_arguments_do_not_fit(name, probabilities, y, message):
    with pytest.raises(ValueError, match=message):
        metrics.get(name)(probabilities, y)


def test_bootstrap_covers_the_value_of_every_metric():
    probabilities, y = sample(3, 200)
    intervals = bootstrap_intervals(probabilities, y, 300, 0.95, seed=3)
    values = evaluate(probabilities, y)
    assert set(intervals) == set(values)
    for name in set(values) - {"expected_calibration_error"}:  # biased upwards by resampling
        low, high = intervals[name]
        assert low < values[name] < high


def test_bootstrap_width_is_that_of_the_normal_approximation_when_rows_are_many():
    y = np.zeros(1000, np.int64)
    probabilities = np.tile([0.9, 0.1], (1000, 1))
    probabilities[:200] = [0.1, 0.9]
    low, high = bootstrap_intervals(probabilities, y, 2000, 0.95, seed=0)["accuracy"]
    half = 1.96 * math.sqrt(0.8 * 0.2 / 1000)
    assert low == pytest.approx(0.8 - half, abs=0.004)
    assert high == pytest.approx(0.8 + half, abs=0.004)


def test_bootstrap_repeats_itself_when_the_seed_is_equal():
    probabilities, y = sample(3)
    first = bootstrap_intervals(probabilities, y, 50, 0.9, seed=7)
    assert first == bootstrap_intervals(probabilities, y, 50, 0.9, seed=7)
    assert first != bootstrap_intervals(probabilities, y, 50, 0.9, seed=8)


def test_bootstrap_is_the_same_when_memory_forces_smaller_steps(monkeypatch):
    probabilities, y = sample(3)
    whole = bootstrap_intervals(probabilities, y, 64, 0.9, seed=7)
    monkeypatch.setattr("tasks.methods.metrics.evaluation._CELLS", 16 * len(y))
    assert bootstrap_intervals(probabilities, y, 64, 0.9, seed=7) == whole


def test_bootstrap_of_one_metric_is_that_of_all():
    probabilities, y = sample(3)
    assert bootstrap_intervals(probabilities, y, 64, names=["accuracy"]) == {
        "accuracy": bootstrap_intervals(probabilities, y, 64)["accuracy"]
    }


def test_bootstrap_gives_nan_for_auroc_alone_when_one_class_is_alone():
    intervals = bootstrap_intervals(np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([0, 0]), 20, 0.9, seed=0)
    assert all(map(math.isnan, intervals["auroc"]))
    assert all(math.isfinite(end) for name, ends in intervals.items() if name != "auroc" for end in ends)


def test_bootstrap_refuses_a_percentage():
    probabilities, y = sample(2)
    with pytest.raises(ValueError, match=r"not a percentage\. Received: confidence=95"):
        bootstrap_intervals(probabilities, y, 10, 95, seed=0)
