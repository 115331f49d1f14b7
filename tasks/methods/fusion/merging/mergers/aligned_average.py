"""Git Re-Basin: members' units are brought into one order, then their weights are averaged."""

import numpy as np

from tasks.methods.fusion.merging.matching import matched
from tasks.methods.fusion.merging.mergers.base import Family, Merged, average, merger, mergers

MAX_ROUNDS = 20


@mergers.register("aligned_average", reference="Ainsworth et al., 2023, arXiv:2209.04836, algorithms 1 and 3")
@merger(inferences=lambda members: members, aligns=True)
def aligned_average(family: Family) -> Merged:
    """The average of members whose units were permuted to lie near each other; each computes what it did before.

    A hidden layer's units may stand in any order, and independent members have each their own, so that their plain average
    mixes units that have nothing in common. The member of the lowest validation loss stays as it is, the others are
    matched to the average of those matched before them, best first; then each to the average of all others, until nothing
    changes. One inference a member, to rank them.
    """
    units = family.units or ()
    counted = [index for index, trainable in enumerate(family.trainable) if trainable]
    ranked = np.argsort([family.loss(member) for member in family.members], kind="stable").tolist()
    turned = {ranked[0]: family.members[ranked[0]]}

    def matches_anew(member: int) -> bool:
        """Matches a member to the average of the others, and says whether that changed it."""
        others = [weights for index, weights in turned.items() if index != member]
        before = turned.get(member, family.members[member])
        turned[member] = matched(average(others, np.full(len(others), 1 / len(others))), before, units, counted)
        return any(not np.array_equal(one, other) for one, other in zip(before, turned[member], strict=True))

    moved = [matches_anew(member) for member in ranked[1:]]
    for _ in range(MAX_ROUNDS if family.count > 2 else 0):
        changed = [matches_anew(member) for member in ranked[1:]]
        if not any(changed):
            break
    shares = np.full(family.count, 1 / family.count)
    what = f"all {family.count} members, the units of {sum(moved)} of them in a new order"
    return Merged(average([turned[index] for index in range(family.count)], shares), shares, what)
