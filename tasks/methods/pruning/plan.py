"""What is pruned and how, and what everything that draws masks during training looks like."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tasks.methods.backend import keras
from tasks.methods.pruning.budgets import budgets
from tasks.methods.pruning.criteria import criteria
from tasks.methods.pruning.m_by_n import share
from tasks.methods.pruning.masks import kernels
from tasks.methods.pruning.schedules import schedules
from tasks.methods.pruning.targets import layer_targets
from tasks.methods.pruning.wrapped import Wrapped

RAMP = 0.6  # share of training over which sparsity rises; in the rest, what is left recovers


@dataclass(frozen=True)
class Plan:
    """What is pruned, and how; `gradual.prune` tells of each field."""

    sparsity: float | Mapping[str, float]
    criterion: str
    budget: str
    schedule: str
    m_by_n: tuple[int, int] | None

    def check(self, model: keras.Model) -> None:
        """Refuses what cannot be done to `model`.

        Raises:
            ValueError: An unknown name, a layer that `model` does not have, a sparsity that is no fraction, or settings that
                contradict each other.
        """
        criteria.get(self.criterion)
        budgets.get(self.budget)
        schedules.get(self.schedule)
        layer_targets(self.sparsity, kernels(model))
        if self.budget != "per_layer" and isinstance(self.sparsity, Mapping):
            raise ValueError(
                "Invalid `budget`. Expected 'per_layer' where `sparsity` names layers, since it is shared out already. "
                f"Received: budget={self.budget!r}."
            )
        if self.m_by_n and (self.budget != "per_layer" or self.sparsity != share(*self.m_by_n)):
            m, n = self.m_by_n
            raise ValueError(
                f"Invalid `sparsity` or `budget`. Expected {share(m, n):g} and 'per_layer', which is what {m} zeros in every "
                f"{n} weights make. Received: sparsity={self.sparsity}, budget={self.budget!r}."
            )


class Drawing(Protocol):
    """Draws the masks of a network in training.

    Attributes:
        wrapped: The network.
        full_from: The first epoch, from 1, that ends at full sparsity.
    """

    wrapped: Wrapped
    full_from: int

    def before(self, epoch: int) -> None:
        """Called before each epoch with its number, from 1."""
