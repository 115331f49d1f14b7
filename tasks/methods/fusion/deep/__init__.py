"""Deep fusion: one network over the features of several members. One file a way to join them."""

from tasks.methods.fusion.deep.base import Join, joins
from tasks.methods.registry import import_siblings

import_siblings(__name__, list(__path__))

__all__ = ["Join", "joins"]
