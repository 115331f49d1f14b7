"""Which weights go first: a score for every weight of a kernel, the lowest are pruned. One file a criterion."""

from tasks.methods.pruning.criteria.base import Criterion, Kernel, criteria
from tasks.methods.registry import import_siblings

import_siblings(__name__, list(__path__))

__all__ = ["Criterion", "Kernel", "criteria"]
