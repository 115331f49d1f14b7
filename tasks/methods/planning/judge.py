"""Judges a network as it would be served: converted in each mode, run by LiteRT, measured in bytes and milliseconds."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import binom

from tasks.methods.backend import keras
from tasks.methods.coding.flatbuffer import pack
from tasks.methods.litert import LiteRunner, latency_ms
from tasks.methods.metrics import metrics
from tasks.methods.networks.rows import Rows
from tasks.methods.planning.front import Point
from tasks.methods.quantization.convert import convert


def judge(
    model: keras.Model,
    modes: Sequence[str],
    calibration: np.ndarray,
    validation: Rows,
    *,
    steps: tuple[str, ...] = (),
    training_steps: int = 0,
    candidate: int = 0,
) -> dict[str, tuple[Point, bytes]]:
    """What a network comes to in each mode.

    Args:
        model: A classifier.
        modes: Registered conversion modes.
        calibration: float32 [n, ...], rows of the training split.
        validation: x float32 [n, ...] and y, class indices [n].
        steps: What made the network.
        training_steps: What that took.
        candidate: Its position in the search.

    Returns:
        Mode -> the point and its flatbuffer. A mode that has no operation for one of the layers is left out.
    """
    x, y = validation
    found: dict[str, tuple[Point, bytes]] = {}
    for mode in modes:
        try:
            flatbuffer = convert(model, mode, calibration)
        except ValueError:
            continue
        probabilities = LiteRunner(flatbuffer).run(x)
        accuracy = float((probabilities.argmax(axis=1) == y).mean())
        point = Point(
            steps=steps,
            mode=mode,
            accuracy=accuracy,
            interval=accuracy_interval(accuracy, len(y)),
            log_loss=float(metrics.get("log_loss")(probabilities, y)),
            size_bytes=len(flatbuffer),
            packed_bytes=len(pack(flatbuffer)),
            latency_ms=latency_ms(flatbuffer, x[:1]),
            training_steps=training_steps,
            candidate=candidate,
        )
        found[mode] = point, flatbuffer
    return found


def accuracy_interval(accuracy: float, rows: int, confidence: float = 0.95) -> tuple[float, float]:
    """Percentile bootstrap interval of an accuracy (Efron & Tibshirani, 1993, section 13.3).

    Resampling rows that are right or wrong is a binomial draw, so its quantiles need no simulation.

    Args:
        accuracy: A fraction in [0, 1].
        rows: How many rows it was read on.
        confidence: Coverage, (0, 1).
    """
    low, high = binom.ppf([(1 - confidence) / 2, (1 + confidence) / 2], rows, accuracy) / rows
    return float(low), float(high)
