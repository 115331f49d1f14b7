"""Tests of whole rows against numbers worked by hand, then what holds for every one."""

import math

import numpy as np
import pytest

from tasks.methods.drift.multivariate import domain_classifier, encode, multivariate


def pairs(n: int, seed: int, correlation: float = 0.0) -> np.ndarray:
    """Rows whose columns are each standard normal, whatever the correlation: no feature shows it alone."""
    return np.random.default_rng(seed).multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], n)


def test_encode_scales_over_both_windows_and_marks_what_is_missing():
    kinds = {"n": "numeric", "c": "categorical"}
    reference = {"n": np.array([1.0, np.nan]), "c": np.array(["a", None], object)}
    current = {"n": np.array([3.0]), "c": np.array(["a"], object)}
    first, second = encode(reference, current, kinds)
    # 1 and 3: mean 2, standard deviation 1. Columns: the number, whether it is missing, a, (missing).
    half = 1 / math.sqrt(2)
    np.testing.assert_allclose(first, [[-1, 0, half, 0], [0, 1, 0, half]])
    np.testing.assert_allclose(second, [[1, 0, half, 0]])


def test_encode_leaves_out_what_never_varies():
    first, second = encode({"n": np.ones(3)}, {"n": np.ones(2)}, {"n": "numeric"})
    assert (first.shape, second.shape) == ((3, 0), (2, 0))


def test_mmd_matches_the_hand_worked_sum():
    # Distances squared: 1 within each window, 4, 9, 1, 4 across; their median is 2.5, so the kernel is exp(-d / 5).
    found = multivariate.get("mmd")(np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]]))
    within = (2 + 2 * math.exp(-1 / 5)) / 4
    across = (math.exp(-4 / 5) + math.exp(-9 / 5) + math.exp(-1 / 5) + math.exp(-4 / 5)) / 4
    assert found.statistic == pytest.approx(2 * within - 2 * across)


def test_domain_classifier_tells_windows_apart_completely_when_they_share_nothing():
    found = multivariate.get("domain_classifier")(pairs(200, 0), pairs(200, 1) + 50)
    assert found.statistic == pytest.approx(1.0)


def test_domain_classifier_scores_rows_as_a_forest_of_gini_impurity_does(monkeypatch: pytest.MonkeyPatch):
    from sklearn.ensemble import ExtraTreesClassifier

    monkeypatch.setattr(domain_classifier, "_TREES", 400)  # so many that both forests are near their limit
    learned, rows = [pairs(300, 0), pairs(150, 1, correlation=0.9)], pairs(200, 2)
    forest = ExtraTreesClassifier(400, min_samples_leaf=5, class_weight="balanced", random_state=1)
    forest.fit(np.concatenate(learned), np.repeat([0, 1], [300, 150]))
    found = domain_classifier.scores([each.astype(np.float32) for each in learned], rows.astype(np.float32))
    assert np.corrcoef(found, forest.predict_proba(rows)[:, 1])[0, 1] > 0.98


def test_domain_classifier_looks_at_the_second_half_unless_the_first_is_sure(monkeypatch: pytest.MonkeyPatch):
    looks: list[int] = []
    scores = domain_classifier.scores
    monkeypatch.setattr(domain_classifier, "scores", lambda *windows: looks.append(1) or scores(*windows))
    multivariate.get("domain_classifier")(pairs(200, 0), pairs(200, 1) + 5)
    assert len(looks) == 1
    multivariate.get("domain_classifier")(pairs(200, 0), pairs(200, 1) + 0.2)
    assert len(looks) == 3


def test_domain_classifier_learns_nothing_from_few_rows():
    assert multivariate.get("domain_classifier")(pairs(200, 0), pairs(19, 1)).p_value is None


@pytest.mark.parametrize("name", multivariate.names())
def test_multivariate_test_sees_what_no_feature_shows_alone(name: str):
    found = multivariate.get(name)(pairs(600, 0), pairs(400, 1, correlation=0.95))
    assert 0 < found.p_value < 1e-3


@pytest.mark.parametrize("name", multivariate.names())
def test_multivariate_test_repeats_itself(name: str):
    first, second = pairs(60, 0), pairs(50, 1, correlation=0.5)
    assert multivariate.get(name)(first, second) == multivariate.get(name)(first, second)


@pytest.mark.parametrize("name", multivariate.names())
def test_multivariate_test_finds_nothing_where_nothing_varies(name: str):
    assert multivariate.get(name)(np.empty((40, 0)), np.empty((30, 0))).p_value == 1.0


@pytest.mark.parametrize(("name", "runs"), [("domain_classifier", 5), ("mmd", 20)])
def test_multivariate_test_raises_few_false_alarms(name: str, runs: int):
    alarms = sum(multivariate.get(name)(pairs(90, seed), pairs(60, 500 + seed)).p_value <= 0.1 for seed in range(runs))
    assert alarms / runs <= 0.2
