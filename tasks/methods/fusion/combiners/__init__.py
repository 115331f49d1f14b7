"""Several members' decisions to one: from their probabilities, fitted on validation rows. One file a method."""

from tasks.methods.fusion.combiners.base import Combiner, Fit, combiners
from tasks.methods.fusion.combiners.linear_pool import LinearPool, combine
from tasks.methods.registry import import_siblings

import_siblings(__name__, list(__path__))

__all__ = ["Combiner", "Fit", "LinearPool", "combine", "combiners"]
