"""Which ancestor to start from: scores of frozen features on the new data. One file a selector."""

from tasks.methods.registry import import_siblings
from tasks.methods.selection.base import Selector, selectors

import_siblings(__name__, list(__path__))

__all__ = ["Selector", "selectors"]
