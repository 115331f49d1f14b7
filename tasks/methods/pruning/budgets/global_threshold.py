"""Global: one threshold over the scores of all kernels, so that layers that matter less give more."""

from collections.abc import Mapping
from math import ceil

import numpy as np

from tasks.methods.pruning.budgets.base import budgets

_FLOOR = 0.1  # of what a layer would keep if all kept alike: below it, a layer would become a bottleneck, or vanish


@budgets.register("global", reference="Blalock et al., 2020, arXiv:2003.03033")
def global_threshold(scores: Mapping[str, np.ndarray], sparsity: float) -> dict[str, float]:
    """The lowest scores of all kernels go, whichever layer they are in.

    Every layer keeps at least a tenth of its share of an even budget, and at least one weight.

    Args:
        scores: Layer name -> scores of its kernel; of one scale, or the layer of the smallest scale gives most.
        sparsity: Fraction of zeros over all kernels together, [0, 1).

    Returns:
        Layer name -> sparsity, [0, 1).
    """
    free, owners = [], []  # scores that may go, and the layer each is of
    for number, values in enumerate(scores.values()):
        floor = max(1, ceil(_FLOOR * (1 - sparsity) * values.size))
        free.append(np.sort(values, axis=None)[: values.size - floor])
        owners.append(np.full(len(free[-1]), number))
    total = sum(values.size for values in scores.values())
    # A stable sort: of equal scores those of the first layer go first, on every machine.
    order = np.argsort(np.concatenate(free), kind="stable")[: round(sparsity * total)]
    pruned = np.bincount(np.concatenate(owners)[order], minlength=len(scores))
    return {name: int(count) / values.size for (name, values), count in zip(scores.items(), pruned, strict=True)}
