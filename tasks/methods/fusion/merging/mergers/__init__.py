"""How networks of one architecture become one, weight by weight. One file a merger; arrays alone, no TensorFlow."""

from tasks.methods.fusion.merging.mergers.base import Family, Merged, Merger, mergers
from tasks.methods.registry import import_siblings

import_siblings(__name__, list(__path__))

__all__ = ["Family", "Merged", "Merger", "mergers"]
