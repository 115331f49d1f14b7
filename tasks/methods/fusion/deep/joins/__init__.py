"""How members' features become one. One file a way; layers alone, names need no TensorFlow."""

from tasks.methods.fusion.deep.joins.base import Join, joins
from tasks.methods.registry import import_siblings

import_siblings(__name__, list(__path__))

__all__ = ["Join", "joins"]
