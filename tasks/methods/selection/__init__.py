"""Which ancestor to start from: scores of frozen networks on the new data, and short races. One file a selector."""

from tasks.methods.registry import import_siblings
from tasks.methods.selection.base import ASKED, Asked, Evidence, Selector, relevance_names, selectors

import_siblings(__name__, list(__path__))

__all__ = ["ASKED", "Asked", "Evidence", "Selector", "relevance_names", "selectors"]
