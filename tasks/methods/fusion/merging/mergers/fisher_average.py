"""Fisher-weighted averaging: each member counts most where its own predictions rest on the weight."""

from collections.abc import Sequence

import numpy as np

from tasks.methods.fusion.merging.mergers.base import Family, Merged, merger, mergers
from tasks.methods.fusion.merging.units import Weights

FLOOR = 1e-6  # of the mean information: where no member's predictions rest on a weight, the plain mean of it is taken


@mergers.register("fisher_average", reference="Matena & Raffel, 2022, arXiv:2111.09832, equation 3")
@merger(needs_fisher=True)
def fisher_average(family: Family) -> Merged:
    """w = sum_i F_i w_i / sum_i F_i, weight by weight; no inference beside those of the Fisher information.

    It maximises the joint likelihood of the members' posteriors, each taken as a normal distribution around its
    weights with precision F_i. Each member's F is divided by its mean: a member that is sure of its training rows has
    gradients near zero, and would count for nothing. What is not trainable is averaged plainly. A member's share is its
    mean part in a weight.
    """
    information = [_relative(each, family.trainable) for each in family.fisher or ()]
    weights: Weights = []
    parts, size = np.zeros(family.count), 0
    for index, trainable in enumerate(family.trainable):
        counts = np.stack([each[index] for each in information])
        share = counts / counts.sum(axis=0)
        weights.append(np.asarray(sum(part * member[index] for part, member in zip(share, family.members, strict=True))))
        if trainable:
            parts += share.reshape(family.count, -1).sum(axis=1)
            size += counts[0].size
    shares = parts / size if size else np.full(family.count, 1 / family.count)
    return Merged(weights, shares, f"all {family.count} members, each weight by its Fisher information")


def _relative(fisher: Weights, trainable: Sequence[bool]) -> Weights:
    """A member's information over its mean, and a little more; 1 for what is not trainable."""
    total = sum(float(array.sum(dtype=np.float64)) for array, counts in zip(fisher, trainable, strict=True) if counts)
    mean = total / max(sum(array.size for array, counts in zip(fisher, trainable, strict=True) if counts), 1)
    return [
        array.astype(np.float64) / (mean or 1.0) + FLOOR if counts else np.ones(array.shape)
        for array, counts in zip(fisher, trainable, strict=True)
    ]
