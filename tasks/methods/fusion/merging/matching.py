"""Weight matching: the order of units in which one network's weights come nearest to another's (Ainsworth et al., 2023)."""

from collections.abc import Collection, Sequence

import numpy as np

from tasks.methods.fusion.merging.units import Units, Weights, inner, slices

_LEAST_GAIN = 1e-9  # of the weights' sizes: less is rounding
_MAX_SWEEPS = 100  # each raises the inner product, which has an upper bound; some ten are usual


def matched(reference: Weights, weights: Weights, units: Sequence[Units], counted: Collection[int]) -> Weights:
    """`weights` with its units in the order that brings it nearest to `reference` (algorithm 1 of arXiv:2209.04836).

    Minimises the distance of the weights, which is maximising their inner product, by coordinate descent: the units of one
    layer are assigned by a linear sum assignment while those of all others stand still, layer after layer until nothing
    changes. It ends in a local optimum, so it starts twice: from the units as they stand, which suits networks of one
    origin, and from units assigned once from the inputs upwards by what they read of units assigned already, which finds
    a permuted copy exactly. The nearer of the two is taken; nothing is random.

    Args:
        reference: Arrays of a network.
        weights: Arrays of another, of the same shapes.
        units: Units that may change places.
        counted: Numbers of the arrays whose distance counts; all others are permuted along.

    Returns:
        The arrays in their new order; they compute what `weights` do.
    """
    arrays = sorted(counted)
    upwards = sorted(units, key=lambda each: each.first)
    starts = [weights, _from_below(reference, weights, upwards, set(arrays))]
    found = [_descended(reference, start, upwards, set(arrays)) for start in starts]
    return max(found, key=lambda each: inner(reference, each, arrays))


def _descended(reference: Weights, weights: Weights, units: Sequence[Units], counted: set[int]) -> Weights:
    touched = [sorted({place.array for place in each.places} & counted) for each in units]
    pending = set(range(len(units)))  # units whose assignment may have changed since they were looked at
    for _ in range(_MAX_SWEEPS):
        for index, each in enumerate(units):
            if index not in pending:
                continue
            pending.discard(index)
            arrays = touched[index]
            size = sum(float(np.linalg.norm(reference[array]) * np.linalg.norm(weights[array])) for array in arrays)
            turned = each.permuted(weights, _assigned(reference, weights, each, counted))
            # Where a kernel reads and makes the same units, the assignment is an approximation: it has to prove itself.
            if inner(reference, turned, arrays) > inner(reference, weights, arrays) + _LEAST_GAIN * size:
                weights = turned
                pending |= {other for other, theirs in enumerate(touched) if not set(theirs).isdisjoint(arrays)}
        if not pending:
            break
    return weights


def _from_below(reference: Weights, weights: Weights, units: Sequence[Units], counted: set[int]) -> Weights:
    """Assigns each layer's units once, by the arrays whose other units are in their order already."""
    waiting = {index: {place.array for place in each.places} for index, each in enumerate(units)}
    for index, each in enumerate(units):
        del waiting[index]
        twice = [place.array for place in each.places if sum(other.array == place.array for other in each.places) > 1]
        settled = counted - set().union(*waiting.values()) - set(twice)
        if any(place.array in settled for place in each.places):
            weights = each.permuted(weights, _assigned(reference, weights, each, settled))
    return weights


def _assigned(reference: Weights, weights: Weights, units: Units, counted: set[int]) -> np.ndarray:
    """Which unit of `weights` comes to each place, int64 [n]: the sum of inner products is the highest there is."""
    from scipy.optimize import linear_sum_assignment  # a second that nobody pays who names the methods alone

    likeness = np.zeros((len(units), len(units)))
    for place in units.places:
        if place.array in counted:
            likeness += slices(reference[place.array], place) @ slices(weights[place.array], place).T
    order: np.ndarray = linear_sum_assignment(likeness, maximize=True)[1]
    return order
