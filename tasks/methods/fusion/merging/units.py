"""Units that may change places: permuted wherever they stand, they leave what a network computes as it is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Weights = list[np.ndarray]


@dataclass(frozen=True)
class Place:
    """Where units stand in one array.

    Attributes:
        array: Number of the array among a network's weights.
        axis: The axis that counts the units.
        positions: int64 [n, k], the k positions of each of n units on that axis; behind a Flatten, one a pixel.
    """

    array: int
    axis: int
    positions: np.ndarray


@dataclass(frozen=True)
class Units:
    """Units that one layer makes, or several whose outputs are added, and every place where they stand.

    Attributes:
        places: At least one; all of the same n.
    """

    places: tuple[Place, ...]

    def __len__(self) -> int:
        return len(self.places[0].positions)

    @property
    def first(self) -> int:
        """Number of the first array they stand in: units of earlier layers have lower ones."""
        return min(place.array for place in self.places)

    def permuted(self, weights: Weights, order: np.ndarray) -> Weights:
        """The same network with its units in another order.

        Args:
            weights: A network's arrays; not changed.
            order: int64 [n], which unit comes to each place.

        Returns:
            The arrays; those without these units are the same objects.
        """
        found = list(weights)
        for place in self.places:
            source = np.arange(found[place.array].shape[place.axis])
            source[place.positions] = place.positions[order]
            found[place.array] = np.take(found[place.array], source, axis=place.axis)
        return found


def slices(values: np.ndarray, place: Place) -> np.ndarray:
    """What an array holds of each unit, [n, everything else]."""
    moved = np.moveaxis(values, place.axis, 0)[place.positions]
    found: np.ndarray = moved.reshape(len(place.positions), -1)
    return found


def inner(one: Weights, other: Weights, arrays: Sequence[int]) -> float:
    """Sum of the products of two networks' weights over some of their arrays: the higher, the nearer they are."""
    return float(sum(np.vdot(one[index], other[index]) for index in arrays))
