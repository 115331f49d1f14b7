"""What benchmarks measure of flatbuffers: the shortest time of one row, and accuracy."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np


def minima_ms(flatbuffers: Sequence[bytes], row: np.ndarray, turns: int) -> list[float]:
    """Shortest time of one row through each flatbuffer on one thread; they take turns, so that all meet the same machine."""
    from tasks.methods.litert import LiteRunner

    runners = [LiteRunner(flatbuffer) for flatbuffer in flatbuffers]
    times = np.empty((turns, len(runners)))
    for turn in range(turns):
        for index, runner in enumerate(runners):
            start = time.perf_counter_ns()
            runner.run(row)
            times[turn, index] = time.perf_counter_ns() - start
    found: list[float] = (times.min(axis=0) / 1e6).tolist()
    return found


def accuracy(flatbuffer: bytes, split: Any) -> float:
    """Fraction of rows whose class the flatbuffer finds."""
    from tasks.methods.litert import LiteRunner

    return float((LiteRunner(flatbuffer).run(split.x).argmax(axis=1) == split.y).mean())
