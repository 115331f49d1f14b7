"""Task vectors: the ways that members went from their origin (Ilharco et al., arXiv:2212.04089)."""

import numpy as np

from tasks.methods.fusion.merging.mergers.base import Family, average
from tasks.methods.fusion.merging.units import Weights


def task_vectors(family: Family) -> np.ndarray:
    """Member minus origin over all trainable weights, float64 [m, n]; arrays one after the other."""
    origin = _vector(_origin(family), family)
    return np.stack([_vector(member, family) - origin for member in family.members])


def from_origin(family: Family, way: np.ndarray) -> Weights:
    """The origin, moved.

    What is not trainable is the mean of the members'. A weight that is zero in every member stays zero: they were pruned,
    and part of the way back to a dense origin would bring it to life.

    Args:
        family: Its origin and members.
        way: Over all trainable weights, float64 [n].
    """
    means = average(family.members, np.full(family.count, 1 / family.count))
    found, start = [], 0
    for index, origin in enumerate(_origin(family)):
        if not family.trainable[index]:
            found.append(means[index])
            continue
        alive = np.any([member[index] != 0 for member in family.members], axis=0)
        found.append((origin + way[start : start + origin.size].reshape(origin.shape)) * alive)
        start += origin.size
    return found


def _origin(family: Family) -> Weights:
    if family.origin is None:
        raise ValueError("Invalid `origin`. Expected the network that all members started from. Received: None.")
    return [array.astype(np.float64) for array in family.origin]


def _vector(weights: Weights, family: Family) -> np.ndarray:
    moved = [array.ravel() for array, trainable in zip(weights, family.trainable, strict=True) if trainable]
    return np.concatenate([*moved, np.empty(0)]).astype(np.float64)
