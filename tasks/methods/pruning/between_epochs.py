"""Masks drawn between epochs, by any criterion, budget, schedule and pattern."""

from collections.abc import Callable, Mapping

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.pruning.budgets import budgets
from tasks.methods.pruning.m_by_n import m_by_n_mask
from tasks.methods.pruning.masks import output_axes
from tasks.methods.pruning.masks import sparsity as sparsity_of
from tasks.methods.pruning.plan import RAMP, Plan
from tasks.methods.pruning.prune_mask import prune_mask
from tasks.methods.pruning.schedules import schedules
from tasks.methods.pruning.targets import layer_targets
from tasks.methods.pruning.wrapped import Wrapped

Score = Callable[[], dict[str, np.ndarray]]


class BetweenEpochs:
    """Draws before each epoch of the ramp; a weight that is zero stays zero.

    Each draw shares the final sparsity out anew, and goes as far on the way there as the schedule says.

    Args:
        model: A flat functional model; its layers are taken over.
        plan: How.
        epochs: Passes over the rows.
        score: Gives the scores of the kernels as the epoch before left them (see `layer_scores`).
    """

    def __init__(self, model: keras.Model, plan: Plan, epochs: int, score: Score) -> None:
        self._plan, self._score, self._start = plan, score, sparsity_of(model)
        self._axes = output_axes(model)
        self._schedule = schedules.get(plan.schedule)
        self._last = max(1, min(round(RAMP * epochs), epochs - 1))
        ramp = range(1, self._last + 1)
        self.full_from = next(epoch for epoch in ramp if self._schedule(epoch / self._last, 0.0, 1.0) >= 1)
        self.wrapped = Wrapped(model, dict.fromkeys(self._start))

    def before(self, epoch: int) -> None:
        """Draws the masks of this epoch from the weights that the one before it left."""
        if epoch > self.full_from:
            return
        scores = self._score()
        if self._plan.m_by_n:
            scores = _patterned(scores, *self._plan.m_by_n, self._axes)
        keep = {}
        for name, end in self._ends(scores).items():
            start = self._start[name]
            sparsity = self._schedule(epoch / self._last, start, max(start, end))
            keep[name] = prune_mask(scores[name], sparsity) & (scores[name] > -np.inf)
        self.wrapped.set_masks(keep)

    def _ends(self, scores: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Layer name -> the sparsity to reach, by these scores."""
        if self._plan.m_by_n:
            return {name: float((values < np.inf).mean()) for name, values in scores.items()}
        if isinstance(self._plan.sparsity, Mapping):
            return layer_targets(self._plan.sparsity, scores)
        return budgets.get(self._plan.budget)(scores, self._plan.sparsity)


def _patterned(scores: Mapping[str, np.ndarray], m: int, n: int, axes: Mapping[str, int]) -> dict[str, np.ndarray]:
    """The scores, but infinite for weights that the pattern keeps, so that the lowest of the others go first."""
    return {
        name: np.where(m_by_n_mask(values, m, n, axes[name]) & (values > -np.inf), np.inf, values)
        for name, values in scores.items()
    }
