"""The search for ways to compress: several aims at once, so that it fills a front rather than find one point.

NSGA-II (Deb et al., 2002) by Optuna, after a first generation that every user would try by hand. Two of three tries after
that train longer what stands on the front: short trainings show what is worth a long one (as in successive halving,
Jamieson & Talwalkar, 2016). Zeros and clusters make a packed file smaller, and neither the flatbuffer nor its latency: they
are tried where the packed file counts, and nowhere else.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

import optuna

from tasks.methods.planning.candidate import CHANNELS, CLUSTERS, ORDERS, SPARSITIES, Candidate
from tasks.methods.planning.front import Point, front

FIRST = {
    False: (
        Candidate(),
        Candidate(channels=0.5),
        Candidate(channels=0.8),
        Candidate(channels=0.65, distil=True),
        Candidate(channels=0.9),
    ),
    True: (
        Candidate(),
        Candidate(sparsity=0.7, clusters=16),
        Candidate(channels=0.5, clusters=16),
        Candidate(channels=0.5, sparsity=0.5, clusters=16),
        Candidate(sparsity=0.9, clusters=16),
        Candidate(channels=0.8, distil=True, clusters=32),
    ),
}
"""What is tried first, by whether the packed file counts."""

_POPULATION = 12
_AIMS: list[Literal["maximize", "minimize"]] = ["maximize", "minimize", "minimize"]  # accuracy, bytes, milliseconds
_SERVED: dict[str, optuna.distributions.BaseDistribution] = {
    "channels": optuna.distributions.CategoricalDistribution(CHANNELS),
    "distil": optuna.distributions.CategoricalDistribution((False, True)),
}
_PACKED = _SERVED | {
    "sparsity": optuna.distributions.CategoricalDistribution(SPARSITIES),
    "clusters": optuna.distributions.CategoricalDistribution(CLUSTERS),
    "order": optuna.distributions.CategoricalDistribution(ORDERS),
}


class Search:
    """Proposes candidates and learns from what they gave.

    Args:
        seed: Equal seeds, and equal answers, give equal proposals.
        done: What an earlier search that was cut off has tried already, with its points.
        packed: Whether the transport form is what is to be small.
    """

    def __init__(self, seed: int, done: Sequence[tuple[Candidate, Sequence[Point]]] = (), *, packed: bool = False) -> None:
        self._packed, self._space = packed, _PACKED if packed else _SERVED
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # categorical choices of plain numbers are meant as such
            sampler = optuna.samplers.NSGAIISampler(population_size=_POPULATION, seed=seed + len(done))
        self._study = optuna.create_study(directions=_AIMS, sampler=sampler)
        self._tried: dict[Candidate, Sequence[Point]] = {}
        for candidate, points in done:
            self.learn(candidate, points)

    def proposals(self, most: int) -> Iterator[Candidate]:
        """Up to `most` candidates, counting those done, none twice; answer each by `learn` before the next is asked for."""
        for candidate in FIRST[self._packed]:
            if len(self._tried) >= most:
                return
            if candidate not in self._tried:
                yield candidate
        misses = 0
        while len(self._tried) < most and misses < 50:  # the space is small: in the end nothing new is left
            worth = self._worth_longer() if len(self._tried) % 3 else None
            if worth is not None:
                yield worth
                continue
            asked = self._study.ask(self._space)
            self._study.tell(asked, state=optuna.trial.TrialState.FAIL)  # told again below, with what it gave
            candidate = Candidate(**asked.params).normal()
            if candidate in self._tried:
                misses += 1
                continue
            yield candidate

    def learn(self, candidate: Candidate, points: Sequence[Point]) -> None:
        """Tells what a candidate gave; its most accurate point speaks for it, of equals the smallest."""
        self._tried[candidate] = points
        if not points or candidate.longer:  # the study compares what equal trainings give
            return
        best = min(points, key=lambda point: (-point.accuracy, self._size(point)))
        values = [best.accuracy, float(self._size(best)), best.latency_ms]
        params: dict[str, Any] = {name: value for name, value in candidate.as_json().items() if name in self._space}
        self._study.add_trial(optuna.trial.create_trial(params=params, distributions=self._space, values=values))

    def _size(self, point: Point) -> int:
        return point.packed_bytes if self._packed else point.size_bytes

    def _worth_longer(self) -> Candidate | None:
        """The candidate with the smallest file on the front that was trained briefly alone; None where there is none."""
        made_by = {id(point): candidate for candidate, points in self._tried.items() for point in points}
        for point in front([point for points in self._tried.values() for point in points], packed=self._packed):
            longer = replace(made_by[id(point)], longer=True).normal()
            if longer.longer and longer not in self._tried:
                return longer
        return None
