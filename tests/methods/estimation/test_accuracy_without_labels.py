"""Each estimator and calibrator against numbers worked by hand, then what holds for every pair of them."""

import numpy as np
import pytest

from tasks.methods.estimation import calibrators, drop_p_value, estimate, estimators

PAIRS = [(method, calibration) for method in estimators for calibration in calibrators]


def two_classes(chance: np.ndarray) -> np.ndarray:
    """Probabilities of rows that are sure of the first class by as much."""
    return np.stack([chance, 1 - chance], axis=1)


def rows(n: int, seed: int, *, middle: float = 0.0, sharpness: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a network that is too sure (its logits are doubled), and labels; `middle` moves the input."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(middle, 1.5, n)
    y = (rng.random(n) < 1 / (1 + np.exp(logit))).astype(np.int64)
    return two_classes(1 / (1 + np.exp(-sharpness * logit))), y


def test_cbpe_is_the_mean_chance_of_being_right():
    assert estimators.get("cbpe")(np.zeros(1), np.ones(1, bool), np.array([0.9, 0.8, 0.6, 0.7])) == pytest.approx(0.75)


def test_atc_counts_the_rows_above_the_reference_error():
    reference, right = np.array([0.5, 0.6, 0.7, 0.8, 0.9]), np.array([True, False, True, False, True])
    # Two of five are wrong, so the threshold is 0.6: of the current rows, two of four are above it.
    assert estimators.get("atc")(reference, right, np.array([0.55, 0.59, 0.65, 0.95])) == 0.5


def test_atc_counts_a_share_of_the_rows_at_the_threshold():
    reference, right = np.full(4, 0.8), np.array([True, True, True, False])
    assert estimators.get("atc")(reference, right, np.array([0.8, 0.8])) == 0.75


def test_isotonic_reads_the_steps_off_the_reference():
    probabilities = two_classes(np.array([0.6, 0.6, 0.9, 0.9]))
    chance = calibrators.get("isotonic")(probabilities, np.array([0, 1, 0, 0]))
    np.testing.assert_allclose(chance(two_classes(np.array([0.6, 0.9, 0.75]))), [0.5, 1.0, 0.75])


def test_temperature_undoes_doubled_logits():
    probabilities, y = rows(20_000, 0)
    chance = calibrators.get("temperature")(probabilities, y)
    sure = 1 / (1 + np.exp(-2.0 * 1.0))  # logit 1, doubled
    assert chance(two_classes(np.array([sure])))[0] == pytest.approx(1 / (1 + np.exp(-1.0)), abs=0.01)


@pytest.mark.parametrize("calibration", calibrators.names())
def test_calibrator_survives_zeros_and_certainty(calibration: str):
    probabilities = np.eye(3)[[0, 1, 2, 0]]
    chance = calibrators.get(calibration)(probabilities, np.array([0, 1, 2, 0]))
    assert np.isfinite(chance(probabilities)).all()


@pytest.mark.parametrize(("method", "calibration"), PAIRS)
def test_estimate_finds_the_accuracy_of_rows_that_moved(method: str, calibration: str):
    probabilities, y = rows(2500, 0)
    # Nearer to the boundary: a network that has learned the same rule is right less often there.
    moved, truth = rows(2500, 1, middle=0.0)
    keep = moved.max(axis=1) < 0.9
    moved, truth = moved[keep], truth[keep]
    accuracy = float((moved.argmax(axis=1) == truth).mean())
    before = float((probabilities.argmax(axis=1) == y).mean())
    found = estimate(probabilities, y, moved, method=method, calibration=calibration)
    assert before - accuracy > 0.05
    assert found.accuracy < before - 0.05
    if method == "cbpe":  # thresholded confidence has no such promise once rows are picked by confidence
        assert found.low <= accuracy <= found.high
        assert abs(found.accuracy - accuracy) < 0.02


@pytest.mark.parametrize(("method", "calibration"), PAIRS)
def test_estimate_covers_the_truth_on_rows_like_the_reference(method: str, calibration: str):
    covered = 0
    for seed in range(5):
        probabilities, y = rows(300, seed)
        current, truth = rows(200, 100 + seed)
        found = estimate(probabilities, y, current, method=method, calibration=calibration)
        covered += found.low <= float((current.argmax(axis=1) == truth).mean()) <= found.high
        assert 0 <= found.low <= found.accuracy <= found.high <= 1
    assert covered >= 4


@pytest.mark.parametrize(("method", "calibration"), PAIRS)
def test_estimate_repeats_itself_and_ignores_order(method: str, calibration: str):
    probabilities, y = rows(200, 0)
    current, _ = rows(50, 1)
    found = estimate(probabilities, y, current, method=method, calibration=calibration)
    assert estimate(probabilities, y, current, method=method, calibration=calibration) == found
    turned = estimate(probabilities, y, current[::-1], method=method, calibration=calibration)
    assert turned.accuracy == pytest.approx(found.accuracy)


def test_drop_p_value_is_small_only_where_the_estimate_fell():
    probabilities, y = rows(2000, 0)
    found = estimate(probabilities, y, probabilities[probabilities.max(axis=1) < 0.8])
    right = int((probabilities.argmax(axis=1) == y).sum())
    assert drop_p_value(found, right, 2000) < 1e-6
    assert drop_p_value(estimate(probabilities, y, rows(2000, 1)[0]), right, 2000) > 0.01
    assert drop_p_value(found, 0, 0) == 1.0


def test_drop_p_value_raises_few_false_alarms():
    alarms = 0
    for seed in range(12):
        probabilities, y = rows(200, seed)
        known, truth = rows(300, 1000 + seed)
        found = estimate(probabilities, y, rows(300, 2000 + seed)[0])
        alarms += drop_p_value(found, int((known.argmax(axis=1) == truth).sum()), 300) <= 0.05
    assert alarms <= 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"current": np.zeros((0, 2))}, r"`current`.*m >= 1.*\(0, 2\)"),
        ({"current": np.zeros((4, 3))}, r"`current`.*\[m, 2\].*\(4, 3\)"),
        ({"method": "cbpee"}, "Did you mean 'cbpe'"),
        ({"calibration": "isotonicc"}, "Did you mean 'isotonic'"),
        ({"confidence": 95}, "confidence=95"),
    ],
)
def test_estimate_says_what_is_wrong_with_its_arguments(change: dict[str, object], message: str):
    probabilities, y = rows(20, 0)
    arguments = {"reference": probabilities, "y": y, "current": probabilities} | change
    with pytest.raises(ValueError, match=message):
        estimate(**arguments)
