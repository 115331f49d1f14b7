"""Every fused model beside the members alone: what each costs to serve, and which one is taken."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.fusion.choice import Choice, Limits, Option, choose
from tasks.methods.fusion.making.base import Lessons, Made, Members
from tasks.methods.litert import minima_ms
from tasks.methods.quantization.convert import convert

_TURNS = 100


@dataclass(frozen=True)
class Contest:
    """The outcome.

    Attributes:
        choice: What is taken and why, and the table.
        taken: The fused model; None where a member goes on alone.
        member: Its position, where one goes on alone; else that of the best.
        unservable: Fused models that LiteRT has no form for, by name.
    """

    choice: Choice
    taken: Made | None
    member: int
    unservable: tuple[str, ...]


def contest(members: Members, made: Sequence[Made], lessons: Lessons, limits: Limits, min_gain: float) -> Contest:
    """Measures all and chooses (see `choose`).

    Args:
        members: The family; its members have different labels.
        made: What was made of it; names differ.
        lessons: The validation rows, and the seed of the bootstrap.
        limits: What serving may cost.
        min_gain: Nats that a fused model must gain.
    """
    losses, row = members.losses(lessons.y), np.asarray(lessons.validation[0][:1], np.float32)
    flat = [_float32(model, row) for model in members.models]
    fused = [(each, _float32(each.model, row)) for each in made]
    served = [(each, flatbuffer) for each, flatbuffer in fused if flatbuffer]
    measured = iter(minima_ms([*(each for each in flat if each), *(flatbuffer for _, flatbuffer in served)], row, _TURNS))
    options = [
        Option(label, loss, next(measured) if flatbuffer else np.inf, len(flatbuffer), single=True)
        for label, loss, flatbuffer in zip(members.labels, losses, flat, strict=True)
    ]
    options += [Option(each.name, each.losses, next(measured), len(flatbuffer)) for each, flatbuffer in served]
    choice = choose(options, limits, min_gain=min_gain, seed=lessons.settings.seed)
    taken = next((each for each, _ in served if each.name == choice.name), None)
    alone = list(members.labels).index(choice.name) if taken is None else members.best(lessons.y)
    return Contest(choice, taken, alone, tuple(each.name for each, flatbuffer in fused if not flatbuffer))


def beyond_budget(choice: Choice, min_gain: float) -> str | None:
    """The fused model of the lowest loss that gains more than chance, where none that does is within the limits."""
    gaining = [each for each in choice.table if not each.option.single and each.low > 0 and each.gain > min_gain]
    return gaining[0].option.name if gaining and not any(each.within for each in gaining) else None


def _float32(model: keras.Model, row: np.ndarray) -> bytes:
    """The flatbuffer; empty where LiteRT has no operation for one of the layers."""
    try:
        return convert(model, "float32", row)
    except ValueError:
        return b""
