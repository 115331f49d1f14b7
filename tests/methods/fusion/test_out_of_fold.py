"""Cross-fitting and leave-one-out contributions."""

import numpy as np
import pytest

from tasks.methods.folds import stratified
from tasks.methods.fusion.combiners import LinearPool, combiners
from tasks.methods.fusion.contributions import contributions
from tasks.methods.fusion.out_of_fold import out_of_fold
from tasks.methods.metrics.log_loss import row_losses


def test_stratified_folds_hold_each_row_once_and_classes_in_proportion():
    y = np.repeat([0, 1, 2], [50, 30, 20])
    folds = stratified(y, seed=0)
    assert len(folds) == 5
    np.testing.assert_array_equal(np.sort(np.concatenate([judge for _, judge in folds])), np.arange(100))
    for learn, judge in folds:
        np.testing.assert_array_equal(np.bincount(y[judge]), [10, 6, 4])
        assert not set(learn) & set(judge)
    assert not np.array_equal(folds[0][1], stratified(y, seed=1)[0][1])


@pytest.mark.parametrize(("y", "count"), [([0, 0, 0, 1], 3), ([0, 1, 2], 3), ([0, 1], 2)])
def test_stratified_folds_are_fewer_where_classes_are_small(y, count):
    folds = stratified(np.array(y), seed=0)
    assert len(folds) == count
    assert sorted(np.concatenate([judge for _, judge in folds]).tolist()) == list(range(len(y)))


@pytest.mark.parametrize(("y", "folds", "why"), [([0], 5, "at least 2 rows"), ([0, 1], 1, "`folds`")])
def test_stratified_says_what_it_cannot_split(y, folds, why):
    with pytest.raises(ValueError, match=why):
        stratified(np.array(y), 0, folds)


def test_out_of_fold_gives_each_row_what_a_fit_without_it_says(drawn):
    probabilities, y = drawn(2, 40, 3)

    def frequencies(members, labels, seed=0):  # says how often each class was among the rows it was fitted on
        seen = np.bincount(labels, minlength=3) / len(labels)
        return lambda asked: np.tile(seen, (asked.shape[1], 1))

    found = out_of_fold(frequencies, probabilities, y, seed=4)
    for _, judge in stratified(y, 4):
        without = np.delete(y, judge)
        np.testing.assert_allclose(found[judge], np.tile(np.bincount(without, minlength=3) / len(without), (len(judge), 1)))


@pytest.mark.parametrize("name", ["mean", "geometric_mean", "majority"])
def test_out_of_fold_changes_nothing_where_nothing_is_fitted(drawn, name):
    probabilities, y = drawn()
    fit = combiners.get(name)
    np.testing.assert_allclose(out_of_fold(fit, probabilities, y, seed=0), fit(probabilities, y)(probabilities), atol=1e-12)


def test_out_of_fold_sees_through_a_fit_that_remembers_its_rows(drawn):
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([1, 1], (40, 60))  # forty members that know nothing, sixty rows
    y = rng.integers(0, 2, 60)
    fit = combiners.get("weighted_average")
    assert row_losses(fit(probabilities, y)(probabilities), y).mean() < np.log(2) - 0.03
    assert row_losses(out_of_fold(fit, probabilities, y, seed=0), y).mean() > np.log(2) - 0.01


def test_out_of_fold_keeps_the_dtype_and_repeats_itself(drawn):
    probabilities, y = drawn()
    fit = combiners.get("stacking")
    one, same = (out_of_fold(fit, probabilities.astype(np.float32), y, seed=1) for _ in range(2))
    assert one.dtype == np.float32
    np.testing.assert_array_equal(one, same)


def test_contributions_match_the_hand_worked_case():
    # The true class has 0.8 and 0.4, the mean 0.6: without the first ln(0.6 / 0.4) is lost, without the other ln(0.6 / 0.8).
    probabilities = np.stack([np.tile([0.8, 0.2], (2, 1)), np.tile([0.4, 0.6], (2, 1))])
    found = contributions(combiners.get("mean"), probabilities, np.array([0, 0]), seed=0)
    np.testing.assert_allclose(found, [np.log(0.6 / 0.4), np.log(0.6 / 0.8)])


def test_contributions_of_one_member_are_what_it_gains_over_an_even_guess():
    probabilities = np.tile([0.8, 0.1, 0.1], (1, 4, 1))
    found = contributions(combiners.get("mean"), probabilities, np.zeros(4, np.int64), seed=0)
    np.testing.assert_allclose(found, [np.log(3) + np.log(0.8)])


@pytest.mark.parametrize("name", ["weighted_average", "log_pool", "best"])
def test_contributions_of_a_twin_are_nothing_and_of_the_only_expert_much(drawn, name):
    _, y = drawn(2, 100, 3)
    rng = np.random.default_rng(0)
    noise = rng.dirichlet([5, 5, 5], 100)
    expert = 0.9 * np.eye(3)[y] + 0.1 / 3
    found = contributions(combiners.get(name), np.stack([noise, noise, expert]), y, seed=0)
    np.testing.assert_allclose(found[:2], 0, atol=0.01)
    assert found[2] > 0.5


def test_contributions_ask_the_fit_for_every_subset_with_the_seed(drawn):
    asked = []

    def fit(members, labels, seed=0):
        asked.append((len(members), seed))
        return LinearPool(np.ones(len(members)))

    contributions(fit, *drawn(3, 40, 2), seed=7)
    assert asked == [(3, 7)] * 5 + [(2, 7)] * 15
