"""The search for ways to compress: several aims at once, so that it fills a front rather than find one point.

NSGA-II (Deb et al., 2002) by Optuna, after a first generation that every user would try by hand: nothing, each step alone,
and all of them together.
"""

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import optuna

from tasks.methods.planning.candidate import CHANNELS, CLUSTERS, ORDERS, SPARSITIES, Candidate
from tasks.methods.planning.front import Point

FIRST = (
    Candidate(),
    Candidate(channels=0.5),
    Candidate(sparsity=0.7, clusters=16),
    Candidate(channels=0.5, distil=True),
    Candidate(channels=0.25, sparsity=0.5, clusters=32),
    Candidate(channels=0.75, distil=True),
)
_POPULATION = 12
_AIMS: list[Literal["maximize", "minimize"]] = [
    "maximize",
    "minimize",
    "minimize",
    "minimize",
]  # accuracy, bytes, packed bytes, milliseconds
_SPACE: dict[str, optuna.distributions.BaseDistribution] = {
    "channels": optuna.distributions.CategoricalDistribution(CHANNELS),
    "sparsity": optuna.distributions.CategoricalDistribution(SPARSITIES),
    "clusters": optuna.distributions.CategoricalDistribution(CLUSTERS),
    "distil": optuna.distributions.CategoricalDistribution((False, True)),
    "order": optuna.distributions.CategoricalDistribution(ORDERS),
}


class Search:
    """Proposes candidates and learns from what they gave.

    Args:
        seed: Equal seeds, and equal answers, give equal proposals.
        done: What an earlier search that was cut off has tried already, with its points.
    """

    def __init__(self, seed: int, done: Sequence[tuple[Candidate, Sequence[Point]]] = ()) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # categorical choices of plain numbers are meant as such
            sampler = optuna.samplers.NSGAIISampler(population_size=_POPULATION, seed=seed + len(done))
        self._study = optuna.create_study(directions=_AIMS, sampler=sampler)
        self._tried: set[Candidate] = set()
        for candidate, points in done:
            self.learn(candidate, points)

    def proposals(self, most: int) -> Iterator[Candidate]:
        """Up to `most` candidates, counting those done, none twice; answer each by `learn` before the next is asked for."""
        for candidate in FIRST:
            if len(self._tried) >= most:
                return
            if candidate not in self._tried:
                yield candidate
        misses = 0
        while len(self._tried) < most and misses < 50:  # the space is small: in the end nothing new is left
            asked = self._study.ask(_SPACE)
            self._study.tell(asked, state=optuna.trial.TrialState.FAIL)  # told again below, with what it gave
            candidate = Candidate(**asked.params).normal()
            if candidate in self._tried:
                misses += 1
                continue
            yield candidate

    def learn(self, candidate: Candidate, points: Sequence[Point]) -> None:
        """Tells what a candidate gave; its most accurate point speaks for it, of equals the smallest."""
        self._tried.add(candidate)
        if not points:
            return
        best = min(points, key=lambda point: (-point.accuracy, point.size_bytes))
        values = [best.accuracy, float(best.size_bytes), float(best.packed_bytes), best.latency_ms]
        params: dict[str, Any] = candidate.as_json()
        self._study.add_trial(optuna.trial.create_trial(params=params, distributions=_SPACE, values=values))
