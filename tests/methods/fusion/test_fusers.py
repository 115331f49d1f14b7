"""Hand-worked fusions, then what holds for every fuser."""

import numpy as np
import pytest
from scipy.optimize import minimize

from tasks.methods.fusion import combine, fusers
from tasks.methods.metrics.log_loss import row_losses


def loss(probabilities: np.ndarray, y: np.ndarray) -> float:
    return float(row_losses(probabilities, y).mean())


def members(m: int = 3, n: int = 60, k: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Members of different skill: the first knows least."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, k, n)
    logits = rng.normal(size=(m, n, k))
    logits[:, np.arange(n), y] += np.linspace(0.2, 1.5, m)[:, None]
    probabilities = np.exp(logits)
    return probabilities / probabilities.sum(axis=2, keepdims=True), y


def test_weighted_average_matches_the_closed_form_of_two_specialists():
    # Each member is sure on its own rows and says 0.2 on the other's: 3 rows for the first, 1 for the second.
    # d/dw [3 ln(0.2 + 0.8 w) + ln(1 - 0.8 w)] = 0 where 3 (1 - 0.8 w) = 0.2 + 0.8 w, so w = 2.8 / 3.2.
    truth = np.array([[1.0, 1.0, 1.0, 0.2], [0.2, 0.2, 0.2, 1.0]])
    probabilities = np.stack([truth, 1 - truth], axis=2)
    weights = fusers.get("weighted_average")(probabilities, np.zeros(4, np.int64))
    np.testing.assert_allclose(weights, [0.875, 0.125], atol=1e-3)


def test_weighted_average_gives_a_useless_member_nothing():
    good = np.tile([0.9, 0.1], (20, 1))
    bad = np.tile([0.3, 0.7], (20, 1))
    np.testing.assert_array_equal(fusers.get("weighted_average")(np.stack([bad, good]), np.zeros(20, np.int64)), [0, 1])


@pytest.mark.parametrize("seed", range(5))
def test_weighted_average_finds_the_optimum_that_a_general_solver_finds(seed):
    probabilities, y = members(4, 80, 3, seed)
    found = loss(combine(probabilities, fusers.get("weighted_average")(probabilities, y)), y)
    solved = minimize(
        lambda w: loss(combine(probabilities, w), y),
        np.full(4, 0.25),
        bounds=[(0, 1)] * 4,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        method="SLSQP",
    )
    assert found <= solved.fun + 1e-5


@pytest.mark.parametrize("seed", range(10))
def test_weighted_average_is_never_worse_than_the_mean_or_the_best(seed):
    probabilities, y = members(3, 25, 3, seed)
    found = loss(combine(probabilities, fusers.get("weighted_average")(probabilities, y)), y)
    for other in ("mean", "best"):
        assert found <= loss(combine(probabilities, fusers.get(other)(probabilities, y)), y) + 1e-5
    assert found <= loss(probabilities.mean(axis=0), y) + 1e-12


def test_weighted_average_is_finite_when_every_member_is_surely_wrong():
    probabilities = np.tile([0.0, 1.0], (2, 5, 1))
    weights = fusers.get("weighted_average")(probabilities, np.zeros(5, np.int64))
    np.testing.assert_allclose(weights, [0.5, 0.5])


def test_best_takes_the_member_with_the_lowest_log_loss():
    probabilities, y = members(3)
    losses = [loss(member, y) for member in probabilities]
    np.testing.assert_array_equal(fusers.get("best")(probabilities, y), np.eye(3)[int(np.argmin(losses))])


def test_mean_weighs_all_the_same():
    np.testing.assert_allclose(fusers.get("mean")(*members(4)), [0.25] * 4)


def test_combine_matches_the_hand_worked_average():
    probabilities = np.array([[[1.0, 0.0]], [[0.5, 0.5]]], np.float32)
    combined = combine(probabilities, np.array([0.25, 0.75]))
    np.testing.assert_allclose(combined, [[0.625, 0.375]])
    assert combined.dtype == np.float32


def test_combine_refuses_weights_that_do_not_fit():
    with pytest.raises(ValueError, match=r"Expected 3, one a member. Received: shape \(2,\)"):
        combine(members(3)[0], np.array([0.5, 0.5]))


@pytest.mark.parametrize("name", fusers.names())
@pytest.mark.parametrize(("m", "n", "k"), [(1, 10, 2), (2, 1, 2), (3, 60, 4), (8, 30, 10)])
def test_every_fuser_gives_weights_on_the_simplex(name, m, n, k):
    weights = fusers.get(name)(*members(m, n, k))
    assert weights.shape == (m,)
    assert weights.dtype == np.float64
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("name", fusers.names())
def test_every_fuser_changes_nothing_when_the_members_are_identical(name):
    probabilities, y = members(1)
    same = np.repeat(probabilities, 3, axis=0)
    np.testing.assert_allclose(combine(same, fusers.get(name)(same, y)), probabilities[0], atol=1e-12)


@pytest.mark.parametrize("name", fusers.names())
def test_every_fuser_permutes_its_weights_with_the_members(name):
    probabilities, y = members(4)
    turned = [2, 0, 3, 1]
    weights, permuted = fusers.get(name)(probabilities, y), fusers.get(name)(probabilities[turned], y)
    np.testing.assert_allclose(permuted, weights[turned], atol=1e-9)
    np.testing.assert_allclose(combine(probabilities[turned], permuted), combine(probabilities, weights), atol=1e-9)


@pytest.mark.parametrize("name", fusers.names())
def test_every_fuser_repeats_itself(name):
    np.testing.assert_array_equal(fusers.get(name)(*members()), fusers.get(name)(*members()))


@pytest.mark.parametrize("name", fusers.names())
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_every_fuser_names_the_member_that_diverged(name, value):
    probabilities, y = members(3)
    probabilities[1, 4, 2] = value
    with pytest.raises(ValueError, match=r"from member 1 \(counted from 0\) of 3"):
        fusers.get(name)(probabilities, y)


@pytest.mark.parametrize("name", fusers.names())
@pytest.mark.parametrize(
    ("shape", "y", "message"),
    [
        ((5, 3), np.zeros(5, np.int64), r"shape \[m, n, k\]"),
        ((0, 5, 3), np.zeros(5, np.int64), "m >= 1"),
        ((2, 5, 1), np.zeros(5, np.int64), "k >= 2"),
        ((2, 5, 3), np.zeros(4, np.int64), "Expected 5 class indices"),
        ((2, 0, 3), np.zeros(0, np.int64), "at least one"),
        ((2, 5, 3), np.full(5, 3), r"in \[0, 3\)"),
        ((2, 5, 3), np.zeros(5), "float64"),
    ],
)
def test_every_fuser_says_what_is_wrong_when_arguments_do_not_fit(name, shape, y, message):
    with pytest.raises(ValueError, match=message):
        fusers.get(name)(np.full(shape, 0.5), y)
