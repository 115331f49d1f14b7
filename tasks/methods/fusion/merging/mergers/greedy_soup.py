"""Greedy soup: members are added to the average from the best on, and stay where validation gets no worse."""

import numpy as np

from tasks.methods.fusion.merging.mergers.base import Family, Merged, average, merger, mergers


@mergers.register("greedy_soup", reference="Wortsman et al., 2022, arXiv:2203.05482, recipe 1")
@merger(inferences=lambda members: 2 * members - 1)
def greedy_soup(family: Family) -> Merged:
    """Never worse on validation than the best member, which it starts from.

    Members are sorted by validation loss; each is kept where the average with it has no higher loss than without. One
    inference a member, and one more for each that is tried.
    """
    losses = [family.loss(member) for member in family.members]
    first, *others = np.argsort(losses, kind="stable").tolist()
    shares = np.zeros(family.count)
    shares[first] = 1
    weights, loss, chosen = average(family.members, shares), losses[first], [first]
    for other in others:
        tried = np.zeros(family.count)
        tried[[*chosen, other]] = 1 / (len(chosen) + 1)
        soup = average(family.members, tried)
        found = family.loss(soup)
        if found <= loss:
            weights, loss, shares, chosen = soup, found, tried, [*chosen, other]
    return Merged(weights, shares, f"{len(chosen)} of {family.count} members")
