"""What goes into a fusion and what comes out, whatever the way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.metrics.log_loss import row_losses
from tasks.methods.networks.fit import FitSettings
from tasks.methods.networks.loop import Augment
from tasks.methods.networks.rows import Rows


class NoFusion(ValueError):
    """A way has nothing to offer for these members; the message says why."""


@dataclass(frozen=True)
class Branch:
    """Members that started from one network under one head, by the same training rows.

    Attributes:
        name: What that network is called.
        members: Their positions.
        origin: It, as it was before it met the target.
    """

    name: str
    members: tuple[int, ...]
    origin: keras.Model


@dataclass(frozen=True)
class Members:
    """A family.

    Attributes:
        labels: What the members are called.
        models: Networks with one input of the same shape and a softmax over the same classes.
        probabilities: What they say of the validation rows, float [m, n, k], finite.
        branches: Every member stands in at most one.
    """

    labels: Sequence[str]
    models: Sequence[keras.Model]
    probabilities: np.ndarray
    branches: Sequence[Branch] = ()

    def losses(self, y: np.ndarray) -> np.ndarray:
        """Each member's log loss of each validation row, float64 [m, n], nats."""
        return np.stack([row_losses(each, y) for each in self.probabilities])

    def best(self, y: np.ndarray) -> int:
        """The member of the lowest mean log loss."""
        return int(self.losses(y).mean(axis=1).argmin())

    def branch_of(self, position: int) -> Branch | None:
        """The branch that a member stands in."""
        return next((branch for branch in self.branches if position in branch.members), None)

    def only(self, positions: Sequence[int]) -> "Members":
        """A part of the family, in the order of `positions`; its branches are left out."""
        return replace(
            self,
            labels=[self.labels[index] for index in positions],
            models=[self.models[index] for index in positions],
            probabilities=self.probabilities[list(positions)],
            branches=(),
        )


@dataclass(frozen=True)
class Lessons:
    """The target's rows, and how networks are trained on them where a way trains any.

    Attributes:
        train: x float32 [n, ...] and y, class indices [n].
        validation: Likewise.
        settings: Of every training.
        augment: Changes training rows anew in every epoch (see `fit`).
        tune: Whether joined networks are trained as a whole once their head is.
        count: Members to grow.
    """

    train: Rows
    validation: Rows
    settings: FitSettings
    augment: Augment | None = None
    tune: bool = False
    count: int = 3

    @property
    def y(self) -> np.ndarray:
        """Classes of the validation rows."""
        return np.asarray(self.validation[1])


@dataclass(frozen=True)
class Made:
    """One network made of the members.

    Attributes:
        name: Of the way, or what is told apart by it; unique within a family.
        model: It, flat.
        losses: Log loss of each validation row, float64 [n], by a fit that had no share in the row wherever the way fits
            validation rows by more than stopping a training on them, as the members' own trainings did.
        shares: How much of each member is in it, float64 [m], >= 0, summing to 1; all 0 where it was grown from an origin.
        what: What was done, in words.
        contributions: () -> what each member contributes, float64 [m]: the loss without it, less the loss with all, nats.
        grown_from: The branch whose origin it was grown from.
        student: Whether it is the best member, taught by the others.
    """

    name: str
    model: keras.Model
    losses: np.ndarray
    shares: np.ndarray
    what: str
    contributions: Callable[[], np.ndarray]
    grown_from: Branch | None = None
    student: bool = False


def leave_one_out(members: Members, losses: np.ndarray, y: np.ndarray, again: Callable[[Members], Made]) -> np.ndarray:
    """What each member contributes, by making the network anew without it.

    Args:
        members: The family, or the part of it that the network was made of.
        losses: Of the network, by row.
        y: Classes of the validation rows.
        again: Makes the network of fewer members; with a single one left, it stands for itself.

    Returns:
        float64 [m], nats.
    """
    found = np.empty(len(members.models))
    for position in range(len(found)):
        rest = members.only([index for index in range(len(found)) if index != position])
        alone = len(rest.models) == 1
        found[position] = (rest.losses(y)[0] if alone else again(rest).losses).mean() - losses.mean()
    return found
