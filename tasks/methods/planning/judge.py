"""Judges a network as it would be served: converted in each mode, run by LiteRT, measured in bytes and milliseconds."""

from collections.abc import Sequence
from math import ceil

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.litert import latency_ms
from tasks.methods.metrics import metrics
from tasks.methods.networks.fit import FitSettings
from tasks.methods.networks.rows import Rows
from tasks.methods.planning.front import Point
from tasks.methods.planning.served import Served
from tasks.methods.quantization.aware import qat
from tasks.methods.quantization.convert import convert
from tasks.methods.quantization.kept import found_in

AWARE = "int8_aware"
"""Beside the registered modes: int8 whose errors are learned in training."""


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
    found: dict[str, tuple[Point, bytes]] = {}
    for mode in modes:
        try:
            flatbuffer = convert(model, mode, calibration)
        except ValueError:
            continue
        found[mode] = _point(flatbuffer, mode, validation, steps, training_steps, candidate), flatbuffer
    return found


def judge_aware(
    model: keras.Model,
    train: Rows,
    validation: Rows,
    settings: FitSettings,
    *,
    steps: tuple[str, ...] = (),
    training_steps: int = 0,
    candidate: int = 0,
) -> tuple[Point, bytes, keras.Model]:
    """What a network comes to after quantization-aware training that keeps the zeros and clusters it has.

    Args:
        model: A classifier; it is not changed.
        train: x float32 [n, ...] and y, class indices [n].
        validation: Likewise; decides which epoch is taken, and is what the point is read on.
        settings: Of the training: its epochs, batch size and seed, at a tenth of its learning rate.
        steps: What made the network.
        training_steps: What that took, without this training.
        candidate: Its position in the search.

    Returns:
        The point of mode `AWARE`, its flatbuffer, and the network as trained.

    Raises:
        ValueError: As `qat`.
    """
    how = (settings.epochs, settings.batch_size, settings.learning_rate / 10, settings.seed)
    made = qat(model, train, validation, *how, preserve=found_in(model))
    spent = training_steps + settings.epochs * ceil(len(train[0]) / settings.batch_size)
    return _point(made.flatbuffer, AWARE, validation, steps, spent, candidate), made.flatbuffer, made.model


def _point(
    flatbuffer: bytes, mode: str, validation: Rows, steps: tuple[str, ...], training_steps: int, candidate: int
) -> Point:
    served = Served.of(flatbuffer, validation)
    return Point(
        steps=steps,
        mode=mode,
        accuracy=served.accuracy,
        interval=served.interval,
        log_loss=float(metrics.get("log_loss")(served.probabilities, validation[1])),
        size_bytes=served.size_bytes,
        packed_bytes=served.packed_bytes,
        latency_ms=latency_ms(flatbuffer, validation[0][:1]),
        training_steps=training_steps,
        candidate=candidate,
    )
