"""When in a stream of labelled rows did predictions get worse? One file a test."""

from tasks.methods.registry import import_siblings
from tasks.methods.sequential.base import SequentialTest, sequential
from tasks.methods.sequential.track import Track, Window, track, wilson

import_siblings(__name__, list(__path__))

__all__ = ["SequentialTest", "Track", "Window", "sequential", "track", "wilson"]
