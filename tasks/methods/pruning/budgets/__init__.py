"""How one sparsity is shared among the layers. One file a budget."""

from tasks.methods.pruning.budgets.base import Budget, budgets
from tasks.methods.registry import import_siblings

import_siblings(__name__, list(__path__))

__all__ = ["Budget", "budgets"]
