"""Several members, one prediction: how their probabilities are weighed. One file a fuser."""

from tasks.methods.fusion.base import Fuser, combine, fusers
from tasks.methods.registry import import_siblings

import_siblings(__name__, list(__path__))

__all__ = ["Fuser", "combine", "fusers"]
