"""Greedy ensemble selection: whichever member helps most is added, again and again."""

import numpy as np

from tasks.methods.fusion.combiners.base import checked, combiners
from tasks.methods.fusion.combiners.linear_pool import LinearPool
from tasks.methods.metrics.log_loss import SMALLEST

ROUNDS = 100


@combiners.register("greedy_selection", reference="Caruana et al., 2004, doi:10.1145/1015330.1015432")
def greedy_selection(
    probabilities: np.ndarray, y: np.ndarray, seed: int = 0, *, rounds: int = ROUNDS, bags: int = 0, bag_share: float = 0.5
) -> LinearPool:
    """Adds members one by one, with replacement, to a bag whose average has the lowest log loss; see `Fit`.

    It starts from the best members together, as many as give the lowest loss ("sorted initialisation"), and of all the bags
    on the way the best is taken. A member's weight is how often it is in there.

    Args:
        probabilities: See `Fit`.
        y: See `Fit`.
        seed: Draws the bags of members.
        rounds: Members added after the first ones.
        bags: 0: one selection from all members. Else so many, each from a random part of them, averaged: steadier where
            there are dozens of members and few rows.
        bag_share: Share of the members in each of `bags`, (0, 1].

    Raises:
        ValueError: Numbers that are out of range; else as for `Fit`.
    """
    if rounds < 0 or bags < 0 or not 0 < bag_share <= 1:
        raise ValueError(
            "Invalid `rounds`, `bags` or `bag_share`. Expected rounds >= 0, bags >= 0 and a share in (0, 1]. "
            f"Received: rounds={rounds}, bags={bags}, bag_share={bag_share}."
        )
    members, y = checked(probabilities, y)
    of_truth = members[:, np.arange(len(y)), y]
    if bags == 0:
        return LinearPool(_selected(of_truth, rounds))
    rng = np.random.default_rng(seed)
    size = max(1, round(bag_share * len(members)))
    total = np.zeros(len(members))
    for _ in range(bags):
        drawn = np.sort(rng.choice(len(members), size, replace=False))
        counts = _selected(of_truth[drawn], rounds)
        total[drawn] += counts / counts.sum()
    return LinearPool(total)


def _selected(of_truth: np.ndarray, rounds: int) -> np.ndarray:
    """How often each member is in the best bag, float64 [m]; `of_truth` is its probability of the true class, [m, n]."""
    order = np.argsort(_losses(of_truth), kind="stable")
    prefixes = np.cumsum(of_truth[order], axis=0)
    sizes = np.arange(1, len(order) + 1)
    start = int(np.argmin(_losses(prefixes / sizes[:, np.newaxis]))) + 1
    counts = np.zeros(len(order))
    counts[order[:start]] = 1.0
    total = prefixes[start - 1]
    best, best_loss = counts.copy(), float(_losses(total / start))
    for size in range(start + 1, start + rounds + 1):
        losses = _losses((total + of_truth) / size)
        chosen = int(np.argmin(losses))
        counts[chosen] += 1
        total = total + of_truth[chosen]
        if losses[chosen] < best_loss:
            best, best_loss = counts.copy(), float(losses[chosen])
    return best


def _losses(of_truth: np.ndarray) -> np.ndarray:
    return np.asarray(-np.log(np.clip(of_truth, SMALLEST, 1.0)).mean(axis=-1))
