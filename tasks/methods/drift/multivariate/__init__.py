"""Have features moved together, in ways that none shows alone? Tests of whole rows in two windows. One file a method."""

from tasks.methods.drift.multivariate.base import Multivariate, multivariate
from tasks.methods.drift.multivariate.encode import encode
from tasks.methods.registry import import_siblings

import_siblings(__name__, list(__path__))

__all__ = ["Multivariate", "encode", "multivariate"]
