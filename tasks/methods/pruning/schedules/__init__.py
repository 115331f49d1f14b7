"""How sparsity rises over training. One file a schedule."""

from tasks.methods.pruning.schedules.base import Schedule, schedules
from tasks.methods.registry import import_siblings

import_siblings(__name__, list(__path__))

__all__ = ["Schedule", "schedules"]
