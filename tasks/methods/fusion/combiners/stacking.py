"""Stacking: a logistic regression learns on validation rows how to read the members."""

from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from tasks.methods.folds import stratified
from tasks.methods.fusion.combiners.base import Combiner, checked, combiners
from tasks.methods.fusion.combiners.log_pool import FLOOR, pool_of
from tasks.methods.fusion.combiners.logarithmic_pool import LogPool, logs
from tasks.methods.fusion.combiners.logistic import logistic
from tasks.methods.fusion.combiners.stack import SLOPE, Stack
from tasks.methods.metrics.log_loss import row_losses

STRENGTHS = tuple(10.0 ** np.arange(3.5, -1.1, -0.5))  # of the penalty, strongest first; before them, no correction at all
_PATIENCE = 2  # strengths in a row that lose, before weaker ones are not tried any more


@combiners.register(
    "stacking", reference="Wolpert, 1992, doi:10.1016/S0893-6080(05)80023-1; Ting & Witten, 1999, arXiv:1105.5466"
)
def stacking(probabilities: np.ndarray, y: np.ndarray, seed: int = 0) -> Combiner:
    """A multinomial logistic regression on log-probabilities and probabilities, shrunk towards the log pool; see `Fit`.

    Its scores are those of `log_pool` plus a linear correction, under a ridge penalty on the correction: where rows are few
    the pool stays what it is. The penalty's strength is chosen by log loss on rows left out, pool and correction fitted
    without them; of those within one standard error of the best the strongest (Breiman et al., 1984), which may be the pool
    alone. On six scikit-learn models of four data sets with 50 to 600 rows, log-probabilities served better where members
    were right to be sure (digits), probabilities where labels were noisy; with both, and this shrinkage, the log loss on
    unseen rows was 0.87 of that of scikit-learn's LogisticRegression on probabilities, and 0.67 of that on log-probabilities.
    What it learns holds for rows like the ones it learned from: on digits by other writers it did worse than `log_pool`.

    Args:
        probabilities: See `Fit`.
        y: See `Fit`.
        seed: Draws the folds.
    """
    members, y = checked(probabilities, y)
    if len(y) < 2:
        return pool_of(members, y)
    strength = _chosen(members, y, seed)
    pool = pool_of(members, y)
    return pool if strength is None else _stack(pool, _correction(pool, members, y, strength), members.shape[2])


def columns(members: np.ndarray) -> np.ndarray:
    """What the correction reads: each member's log-probabilities less their mean, then its probabilities less 1/k.

    Args:
        members: float64 [m, n, k].

    Returns:
        float64 [n, 2 m k + 1]; the last column is 1.
    """
    n, k = members.shape[1:]
    opinions = logs(members, FLOOR)
    parts = [*(opinions - opinions.mean(axis=2, keepdims=True)), *(SLOPE * (members - 1 / k)), np.ones((n, 1))]
    return np.concatenate(parts, axis=1)


def _correction(pool: LogPool, members: np.ndarray, y: np.ndarray, strength: float) -> np.ndarray:
    return logistic(_scores(pool, members), columns(members), y, strength)


def _scores(pool: LogPool, members: np.ndarray) -> np.ndarray:
    return np.tensordot(pool.weights, logs(members, FLOOR), axes=1)


@dataclass
class _Fold:
    """One fold's rows: to learn from, and to judge by."""

    offset: np.ndarray
    x: np.ndarray
    y: np.ndarray
    judged_offset: np.ndarray
    judged_x: np.ndarray
    judge: np.ndarray
    coefficients: np.ndarray | None = None


def _chosen(members: np.ndarray, y: np.ndarray, seed: int) -> float | None:
    """The strength of the penalty; None where the pool alone does as well."""
    x, parts = columns(members), []
    for learn, judge in stratified(y, seed):
        pool = pool_of(members[:, learn], y[learn])
        scores = _scores(pool, members)
        parts.append(_Fold(scores[learn], x[learn], y[learn], scores[judge], x[judge], judge))
    tried: list[float | None] = [None]
    losses = [_left_out(parts, y, None)]
    for strength in STRENGTHS:  # each starts from the one before: a path is cheaper than its points
        tried.append(strength)
        losses.append(_left_out(parts, y, strength))
        if len(losses) - 1 - _lowest(losses) >= _PATIENCE:
            break
    differences = [each - losses[_lowest(losses)] for each in losses]
    within = [each.mean() <= each.std() / np.sqrt(len(y)) for each in differences]
    return tried[within.index(True)]


def _lowest(losses: list[np.ndarray]) -> int:
    return int(np.argmin([each.mean() for each in losses]))


def _left_out(parts: list[_Fold], y: np.ndarray, strength: float | None) -> np.ndarray:
    """Each row's loss by the fold that did not learn from it, float64 [n]."""
    found = np.empty(len(y))
    for part in parts:
        scores = part.judged_offset
        if strength is not None:
            part.coefficients = logistic(part.offset, part.x, part.y, strength, part.coefficients)
            scores = scores + part.judged_x @ part.coefficients
        found[part.judge] = row_losses(softmax(scores, axis=1), y[part.judge])
    return found


def _stack(pool: LogPool, coefficients: np.ndarray, classes: int) -> Stack:
    """The pool and its correction as one linear model of what the members say."""
    m, k = len(pool.weights), classes
    of_logs = coefficients[: m * k].reshape(m, k, k)
    of_probabilities = SLOPE * coefficients[m * k : 2 * m * k].reshape(m, k, k)
    bias = coefficients[-1] - of_probabilities.sum(axis=(0, 1)) / k
    centred = of_logs - of_logs.mean(axis=1, keepdims=True)
    return Stack(centred + pool.weights[:, np.newaxis, np.newaxis] * np.eye(k), of_probabilities, bias, FLOOR)
