"""What every merger looks like: the weights of a family of networks to one network's weights."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from tasks.methods.fusion.merging.units import Units, Weights
from tasks.methods.registry import Methods

Setting = TypeVar("Setting")


@dataclass(frozen=True)
class Family:
    """Networks of one architecture. Their arrays are in the order of `model.get_weights()`.

    Attributes:
        members: Weights of m >= 1 networks, all of the same shapes.
        origin: The network that all members started from, head included; None where there is none.
        trainable: For each array whether training moves it by gradients. The others, as BatchNormalization's statistics, are
            averaged as the members are, and never count as ways from the origin.
        loss: Validation log loss of a network with these weights, in nats; infinite where it gives NaN. Each call costs
            an inference.
        fisher: For each member the diagonal of its Fisher information, >= 0, of its arrays' shapes; None where not known.
        seed: Seed of everything random.
        units: Units that may change places; () where none may, None where not known.

    Raises:
        ValueError: The shapes do not fit, or a number is not finite; the message names the member.
    """

    members: Sequence[Weights]
    origin: Weights | None
    trainable: Sequence[bool]
    loss: Callable[[Weights], float]
    fisher: Sequence[Weights] | None = None
    seed: int = 0
    units: Sequence[Units] | None = None

    def __post_init__(self) -> None:
        if not self.members:
            raise ValueError("Invalid `members`. Expected at least one. Received: none.")
        expected = [array.shape for array in self.members[0]]
        if len(self.trainable) != len(expected):
            raise ValueError(f"Invalid `trainable`. Expected {len(expected)}, one an array. Received: {len(self.trainable)}.")
        if self.fisher is not None and len(self.fisher) != len(self.members):
            raise ValueError(f"Invalid `fisher`. Expected {len(self.members)}, one a member. Received: {len(self.fisher)}.")
        origin = {} if self.origin is None else {"origin": self.origin}
        members = {f"members[{index}]": each for index, each in enumerate(self.members)}
        fisher = {f"fisher[{index}]": each for index, each in enumerate(self.fisher or [])}
        for name, weights in (members | origin | fisher).items():
            shapes = [np.shape(array) for array in weights]
            if shapes != expected:
                raise ValueError(
                    f"Invalid `{name}`. Expected arrays of the shapes of the first member's, {expected}. Received: {shapes}."
                )
            bad = [index for index, array in enumerate(weights) if not np.isfinite(array).all()]
            if bad:
                raise ValueError(
                    f"Invalid `{name}`. Expected finite numbers; leave a member that diverged out. "
                    f"Received: NaN or infinity in array {bad[0]} (counted from 0)."
                )
        for name, weights in fisher.items():
            if any((array < 0).any() for array in weights):
                raise ValueError(f"Invalid `{name}`. Expected numbers >= 0. Received: negative ones.")

    @property
    def count(self) -> int:
        """How many members there are."""
        return len(self.members)


@dataclass(frozen=True)
class Merged:
    """What a merger made.

    Attributes:
        weights: One network's arrays.
        shares: How much of each member is in it, float64 [m], each in [0, 1], summing to 1.
        what: What was done, in words, as "3 of 6 members".
    """

    weights: Weights
    shares: np.ndarray
    what: str


@dataclass(frozen=True)
class Merger:
    """One merger.

    Attributes:
        merge: The definition. It works in float64 and need not care about the members' order.
        inferences: (members) -> how often it calls the family's loss at most.
        needs_origin: Whether it reads the network that all members started from.
        needs_fisher: Whether it reads the members' Fisher information.
        aligns: Whether it brings the members' units into one order first, so that members without an origin suit it.
    """

    merge: Callable[[Family], Merged]
    inferences: Callable[[int], int]
    needs_origin: bool = False
    needs_fisher: bool = False
    aligns: bool = False

    def __call__(self, family: Family) -> Merged:
        """Merges a family.

        Members that are one and the same are given back as they are. The outcome does not depend on the order in which they
        come: they are sorted by their bytes first.

        Args:
            family: The networks.

        Returns:
            Weights of the members' shapes and dtypes.

        Raises:
            ValueError: The family lacks what the merger reads.
        """
        for needed, field in ((self.needs_origin, "origin"), (self.needs_fisher, "fisher"), (self.aligns, "units")):
            if needed and getattr(family, field) is None:
                raise ValueError(f"Invalid `{field}`. Expected what this merger works on. Received: None.")
        first, count = family.members[0], family.count
        if all(np.array_equal(one, other) for each in family.members[1:] for one, other in zip(each, first, strict=True)):
            alike = "the members are one and the same" if count > 1 else "one member alone"
            return Merged([array.copy() for array in first], np.full(count, 1 / count), alike)
        order = sorted(range(count), key=lambda index: _digest(family.members[index]))
        found = self.merge(
            replace(
                family,
                members=[family.members[index] for index in order],
                fisher=None if family.fisher is None else [family.fisher[index] for index in order],
                loss=lambda weights: family.loss(_like(weights, first)),
            )
        )
        shares = np.empty(count)
        shares[order] = found.shares
        return Merged(_like(found.weights, first), shares, found.what)


def merger(
    *,
    inferences: Callable[[int], int] = lambda members: 0,
    needs_origin: bool = False,
    needs_fisher: bool = False,
    aligns: bool = False,
) -> Callable[[Callable[[Family], Merged]], Merger]:
    """Makes the decorated definition a `Merger`, of whose attributes these are; stands under `mergers.register`."""

    def make(merge: Callable[[Family], Merged]) -> Merger:
        made = Merger(merge, inferences, needs_origin, needs_fisher, aligns)
        object.__setattr__(made, "__doc__", merge.__doc__)  # the definition's words, not the class's
        return made

    return make


mergers: Methods[Merger] = Methods("merger")


def average(members: Sequence[Weights], shares: np.ndarray) -> Weights:
    """The weighted average of networks, array by array, in float64.

    Args:
        members: Weights of m networks.
        shares: float [m], summing to 1.
    """
    return [
        np.asarray(sum(share * array.astype(np.float64) for share, array in zip(shares, arrays, strict=True) if share))
        for arrays in zip(*members, strict=True)
    ]


def lowest(family: Family, candidates: Iterable[tuple[Setting, Weights]]) -> tuple[Setting, Weights, float]:
    """The candidate of the lowest validation loss, with its setting and that loss; of equals the first.

    Args:
        family: Its loss judges.
        candidates: At least one, each with what it was made by; one at a time is held.
    """
    best: tuple[Setting, Weights, float] | None = None
    for setting, weights in candidates:
        loss = family.loss(weights)
        if best is None or loss < best[2]:
            best = (setting, weights, loss)
    if best is None:
        raise ValueError("Invalid `candidates`. Expected at least one. Received: none.")
    return best


def _digest(weights: Weights) -> bytes:
    found = hashlib.sha256()
    for array in weights:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.digest()


def _like(weights: Weights, first: Weights) -> Weights:
    """Weights in the dtypes of a member's; whole numbers, as of a counter, are rounded."""
    return [
        (np.rint(array) if known.dtype.kind in "iu" else array).astype(known.dtype)
        for array, known in zip(weights, first, strict=True)
    ]
