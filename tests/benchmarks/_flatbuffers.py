"""What benchmarks measure of flatbuffers: accuracy."""

from typing import Any


def accuracy(flatbuffer: bytes, split: Any) -> float:
    """Fraction of rows whose class the flatbuffer finds."""
    from tasks.methods.litert import LiteRunner

    return float((LiteRunner(flatbuffer).run(split.x).argmax(axis=1) == split.y).mean())
