"""Hard voting: each member has one vote, however sure it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.methods.fusion.combiners.base import as_given, checked, checked_members, combiners
from tasks.methods.fusion.combiners.linear_pool import LinearPool
from tasks.methods.fusion.combiners.votes import vote_layers, votes


@dataclass(frozen=True, eq=False)
class Majority:
    """A class's share of the votes; see `votes` for ties.

    Args:
        members: How many there are.
    """

    members: int

    @property
    def shares(self) -> np.ndarray:
        """1/m each."""
        return np.full(self.members, 1 / self.members)

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """See `Combiner`."""
        return as_given(votes(checked_members(probabilities, self.members)).mean(axis=0), probabilities)

    def graph(self, outputs: Sequence[Any]) -> Any:
        """Rescaling, Softmax and Add; see `Combiner`."""
        return LinearPool(self.shares).graph([vote_layers(output, index) for index, output in enumerate(outputs)])


@combiners.register("majority", reference="Lam & Suen, 1997, doi:10.1109/3468.618255")
def majority(probabilities: np.ndarray, y: np.ndarray, seed: int = 0) -> Majority:
    """Counts votes; nothing is fitted. See `Fit`.

    What it gives are shares of votes, not calibrated probabilities: a class nobody votes for has 0, and a row where it is
    the true one costs all that log loss allows.
    """
    members, _ = checked(probabilities, y)
    return Majority(len(members))
