"""Every fused model beside the members alone: what each costs to serve, and which one is taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

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
        flatbuffers: Of every member and fused model, by name; empty where LiteRT has no form for it.
    """

    choice: Choice
    taken: Made | None
    member: int
    unservable: tuple[str, ...]
    flatbuffers: Mapping[str, bytes]


def contest(
    members: Members,
    made: Sequence[Made],
    lessons: Lessons,
    limits: Limits,
    min_gain: float,
    known: Mapping[str, bytes] = MappingProxyType({}),
) -> Contest:
    """Measures all and chooses (see `choose`).

    Args:
        members: The family; its members have different labels.
        made: What was made of it; names differ.
        lessons: The validation rows, and the seed of the bootstrap.
        limits: What serving may cost.
        min_gain: Nats that a fused model must gain.
        known: Flatbuffers of an earlier contest of the same family, which are not converted again.
    """
    losses, row = members.losses(lessons.y), np.asarray(lessons.validation[0][:1], np.float32)
    models = dict(zip(members.labels, members.models, strict=True)) | {each.name: each.model for each in made}
    flat = {name: known[name] if name in known else _float32(model, row) for name, model in models.items()}
    served = [name for name, flatbuffer in flat.items() if flatbuffer]
    latency = dict(zip(served, minima_ms([flat[name] for name in served], row, _TURNS), strict=True))
    options = [
        Option(label, loss, latency.get(label, np.inf), len(flat[label]), single=True)
        for label, loss in zip(members.labels, losses, strict=True)
    ]
    options += [Option(each.name, each.losses, latency[each.name], len(flat[each.name])) for each in made if flat[each.name]]
    choice = choose(options, limits, min_gain=min_gain, seed=lessons.settings.seed)
    taken = next((each for each in made if each.name == choice.name), None)
    alone = list(members.labels).index(choice.name) if taken is None else members.best(lessons.y)
    return Contest(choice, taken, alone, tuple(each.name for each in made if not flat[each.name]), flat)


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
