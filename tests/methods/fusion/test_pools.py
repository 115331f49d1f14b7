"""Linear and logarithmic pools, greedy selection: hand-worked, and against other ways to the same optimum."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import softmax

from tasks.methods.fusion.combiners import LinearPool, combine, combiners
from tasks.methods.fusion.combiners.greedy_selection import greedy_selection
from tasks.methods.fusion.combiners.log_pool import fitted_weights
from tasks.methods.fusion.combiners.logarithmic_pool import LogPool, logs
from tasks.methods.metrics.log_loss import row_losses


def loss(probabilities: np.ndarray, y: np.ndarray) -> float:
    return float(row_losses(probabilities, y).mean())


def test_weighted_average_matches_the_closed_form_of_two_specialists():
    # Each member is sure on its own rows and says 0.2 on the other's: 3 rows for the first, 1 for the second.
    # d/dw [3 ln(0.2 + 0.8 w) + ln(1 - 0.8 w)] = 0 where 3 (1 - 0.8 w) = 0.2 + 0.8 w, so w = 2.8 / 3.2.
    truth = np.array([[1.0, 1.0, 1.0, 0.2], [0.2, 0.2, 0.2, 1.0]])
    probabilities = np.stack([truth, 1 - truth], axis=2)
    shares = combiners.get("weighted_average")(probabilities, np.zeros(4, np.int64)).shares
    np.testing.assert_allclose(shares, [0.875, 0.125], atol=1e-3)


def test_weighted_average_gives_a_useless_member_nothing():
    good = np.tile([0.9, 0.1], (20, 1))
    bad = np.tile([0.3, 0.7], (20, 1))
    found = combiners.get("weighted_average")(np.stack([bad, good]), np.zeros(20, np.int64))
    np.testing.assert_array_equal(found.shares, [0, 1])


@pytest.mark.parametrize("seed", range(5))
def test_weighted_average_finds_the_optimum_that_a_general_solver_finds(drawn, seed):
    probabilities, y = drawn(4, 80, 3, seed)
    found = loss(combiners.get("weighted_average")(probabilities, y)(probabilities), y)
    solved = minimize(
        lambda w: loss(combine(probabilities, w), y),
        np.full(4, 0.25),
        bounds=[(0, 1)] * 4,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        method="SLSQP",
    )
    assert found <= solved.fun + 1e-5


@pytest.mark.parametrize("seed", range(10))
def test_weighted_average_is_never_worse_than_the_mean_or_the_best(drawn, seed):
    probabilities, y = drawn(3, 25, 3, seed)
    found = loss(combiners.get("weighted_average")(probabilities, y)(probabilities), y)
    for other in ("mean", "best", "greedy_selection"):
        assert found <= loss(combiners.get(other)(probabilities, y)(probabilities), y) + 1e-5
    assert found <= loss(probabilities.mean(axis=0), y) + 1e-12


def test_weighted_average_is_finite_when_every_member_is_surely_wrong():
    probabilities = np.tile([0.0, 1.0], (2, 5, 1))
    found = combiners.get("weighted_average")(probabilities, np.zeros(5, np.int64))
    np.testing.assert_allclose(found.shares, [0.5, 0.5])


def test_best_takes_the_member_with_the_lowest_log_loss(drawn):
    probabilities, y = drawn(3)
    losses = [loss(member, y) for member in probabilities]
    np.testing.assert_array_equal(combiners.get("best")(probabilities, y).shares, np.eye(3)[int(np.argmin(losses))])


def test_mean_weighs_all_the_same(drawn):
    np.testing.assert_allclose(combiners.get("mean")(*drawn(4)).shares, [0.25] * 4)


def test_linear_pool_matches_the_hand_worked_average_and_keeps_the_dtype():
    probabilities = np.array([[[1.0, 0.0]], [[0.5, 0.5]]], np.float32)
    combined = LinearPool([1, 3])(probabilities)
    np.testing.assert_allclose(combined, [[0.625, 0.375]])
    assert combined.dtype == np.float32


@pytest.mark.parametrize("shares", [[], [0, 0], [1, -1], [1, np.nan], [[1, 1]]])
def test_linear_pool_refuses_weights_that_are_none(shares):
    with pytest.raises(ValueError, match="numbers >= 0 with a sum > 0, one a member"):
        LinearPool(np.array(shares))


def test_combine_refuses_weights_that_do_not_fit(drawn):
    with pytest.raises(ValueError, match=r"Expected 3, one a member. Received: shape \(2,\)"):
        combine(drawn(3)[0], np.array([0.5, 0.5]))


def test_geometric_mean_matches_the_hand_worked_case():
    # sqrt(0.9 * 0.4) = 0.6 and sqrt(0.1 * 0.6) = 0.2449: 0.71010 and 0.28990 of their sum.
    probabilities = np.array([[[0.9, 0.1]], [[0.4, 0.6]]])
    found = combiners.get("geometric_mean")(probabilities, np.array([0]))(probabilities)
    np.testing.assert_allclose(found, [[0.71010, 0.28990]], atol=1e-5)


def test_geometric_mean_lets_no_member_rule_a_class_out_alone():
    probabilities = np.array([[[1.0, 0.0]], [[0.0001, 0.9999]], [[0.0001, 0.9999]]])
    found = combiners.get("geometric_mean")(probabilities, np.array([1]))(probabilities)
    # Floors of 0.001 / 2: (1 * 0.0005^2)^(1/3) against (0.0005 * 0.9999^2)^(1/3).
    np.testing.assert_allclose(found[0, 0] / found[0, 1], (0.0005 / 0.9999**2) ** (1 / 3), rtol=1e-12)


def test_log_pool_matches_the_hand_worked_case():
    # p1^2 p2: 0.81 * 0.4 = 0.324 against 0.01 * 0.6 = 0.006.
    probabilities = np.array([[[0.9, 0.1]], [[0.4, 0.6]]])
    np.testing.assert_allclose(LogPool(np.array([2.0, 1.0]), 1e-3)(probabilities), [[0.324 / 0.33, 0.006 / 0.33]])


@pytest.mark.parametrize("prior", [0.1, 10.0])
@pytest.mark.parametrize("seed", range(3))
def test_log_pool_finds_the_optimum_that_a_general_solver_finds(drawn, prior, seed):
    probabilities, y = drawn(4, 80, 3, seed)
    opinions, around = logs(probabilities, 1e-2), np.full(4, 0.25)

    def objective(weights):
        pooled = softmax(np.tensordot(weights, opinions, axes=1), axis=1)
        return loss(pooled, y) + prior / (2 * len(y)) * ((weights - around) ** 2).sum()

    found = fitted_weights(opinions, y, around, prior)
    solved = minimize(objective, around, bounds=[(0, None)] * 4, method="SLSQP", options={"ftol": 1e-12})
    np.testing.assert_allclose(found, solved.x, atol=1e-4)
    assert objective(found) <= solved.fun + 1e-10


def test_log_pool_tempers_a_member_that_is_too_sure():
    # Labels are drawn from p; the member says p^2, scaled: half of its logarithm is right.
    rng = np.random.default_rng(0)
    p = softmax(rng.normal(scale=0.7, size=(4000, 3)), axis=1)
    y = (rng.uniform(size=(4000, 1)) < p.cumsum(axis=1)).argmax(axis=1)
    sure = p**2 / (p**2).sum(axis=1, keepdims=True)
    found = combiners.get("log_pool")(sure[np.newaxis], y)
    assert found.weights[0] == pytest.approx(0.5, abs=0.05)
    np.testing.assert_allclose(found(sure[np.newaxis]), p, atol=0.05)


def test_log_pool_knows_nothing_when_every_member_says_the_opposite():
    wrong = np.tile([0.1, 0.9], (3, 200, 1))
    found = combiners.get("log_pool")(wrong, np.zeros(200, np.int64))
    np.testing.assert_allclose(found(wrong), 0.5, atol=1e-6)
    np.testing.assert_allclose(found.shares, [1 / 3] * 3)


@pytest.mark.parametrize(
    ("weights", "floor", "why"), [([1, -1], 0.1, "`weights`"), ([], 0.1, "`weights`"), ([1], 0.0, "`floor`")]
)
def test_log_pool_refuses_what_is_no_pool(weights, floor, why):
    with pytest.raises(ValueError, match=why):
        LogPool(np.array(weights), floor)


def test_greedy_selection_matches_the_hand_worked_case():
    # Probabilities of the true class on two rows. Alone: (0.9, 0.1) has -ln 0.09, (0.2, 0.6) -ln 0.12, (0.5, 0.2) -ln 0.10.
    # Best first: B alone 0.12, B + C (0.35, 0.4) 0.14, B + C + A (0.533, 0.3) 0.16: all three start.
    # Then + B (0.45, 0.375) 0.16875, + B (0.4, 0.42) 0.168, + A instead (0.54, 0.32) 0.1728, so A and B take turns.
    truth = np.array([[0.9, 0.1], [0.2, 0.6], [0.5, 0.2]])
    probabilities = np.stack([truth, 1 - truth], axis=2)
    y = np.zeros(2, np.int64)
    np.testing.assert_allclose(greedy_selection(probabilities, y, rounds=0).shares, [1 / 3, 1 / 3, 1 / 3])
    np.testing.assert_allclose(greedy_selection(probabilities, y, rounds=1).shares, [1 / 4, 1 / 2, 1 / 4])
    np.testing.assert_allclose(greedy_selection(probabilities, y, rounds=2).shares, [2 / 5, 2 / 5, 1 / 5])


@pytest.mark.parametrize("seed", range(5))
def test_greedy_selection_finds_what_trying_every_bag_step_by_step_finds(drawn, seed):
    probabilities, y = drawn(5, 40, 3, seed)
    order = sorted(range(5), key=lambda index: loss(probabilities[index], y))
    bag = min((order[:size] for size in range(1, 6)), key=lambda bag: loss(probabilities[bag].mean(axis=0), y))
    best, lowest = list(bag), loss(probabilities[bag].mean(axis=0), y)
    for _ in range(30):
        bag = min(([*bag, index] for index in range(5)), key=lambda bag: loss(probabilities[bag].mean(axis=0), y))
        if loss(probabilities[bag].mean(axis=0), y) < lowest:
            best, lowest = list(bag), loss(probabilities[bag].mean(axis=0), y)
    found = greedy_selection(probabilities, y, rounds=30)
    np.testing.assert_allclose(found.shares, np.bincount(best, minlength=5) / len(best))


def test_greedy_selection_in_bags_averages_them_and_draws_by_the_seed(drawn):
    probabilities, y = drawn(6, 40, 3)
    one, same, other = (greedy_selection(probabilities, y, seed, bags=4).shares for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    # Bags of one member each: how often each was drawn.
    rng = np.random.default_rng(3)
    drawn_members = [int(rng.choice(6, 1, replace=False)[0]) for _ in range(10)]
    found = greedy_selection(probabilities, y, 3, bags=10, bag_share=0.1).shares
    np.testing.assert_allclose(found, np.bincount(drawn_members, minlength=6) / 10)


@pytest.mark.parametrize("options", [{"rounds": -1}, {"bags": -1}, {"bag_share": 0.0}, {"bag_share": 1.5}])
def test_greedy_selection_refuses_numbers_out_of_range(drawn, options):
    with pytest.raises(ValueError, match="rounds >= 0, bags >= 0 and a share"):
        greedy_selection(*drawn(), **options)
