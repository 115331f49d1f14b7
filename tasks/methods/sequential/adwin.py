"""ADWIN: a window over the latest rows that grows while its two ends agree and is cut where they don't."""

import math
from collections import deque

import numpy as np

from tasks.methods.sequential.base import sequential

CLOCK = 32  # rows between two looks
LEAST_ROWS, LEAST_SIDE = 10, 5
_BUCKETS = 5  # of one size; the two oldest become one of the next size where there is one more


@sequential.register("adwin", reference="Bifet & Gavaldà, 2007, doi:10.1137/1.9781611972771.42 (ADWIN2)")
def adwin(wrong: np.ndarray, alpha: float) -> list[int]:
    """Cuts the window where the means of its older and newer part differ by more than epsilon.

    epsilon = sqrt(2 / m * v * ln(2 ln(n) / delta)) + 2 / (3 m) * ln(2 ln(n) / delta), with v the window's variance and m
    the harmonic mean of the parts' rows. The window is an exponential histogram, so that a look costs log(n). Delta is
    alpha: the bound is loose enough to keep the chance of any alarm on streams of 10,000 rows far below that.

    Args:
        wrong: Mistakes in the order of time, float64 [n].
        alpha: The delta, in (0, 1).

    Returns:
        Positions at which the window was cut and its newer part had more mistakes.
    """
    window = _Window(alpha)
    return [row for row, value in enumerate(wrong.tolist()) if window.add(value) > 0]


class _Window:
    """The exponential histogram: for each power of two, sum and spread of buckets of as many rows, newest first."""

    def __init__(self, delta: float) -> None:
        self._delta, self._seen = delta, 0
        self._rows, self._sum, self._spread = 0, 0.0, 0.0
        self._sizes: list[deque[tuple[float, float]]] = [deque()]

    def add(self, value: float) -> float:
        """Takes one value in; returns by how much the mean rose where the window was cut, 0 where it was not."""
        self._seen += 1
        if self._rows:
            self._spread += self._rows * (value - self._sum / self._rows) ** 2 / (self._rows + 1)
        self._rows, self._sum = self._rows + 1, self._sum + value
        self._sizes[0].appendleft((value, 0.0))
        self._merge()
        if self._seen % CLOCK or self._rows <= LEAST_ROWS:
            return 0.0
        return self._cut()

    def _merge(self) -> None:
        power = 0
        while len(self._sizes[power]) > _BUCKETS:
            if power + 1 == len(self._sizes):
                self._sizes.append(deque())
            (first, spread), (second, other) = self._sizes[power].pop(), self._sizes[power].pop()
            rows = 2**power
            between = (first / rows - second / rows) ** 2 * rows / 2
            self._sizes[power + 1].appendleft((first + second, spread + other + between))
            power += 1

    def _cut(self) -> float:
        """Drops the oldest buckets as long as some cut shows a difference."""
        rise = 0.0
        while (found := self._difference()) != 0:
            rise = rise or found
            self._drop()
        return rise

    def _difference(self) -> float:
        """Mean of the newer part less that of the older, at the first cut where it exceeds chance; else 0."""
        old_rows, old_sum = 0, 0.0
        for power in reversed(range(len(self._sizes))):
            for total, _ in reversed(self._sizes[power]):
                old_rows, old_sum = old_rows + 2**power, old_sum + total
                new_rows = self._rows - old_rows
                if new_rows < LEAST_SIDE:
                    return 0.0
                if old_rows < LEAST_SIDE:
                    continue
                difference = float((self._sum - old_sum) / new_rows - old_sum / old_rows)
                if abs(difference) > self._epsilon(old_rows, new_rows):
                    return difference
        return 0.0

    def _epsilon(self, old_rows: int, new_rows: int) -> float:
        # As in the authors' own code (MOA): each part counts as LEAST_SIDE - 1 rows shorter, which asks for more evidence.
        shorter = LEAST_SIDE - 1
        m = 1 / (old_rows - shorter) + 1 / (new_rows - shorter)
        log = math.log(2 * math.log(self._rows) / self._delta)
        return math.sqrt(2 * m * self._spread / self._rows * log) + 2 / 3 * log * m

    def _drop(self) -> None:
        """Takes the oldest bucket out."""
        rows = 2 ** (len(self._sizes) - 1)
        total, spread = self._sizes[-1].pop()
        self._rows, self._sum = self._rows - rows, self._sum - total
        apart = (total / rows - self._sum / self._rows) ** 2 * rows * self._rows / (rows + self._rows)
        self._spread = max(0.0, self._spread - spread - apart)
        while len(self._sizes) > 1 and not self._sizes[-1]:
            self._sizes.pop()
