"""Members grown on purpose: several networks from one, different enough to be worth combining. One file a method."""

from tasks.methods.fusion.growing.base import Grow, Grown, growers
from tasks.methods.registry import import_siblings

import_siblings(__name__, list(__path__))

__all__ = ["Grow", "Grown", "growers"]
