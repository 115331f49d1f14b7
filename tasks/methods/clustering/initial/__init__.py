"""Where centroids start: one file an initialisation."""

from tasks.methods.clustering.initial.base import Initial, initials
from tasks.methods.registry import import_siblings

import_siblings(__name__, list(__path__))

__all__ = ["Initial", "initials"]
