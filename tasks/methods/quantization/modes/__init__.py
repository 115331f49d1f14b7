"""Numbers a flatbuffer is made of: one file a mode."""

from tasks.methods.quantization.modes.base import Mode, modes
from tasks.methods.registry import import_siblings

import_siblings(__name__, list(__path__))

__all__ = ["Mode", "modes"]
