"""Uniform soup: the plain average of all members' weights."""

import numpy as np

from tasks.methods.fusion.merging.mergers.base import Family, Merged, average, merger, mergers


@mergers.register("uniform_soup", reference="Wortsman et al., 2022, arXiv:2203.05482, section 2")
@merger()
def uniform_soup(family: Family) -> Merged:
    """w = 1/m sum_i w_i. Nothing is fitted, no inference is spent; one bad member spoils it."""
    shares = np.full(family.count, 1 / family.count)
    return Merged(average(family.members, shares), shares, f"all {family.count} members alike")
