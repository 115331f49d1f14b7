"""A logical rule on the members' decisions: a class is the verdict where enough of them decide on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.methods.fusion.combiners.base import as_given, checked_members
from tasks.methods.fusion.combiners.votes import vote_layers, votes

LEAST = 0.51  # said of a verdict, so that it stays the most probable class


@dataclass(frozen=True, eq=False)
class Rule:
    """A class that gets the votes it needs is the verdict.

    The verdict's class gets the probability `sure` of it, the others share the rest. Where no class is the verdict, the row
    gets the members' mean. Half a vote (see `votes`) counts as half a verdict.

    Args:
        members: How many there are.
        needed: Votes that a class needs, float [k]. No two classes can have them on the same row.
        sure: What is said of a verdict, float [k], in (1/k, 1].
    """

    members: int
    needed: np.ndarray
    sure: np.ndarray

    @property
    def shares(self) -> np.ndarray:
        """1/m each."""
        return np.full(self.members, 1 / self.members)

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """See `Combiner`."""
        members = checked_members(probabilities, self.members)
        found, rest = verdicts(members, self.needed), self._rest()
        undecided = 1 - found.sum(axis=1, keepdims=True)
        said = found * (self.sure - rest) + (found @ rest)[:, np.newaxis] + undecided * members.mean(axis=0)
        return as_given(said, probabilities)

    def graph(self, outputs: Sequence[Any]) -> Any:
        """Votes, their sum cut off at 0 and 1 by a ReLU, and what is said of a verdict; see `Combiner`."""
        from tasks.methods.backend import keras

        layers, classes, rest = keras.layers, len(self.needed), self._rest()
        counted = _sum([vote_layers(output, index) for index, output in enumerate(outputs)], "votes")
        over = layers.Rescaling(1.0, (1 - self.needed).tolist(), name="over")(counted)
        found = layers.ReLU(max_value=1.0, name="verdict")(over)

        def total(tensor: Any, name: str) -> Any:  # over classes, [batch, 1]; without weights, which pruning would thin out
            column = layers.Reshape((classes, 1), name=f"{name}_column")(tensor)
            return layers.GlobalAveragePooling1D(name=name)(column)

        said = layers.Rescaling((self.sure - rest).tolist(), 0.0, name="said")(found)
        others = layers.Rescaling((rest * classes).tolist(), 0.0, name="said_of_others")(found)
        parts = [said, total(others, "others")]
        if classes > 2:  # of two classes, one always is the verdict
            undecided = layers.Rescaling(-float(classes), 1.0, name="undecided")(total(found, "decided"))
            mean = layers.Rescaling(1 / self.members, name="mean")(_sum(list(outputs), "sum"))
            parts.append(layers.Multiply(name="mean_where_undecided")([mean, undecided]))
        return layers.Add(name="fused")(parts)

    def _rest(self) -> np.ndarray:
        """What each other class gets where a class is the verdict, [k]."""
        return np.asarray((1 - self.sure) / (len(self.sure) - 1))


def rule(members: np.ndarray, y: np.ndarray, votes_needed: int) -> Rule:
    """The rule "at least so many of them", with what validation says of its verdicts.

    Two classes: class 1 is the verdict where at least `votes_needed` members decide on it, else class 0 is. More classes:
    whichever class so many members decide on is the verdict.

    Args:
        members: As `checked` gives them, float64 [m, n, k].
        y: Class indices, int64 [n].
        votes_needed: From 1 to m; with more than two classes more than half of m, or two classes could have them.

    Returns:
        The rule; `sure` of a class is (right + 1) / (verdicts + k), at least 0.51.
    """
    m, _, k = members.shape
    needed = np.array([m - votes_needed + 1.0, votes_needed]) if k == 2 else np.full(k, float(votes_needed))
    found = verdicts(members, needed)
    right = np.bincount(y, weights=found[np.arange(len(y)), y], minlength=k)
    return Rule(m, needed, np.maximum((right + 1) / (found.sum(axis=0) + k), LEAST))


def verdicts(members: np.ndarray, needed: np.ndarray) -> np.ndarray:
    """1 for the class that is a row's verdict, else 0; in between where votes are shared. float64 [n, k]."""
    return np.asarray(np.clip(votes(members).sum(axis=0) - (needed - 1), 0.0, 1.0))


def _sum(tensors: list[Any], name: str) -> Any:
    from tasks.methods.backend import keras

    return tensors[0] if len(tensors) == 1 else keras.layers.Add(name=name)(tensors)
