"""Successive halving: short trainings side by side, the worse half of which ends early (Jamieson & Talwalkar, 2016)."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import ceil, inf, log2, sqrt

import numpy as np

CLEAR = 2.0  # standard errors that are more than chance

Train = Callable[[str, int], np.ndarray]
"""Trains a contestant for so many more epochs, and gives the validation loss of each row, float [v]; the same rows always.

For 0 epochs it gives the loss as it stands. A ValueError, or a loss that is not finite, says that the contestant can't be
trained on.
"""


@dataclass(frozen=True)
class Round:
    """One round of a race.

    Attributes:
        epochs: Epochs that each of its contestants has had by its end, but for those that rested.
        order: Its contestants, the lowest loss first.
        rows: Validation loss of each row by contestant, float64 [v]; those are missing that could not be trained.
        dropped: Who does not go on.
    """

    epochs: int
    order: list[str]
    rows: dict[str, np.ndarray]
    dropped: list[str]

    def loss(self, name: str) -> float:
        """A contestant's mean validation loss; infinite where it could not be trained."""
        return float(self.rows[name].mean()) if name in self.rows else inf


@dataclass(frozen=True)
class Race:
    """What a race came to.

    Attributes:
        rounds: In order, at least one.
        order: All contestants, best first: who went further stands before who dropped out earlier.
        cpu_s: Processor seconds that each has cost.
        trained: Epochs that each has had; fewer than in its last round where it rested.
    """

    rounds: list[Round]
    order: list[str]
    cpu_s: dict[str, float]
    trained: dict[str, int]

    def last(self, *names: str) -> Round:
        """The last round in which all of `names` took part."""
        return next(each for each in reversed(self.rounds) if set(names) <= set(each.order))

    def lead(self, first: str, second: str) -> tuple[float, float]:
        """By how much less `first` loses than `second`, on the same rows at the end of the last round of both.

        Returns:
            The mean of the rows' differences, infinite where one of the two could not be trained, and its standard error.
        """
        common = self.last(first, second)
        if not {first, second} <= set(common.rows):
            ahead, behind = common.loss(first), common.loss(second)
            return (0.0 if ahead == behind else behind - ahead), 0.0
        return _lead(common.rows[first], common.rows[second])

    def clearly_ahead(self, first: str, second: str) -> bool:
        """Whether `first` loses less than `second` by more than two standard errors of the rows' differences."""
        return _clear(*self.lead(first, second))


def race(contestants: Sequence[str], train: Train, *, epochs: int, kept: Collection[str] = ()) -> Race:
    """Trains contestants side by side; after each round the worse half drops out, and the rest is trained twice as long.

    Successive halving (arXiv:1502.07943, Alg. 1) with budgets that double: of n contestants there are ceil(log2 n) rounds,
    and whoever takes part in the last has had `epochs` in all.

    Whoever is clearly ahead of all that are kept, as they stand at the end of a round, rests in it: its loss could only get
    lower, and training is what a race costs.

    Args:
        contestants: Their names, at least one, each once.
        train: See `Train`.
        epochs: What the last round's contestants have had in all, at least 1.
        kept: Names that stay to the end, whatever they lose: what the others are measured against. They take the places of
            the worst of those who would go on, but never of the best.

    Returns:
        The table of rounds, the order and the costs.

    Raises:
        ValueError: No contestants, the same name twice, a kept one that does not take part, or no epochs.
    """
    _check(contestants, epochs, kept)
    count = max(1, ceil(log2(len(contestants))))
    alive, cpu_s, trained = list(contestants), dict.fromkeys(contestants, 0.0), dict.fromkeys(contestants, 0)
    rows: dict[str, np.ndarray] = {}
    rounds: list[Round] = []
    behind: list[str] = []

    def run(name: str, due: int) -> np.ndarray | None:
        started = time.process_time()
        losses = _trained(train, name, due - trained[name])
        cpu_s[name] += time.process_time() - started
        trained[name] = due
        return losses

    had = 0
    for number in range(count):
        due = max(1, ceil(epochs / 2 ** (count - 1 - number)))
        if due > had:
            before, rows = rows, {}
            for name in sorted(alive, key=lambda name: name not in kept):
                goals = [rows[each] for each in kept if each in rows and name not in kept]
                losses = (before[name] if name in before else run(name, 0)) if goals else None
                if losses is None or not all(_clear(*_lead(losses, goal)) for goal in goals):
                    losses = run(name, due)
                if losses is not None:
                    rows[name] = losses
        had = due
        found = Round(due, [], {name: rows[name] for name in alive if name in rows}, [])
        alive = sorted(alive, key=found.loss)
        going_on = alive if number == count - 1 else _going_on(alive, found.rows, kept)
        dropped = [name for name in alive if name not in going_on]
        rounds.append(Round(due, alive, found.rows, dropped))
        behind, alive = [*dropped, *behind], going_on
        if len(alive) < 2:
            break
    return Race(rounds, [*alive, *behind], cpu_s, trained)


def _lead(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """The mean of the differences of rows' losses, and its standard error."""
    apart = second - first
    return float(apart.mean()), float(apart.std(ddof=1) / sqrt(len(apart))) if len(apart) > 1 else inf


def _clear(mean: float, error: float) -> bool:
    return mean > CLEAR * error


def _check(contestants: Sequence[str], epochs: int, kept: Collection[str]) -> None:
    if not contestants or len(set(contestants)) < len(contestants):
        raise ValueError(f"Invalid `contestants`. Expected different names, at least one. Received: {list(contestants)}.")
    if epochs < 1:
        raise ValueError(f"Invalid `epochs`. Expected at least 1. Received: epochs={epochs}.")
    strangers = [name for name in kept if name not in contestants]
    if strangers:
        raise ValueError(f"Invalid `kept`. Expected names of contestants {list(contestants)}. Received: {strangers}.")


def _trained(train: Train, name: str, epochs: int) -> np.ndarray | None:
    try:
        losses = np.asarray(train(name, epochs), np.float64)
    except ValueError:
        return None
    return losses if losses.size and np.isfinite(losses).all() else None


def _going_on(ranked: list[str], rows: dict[str, np.ndarray], kept: Collection[str]) -> list[str]:
    """The better half, in order; of those that are not kept at least one, if it could be trained."""
    free = [name for name in ranked if name in rows and name not in kept]
    others = free[: max(1, ceil(len(ranked) / 2) - len(kept))]
    return [name for name in ranked if name in others or name in kept]
