"""How an ancestor's network is led to the target: schedules, penalties, source rows beside the target's, adapters.

One file an objective. None imports TensorFlow before it is used: recipes know the names without it.
"""

from tasks.methods.registry import import_siblings
from tasks.methods.transfer.objectives.base import Objective, Prepared, Source, Start, Unsuited, objectives

import_siblings(__name__, list(__path__))

__all__ = ["Objective", "Prepared", "Source", "Start", "Unsuited", "objectives"]
