"""Each detector against numbers worked by hand, then what holds for every one."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from tasks.methods.drift import detectors, detectors_for

RNG_ROWS = 400


def categories(shares: dict[str, int]) -> np.ndarray:
    return np.array([name for name, rows in shares.items() for _ in range(rows)], object)


def window(kind: str, n: int, seed: int, moved: bool = False) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if kind == "numeric":
        return rng.normal(1.0 if moved else 0.0, 1.0, n)
    return rng.choice(np.array(["a", "b", "c"], object), n, p=[0.2, 0.2, 0.6] if moved else [0.6, 0.3, 0.1])


EVERY = [(name, kind) for name in detectors for kind in sorted(detectors.get(name).kinds)]


def test_ks_matches_the_largest_gap():
    score = detectors.get("ks")(np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.0, 4.0, 5.0, 6.0]))
    assert score.statistic == 0.5
    assert score.p_value == pytest.approx(stats.ks_2samp([1, 2, 3, 4], [3, 4, 5, 6]).pvalue)


def test_psi_matches_the_hand_worked_sum():
    score = detectors.get("psi")(categories({"a": 60, "b": 40}), categories({"a": 30, "b": 70}))
    p, q = np.array([60.5, 40.5]) / 101, np.array([30.5, 70.5]) / 101
    assert score.statistic == pytest.approx(float(((q - p) * np.log(q / p)).sum()))
    assert score.statistic == pytest.approx(0.3 * math.log(7 / 3 / (4 / 6)), abs=0.01)  # without the half rows


def test_psi_stays_finite_when_a_category_is_unseen():
    score = detectors.get("psi")(categories({"a": 50, "b": 50}), categories({"a": 50, "c": 50}))
    assert math.isfinite(score.statistic)
    assert score.p_value < 1e-6


def test_js_matches_scipy():
    first, second = categories({"a": 60, "b": 40}), categories({"a": 30, "b": 60, "c": 10})
    expected = jensenshannon([0.6, 0.4, 0.0], [0.3, 0.6, 0.1], base=2)
    assert detectors.get("js")(first, second).statistic == pytest.approx(expected)


def test_js_is_one_when_nothing_is_shared():
    assert detectors.get("js")(categories({"a": 5}), categories({"b": 5})).statistic == pytest.approx(1.0)


def test_wasserstein_is_the_shift_in_standard_deviations():
    reference = np.array([0.0, 1.0, 2.0, 3.0])
    assert detectors.get("wasserstein")(reference, reference + 5).statistic == pytest.approx(5 / reference.std())


def test_wasserstein_is_finite_when_the_reference_is_constant():
    score = detectors.get("wasserstein")(np.full(50, 0.1), np.full(50, 0.3))
    assert score.statistic == pytest.approx(2.0)  # the pooled standard deviation is half the gap
    assert score.p_value < 1e-6


def test_chi2_matches_scipy_when_counts_are_large():
    score = detectors.get("chi2")(categories({"a": 60, "b": 40}), categories({"a": 45, "b": 55}))
    expected = stats.chi2_contingency([[60, 40], [45, 55]], correction=False)
    assert score.statistic == pytest.approx(expected.statistic)
    assert score.p_value == pytest.approx(expected.pvalue)


def test_chi2_p_value_is_exact_when_counts_are_small():
    score = detectors.get("chi2")(categories({"a": 8, "b": 2}), categories({"a": 3, "b": 7}))
    assert score.p_value == pytest.approx(stats.fisher_exact([[8, 2], [3, 7]]).pvalue, abs=0.02)


def test_chi2_does_not_take_a_number_read_as_float_for_a_new_category():
    score = detectors.get("chi2")(np.array([1, 2, 2, 1], object), np.array([1.0, 2.0, 2.0, 1.0], object))
    assert (score.statistic, score.p_value) == (0.0, 1.0)


def test_chi2_counts_missing_values_as_a_category():
    reference = categories({"a": 95}).tolist() + [None] * 5
    current = categories({"a": 60}).tolist() + [float("nan")] * 40
    assert detectors.get("chi2")(np.array(reference, object), np.array(current, object)).p_value < 1e-6


def test_detectors_for_tells_the_kinds_apart():
    assert detectors_for("numeric") == ["js", "ks", "psi", "wasserstein"]
    assert detectors_for("categorical") == ["chi2", "js", "psi"]


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_detector_sees_a_move_when_there_is_one(name, kind):
    score = detectors.get(name)(window(kind, RNG_ROWS, 0), window(kind, 150, 1, moved=True))
    assert score.statistic > 0
    assert 0 < score.p_value < 1e-4


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_detector_is_certain_of_nothing_when_the_windows_are_equal(name, kind):
    values = window(kind, RNG_ROWS, 0)
    score = detectors.get(name)(values, values)
    assert score.statistic == pytest.approx(0.0, abs=1e-12)
    assert score.p_value == pytest.approx(1.0)


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_detector_repeats_itself_and_ignores_order(name, kind):
    reference, current = window(kind, 100, 0), window(kind, 60, 1, moved=True)
    score = detectors.get(name)(reference, current)
    turned = detectors.get(name)(reference[::-1], np.roll(current, 7))
    assert score.p_value == turned.p_value
    assert score.statistic == pytest.approx(turned.statistic, rel=1e-12)


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_detector_gives_no_p_value_when_a_window_is_empty(name, kind):
    for reference, current in ((window(kind, 0, 0), window(kind, 5, 1)), (window(kind, 5, 0), window(kind, 0, 1))):
        score = detectors.get(name)(reference, current)
        assert math.isnan(score.statistic)
        assert score.p_value is None


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_detector_gives_one_when_both_windows_are_the_same_constant(name, kind):
    value = 3.0 if kind == "numeric" else "a"
    dtype = np.float64 if kind == "numeric" else object
    assert detectors.get(name)(np.full(9, value, dtype), np.full(4, value, dtype)).p_value == 1.0


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_detector_sees_one_constant_turn_into_another(name, kind):
    first, second = (1.0, -1.0) if kind == "numeric" else ("a", "b")
    dtype = np.float64 if kind == "numeric" else object
    assert detectors.get(name)(np.full(40, first, dtype), np.full(40, second, dtype)).p_value < 1e-4


@pytest.mark.parametrize("name", detectors_for("numeric"))
def test_numeric_detector_leaves_out_what_is_not_finite(name):
    reference, current = window("numeric", 50, 0), window("numeric", 40, 1)
    spoiled = np.concatenate([current, [np.nan, np.inf, -np.inf]])
    assert detectors.get(name)(reference, spoiled) == detectors.get(name)(reference, current)


@pytest.mark.parametrize("name", detectors_for("numeric"))
def test_numeric_detector_takes_single_values(name):
    score = detectors.get(name)(np.array([1.0]), np.array([2.0]))
    assert score.p_value == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["ks", "wasserstein"])
def test_numeric_detector_says_what_is_wrong_when_given_words(name):
    with pytest.raises(ValueError, match="Expected numbers"):
        detectors.get(name)(np.array(["a", "b"], object), np.array([1.0, 2.0]))


@pytest.mark.parametrize("name", detectors.names())
def test_detector_refuses_more_than_one_feature(name):
    with pytest.raises(ValueError, match=r"`current`.*shape \(3, 2\)"):
        detectors.get(name)(np.ones(3), np.ones((3, 2)))
