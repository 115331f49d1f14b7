"""Trains a student on its teachers' word and the labels (Hinton et al., 2015)."""

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.distillation.lesson import DistilLesson
from tasks.methods.distillation.objectives import objectives
from tasks.methods.distillation.teachers import Taught, Teachers
from tasks.methods.networks.fit import FitSettings, History, OnEpoch, fit
from tasks.methods.networks.loop import Augment
from tasks.methods.networks.rows import Rows, checked

if TYPE_CHECKING:
    from tasks.methods.pruning.masks import Masks


@dataclass(frozen=True)
class DistilSettings:
    """What the student is asked to match, and how much it counts.

    Args:
        objective: A name in `objectives`: `soft`, `hard`, `hint`.
        temperature: T > 0: the higher, the more the wrong classes' probabilities tell. `hard` has no use for it.
        alpha: Share of the teachers in the loss, [0, 1]; the labels have the rest.
    """

    objective: str = "soft"
    temperature: float = 4.0
    alpha: float = 0.5

    def __post_init__(self) -> None:
        try:
            objectives.get(self.objective)
        except ValueError as error:
            raise ValueError(f"Invalid `objective`: {error}") from None
        if not (isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(f"Invalid `temperature`. Expected a number > 0. Received: temperature={self.temperature}.")
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"Invalid `alpha`. Expected a fraction in [0, 1]. Received: alpha={self.alpha}.")


def distil(
    student: keras.Model,
    teachers: Teachers | Taught,
    train: Rows,
    validation: Rows,
    settings: FitSettings,
    distillation: DistilSettings,
    *,
    augment: Augment | None = None,
    masks: "Masks | None" = None,
    row_weights: np.ndarray | None = None,
    on_epoch: OnEpoch | None = None,
) -> History:
    """Trains `student` in place and leaves it with the weights of the lowest validation loss, as `fit` does.

    The validation loss is cross-entropy with the labels, whatever the objective, so that runs compare. Equal weights,
    rows, teachers and settings give equal weights. The teachers are asked once, before training; with `augment` they
    are asked anew in every epoch, about the rows as the student sees them.

    Args:
        student: A classifier with one input and a softmax over the classes.
        teachers: Trained networks, or what teachers say of the training rows, row for row.
        train: x float32 [n, ...] and y, class indices [n].
        validation: Likewise; decides when to stop and which weights to keep.
        settings: How to train.
        distillation: What to learn from the teachers.
        augment: Changes training rows anew in every epoch: (float32 [m, ...], Generator) -> float32 [m, ...].
        masks: Zeros to keep (see `Masks.of`).
        row_weights: Weight of each training row in the loss, float [n], e.g. by `agreement_weights`.
        on_epoch: Called after each epoch, as by `fit`.

    Returns:
        The history; its `loss` is the objective's.

    Raises:
        ValueError: Rows or teachers do not fit the student, or the loss is not a number any more.
    """
    x, _ = checked("train", train, student)
    online = None
    if isinstance(teachers, Teachers):
        if any(model is student for model in teachers.models):
            raise ValueError("Invalid `teachers`. Expected networks other than the student. Received: the student itself.")
        taught = teachers(x, features=objectives.get(distillation.objective).needs_features)
        online = teachers if augment else None
    elif augment:
        raise ValueError(
            "Invalid `teachers`. Expected networks where `augment` changes the rows: what was said of other rows would be "
            "taught. Received: Taught."
        )
    else:
        taught = teachers
    _require_fit(taught, len(x), int(student.outputs[0].shape[-1]))
    lesson = DistilLesson(
        student, distillation.objective, distillation.temperature, distillation.alpha, taught, online, settings.seed
    )
    return fit(
        student,
        train,
        validation,
        settings,
        augment=augment,
        masks=masks,
        lesson=lesson,
        row_weights=row_weights,
        on_epoch=on_epoch,
    )


def _require_fit(taught: Taught, rows: int, classes: int) -> None:
    p = np.asarray(taught.probabilities)
    if p.shape != (rows, classes):
        raise ValueError(
            f"Invalid `teachers`. Expected probabilities of shape ({rows}, {classes}): one row a training row, one column a "
            f"class of the student. Received: shape {p.shape}."
        )
    bad = np.flatnonzero(~(np.isfinite(p).all(axis=1) & (p >= 0).all(axis=1) & (p.sum(axis=1) > 0)))
    if len(bad):
        raise ValueError(
            "Invalid `teachers`. Expected finite probabilities >= 0, not all of a row 0; take a softmax of logits first. "
            f"Received: {len(bad)} of {rows} rows otherwise, the first is row {bad[0]}."
        )
    if taught.features is not None and (np.ndim(taught.features) != 2 or len(taught.features) != rows):
        raise ValueError(
            f"Invalid `teachers`. Expected features of shape ({rows}, d). Received: shape {np.shape(taught.features)}."
        )
