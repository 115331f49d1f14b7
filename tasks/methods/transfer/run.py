"""Trains an heir by one objective, and gives back its plain network."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.networks.fit import FitSettings, History, OnEpoch, staged
from tasks.methods.pruning.masks import Masks
from tasks.methods.transfer.lesson import TransferLesson
from tasks.methods.transfer.objectives import Source, Start, objectives


@dataclass(frozen=True)
class Transferred:
    """What came of it.

    Attributes:
        model: The heir: a flat network without any further head, with the weights of its best epoch.
        histories: One a stage; none where the objective trains in no epochs.
        strength: The lambda that was used; None where the objective has none.
        penalty: The objective's term at the end, without lambda; None where it has none.
    """

    model: keras.Model
    histories: list[History]
    strength: float | None
    penalty: float | None


def transfer(
    objective: str,
    start: Start,
    source: Source,
    *,
    strength: float | None = None,
    augment: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None,
    on_epoch: OnEpoch | None = None,
) -> Transferred:
    """Trains an heir by the objective of that name.

    Every stage ends early by the validation rows' cross-entropy with the labels, whatever the objective. Zeros of a pruned
    network stay zero. Equal arguments give equal weights.

    Args:
        objective: A name in `objectives`.
        start: The heir before its training; its network may be changed. Its `strength` is not read.
        source: Its ancestor.
        strength: Lambda, >= 0; the objective's default where None.
        augment: Changes training rows anew in every epoch (see `fit`).
        on_epoch: Called after each epoch, as by `staged`.

    Returns:
        The heir.

    Raises:
        Unsuited: The objective can't be used on this ancestor, as its rows are not here, say.
        ValueError: An unknown name, a strength for an objective that has none, or a loss that is not a number any more.
    """
    known = objectives.get(objective)
    if strength is not None and (known.strength is None or not 0 <= strength < np.inf):
        expected = "None: there is nothing to weigh" if known.strength is None else "a number >= 0"
        raise ValueError(f"Invalid `strength`. Expected for {objective!r} {expected}. Received: strength={strength}.")
    used = known.strength if strength is None else strength
    ready = known(replace(start, strength=used or 0.0), source)
    histories = staged(
        ready.model,
        ready.stages,
        start.train,
        start.validation,
        augment=augment,
        masks=Masks.of(ready.model),
        lessons=[None if _is_idle(ready.lesson, stage) else ready.lesson for stage in ready.stages],
        on_epoch=on_epoch,
    )
    penalty = ready.lesson.measure(np.asarray(start.train[0], np.float32)) if ready.lesson else None
    return Transferred(ready.model, histories, used, penalty)


def _is_idle(lesson: TransferLesson | None, stage: FitSettings) -> bool:
    """Whether a lesson would cost time and change nothing."""
    return lesson is not None and lesson.moves_backbone_alone and stage.trainable == "head"
