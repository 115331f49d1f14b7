"""Stacking: its regression against scikit-learn's, its shrinkage, and what it is worth on rows it never saw."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from tasks.methods.fusion.combiners import combiners
from tasks.methods.fusion.combiners.log_pool import FLOOR, log_pool
from tasks.methods.fusion.combiners.logarithmic_pool import LogPool, logs
from tasks.methods.fusion.combiners.logistic import logistic
from tasks.methods.fusion.combiners.stack import Stack
from tasks.methods.fusion.combiners.stacking import columns, stacking
from tasks.methods.metrics.log_loss import row_losses


@pytest.mark.parametrize("strength", [0.3, 3.0, 100.0])
def test_logistic_without_an_offset_is_that_of_scikit_learn(drawn, strength):
    probabilities, y = drawn(3, 80, 4)
    x = columns(probabilities)
    peer = LogisticRegression(C=1 / strength, fit_intercept=False, tol=1e-10, max_iter=10_000).fit(x, y)
    found = logistic(np.zeros((80, 4)), x, y, strength)
    np.testing.assert_allclose(found, peer.coef_.T, atol=1e-4)


def test_logistic_corrects_nothing_when_the_penalty_is_strong(drawn):
    probabilities, y = drawn(2, 50, 3)
    offset = logs(probabilities[0], FLOOR)
    assert np.abs(logistic(offset, columns(probabilities), y, 1e9)).max() < 1e-6


def confused(n, seed, classes=3):
    """Two members that take class 1 for 2 and 2 for 1, and a third that knows little: no pool can mend it."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    seen = np.array([0, 2, 1])[y]
    logits = rng.normal(size=(3, n, classes))
    logits[:2, np.arange(n), seen] += 2.5
    logits[2, np.arange(n), y] += 0.3
    return softmax(logits, axis=2), y


def test_stacking_reads_members_that_mix_classes_up():
    probabilities, y = confused(300, seed=0)
    unseen, truth = confused(2000, seed=1)
    found = stacking(probabilities, y)
    assert isinstance(found, Stack)
    assert (found(unseen).argmax(axis=1) == truth).mean() > 0.9
    assert (log_pool(probabilities, y)(unseen).argmax(axis=1) == truth).mean() < 0.5


def test_stacking_stays_the_log_pool_when_correction_gains_nothing():
    # Labels drawn from the members' geometric mean: there is nothing to learn but noise.
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 60, 3))
    probabilities = softmax(logits, axis=2)
    y = (rng.uniform(size=(60, 1)) < softmax(logits.mean(axis=0), axis=1).cumsum(axis=1)).argmax(axis=1)
    found = stacking(probabilities, y)
    assert isinstance(found, LogPool)
    np.testing.assert_array_equal(found.weights, log_pool(probabilities, y).weights)


def test_stack_adds_up_as_written():
    rng = np.random.default_rng(0)
    probabilities = softmax(rng.normal(size=(2, 5, 3)), axis=2)
    of_logs, of_probabilities, bias = rng.normal(size=(2, 3, 3)), rng.normal(size=(2, 3, 3)), rng.normal(size=3)
    scores = bias + sum(np.log(probabilities[i]) @ of_logs[i] + probabilities[i] @ of_probabilities[i] for i in range(2))
    np.testing.assert_allclose(Stack(of_logs, of_probabilities, bias, 1e-9)(probabilities), softmax(scores, axis=1))


@pytest.mark.parametrize("seed", range(3))
def test_stack_says_what_pool_and_correction_say(drawn, seed):
    probabilities, y = confused(150, seed)
    found = stacking(probabilities, y, seed)
    assert isinstance(found, Stack)
    # Some strength of the penalty gives it, by the regression on the columns as they stand.
    pool = log_pool(probabilities, y)
    offset = np.tensordot(pool.weights, logs(probabilities, FLOOR), axes=1)
    candidates = [
        softmax(offset + columns(probabilities) @ logistic(offset, columns(probabilities), y, strength), axis=1)
        for strength in 10.0 ** np.arange(3.5, -1.1, -0.5)
    ]
    assert min(np.abs(found(probabilities) - each).max() for each in candidates) < 1e-4


def mean_loss(probabilities, y):
    return row_losses(probabilities, y).mean()


@pytest.mark.parametrize("rows", [60, 400])
def test_stacking_is_no_worse_on_unseen_rows_than_scikit_learns_on_the_same_predictions(drawn, rows):
    ours, theirs = [], []
    for seed in range(3):
        probabilities, y = drawn(4, rows, 3, seed)
        unseen, truth = drawn(4, 2000, 3, seed + 100)
        beside = [np.concatenate(list(each), axis=1) for each in (probabilities, unseen)]
        peer = LogisticRegression(max_iter=1000).fit(beside[0], y)
        ours.append(mean_loss(combiners.get("stacking")(probabilities, y, seed)(unseen), truth))
        theirs.append(mean_loss(peer.predict_proba(beside[1]), truth))
    assert np.mean(ours) <= np.mean(theirs)


def test_stacking_draws_its_folds_by_the_seed_and_manages_classes_of_one_row():
    probabilities, y = confused(40, seed=3)
    y[:] = np.where(y == 2, 1, y)
    y[0] = 2
    one, same = (stacking(probabilities, y, seed=1)(probabilities) for _ in range(2))
    np.testing.assert_array_equal(one, same)
    assert np.isfinite(one).all()


def test_stacking_of_one_row_is_the_log_pool(drawn):
    probabilities, y = drawn(2, 1, 3)
    assert isinstance(stacking(probabilities, y), LogPool)
