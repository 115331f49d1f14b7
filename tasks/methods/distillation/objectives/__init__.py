"""What a student is asked to match: its teachers' soft or hard word, or their features. One file an objective."""

from tasks.methods.distillation.objectives.base import Batch, Objective, objectives
from tasks.methods.registry import import_siblings

import_siblings(__name__, list(__path__))

__all__ = ["Batch", "Objective", "objectives"]
