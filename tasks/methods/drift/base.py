"""What every drift detector looks like: two windows of one feature in, a statistic and a p-value out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from tasks.methods.drift.tables import bin_counts, category_counts, finite_numbers
from tasks.methods.registry import Methods

Kind = Literal["numeric", "categorical"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class DriftScore:
    """The outcome of one comparison.

    Attributes:
        statistic: How far the windows are apart; 0 is not at all. Its unit is the detector's own.
        p_value: Chance of a statistic at least this large if nothing had moved; None where a window has no values.
    """

    statistic: float
    p_value: float | None


Compare = Callable[[np.ndarray, np.ndarray], DriftScore]


@dataclass(frozen=True)
class Detector:
    """One detector.

    Attributes:
        compare: The method: two windows, prepared as `takes` says, neither of them empty.
        kinds: Features it suits.
        takes: values: float64 [n] and [m], finite, not all equal. counts: rows by bin or category, int64 [k] each.
    """

    compare: Compare
    kinds: frozenset[Kind]
    takes: Literal["values", "counts"]

    def __call__(self, reference: np.ndarray, current: np.ndarray) -> DriftScore:
        """Compares two windows of one feature.

        Arrays of numbers are numeric where the detector suits that, all others categorical. Of numbers, those that are
        not finite are left out; among categories a missing value (None, NaN) is a category of its own.

        Args:
            reference: The window to compare with, [n].
            current: The window in question, [m].

        Raises:
            ValueError: An array is not one-dimensional, or a numeric detector was given what is not a number.
        """
        for name, values in (("reference", reference), ("current", current)):
            if np.ndim(values) != 1:
                raise ValueError(f"Invalid `{name}`. Expected one feature, shape [n]. Received: shape {np.shape(values)}.")
        numeric = self._as_numbers(reference, current)
        first, second = (finite_numbers(values) if numeric else np.asarray(values) for values in (reference, current))
        if not len(first) or not len(second):
            return DriftScore(float("nan"), None)
        if not numeric:
            first, second = category_counts(first, second)
        elif min(first.min(), second.min()) == max(first.max(), second.max()):
            return DriftScore(0.0, 1.0)  # one value throughout: nothing has moved
        elif self.takes == "counts":
            first, second = bin_counts(first, second)
        return self.compare(first, second)

    def _as_numbers(self, reference: np.ndarray, current: np.ndarray) -> bool:
        if len(self.kinds) == 1:
            return "numeric" in self.kinds
        return np.asarray(reference).dtype.kind in "fiu" and np.asarray(current).dtype.kind in "fiu"


def suits(*kinds: Kind, takes: Literal["values", "counts"]) -> Callable[[Compare], Detector]:
    """Makes the decorated method a `Detector`; stands under `detectors.register`."""

    def make(compare: Compare) -> Detector:
        made = Detector(compare, frozenset(kinds), takes)
        object.__setattr__(made, "__doc__", compare.__doc__)  # the method's words, not the class's
        return made

    return make


detectors: Methods[Detector] = Methods("detector")


def detectors_for(kind: Kind) -> list[str]:
    """Names of the registered detectors that suit features of one kind, sorted."""
    return [name for name in detectors if kind in detectors.get(name).kinds]
