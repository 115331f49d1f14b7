"""Distils, and trains the same student without a teacher beside it: the better of the two is kept.

Distillation can hurt a student that is too small, or trained too briefly, to follow its teacher (Cho & Hariharan, 2019,
arXiv:1910.01348), so what it gives is never taken on trust.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.distillation.agreement import hard_agreement, soft_agreement
from tasks.methods.distillation.distil import DistilSettings, distil
from tasks.methods.distillation.teachers import Teachers
from tasks.methods.networks.fit import FitSettings, History, fit
from tasks.methods.networks.loop import Augment
from tasks.methods.networks.predict import predict
from tasks.methods.networks.rows import Rows, checked

if TYPE_CHECKING:
    from tasks.methods.pruning.masks import Masks

Name = Literal["control", "distilled"]


@dataclass(frozen=True)
class Trial:
    """One training, judged on the validation rows with its best weights.

    Attributes:
        history: What happened, epoch by epoch.
        validation_loss: Cross-entropy with the labels, nats.
        validation_accuracy: A fraction in [0, 1].
        soft_agreement: Mean of `soft_agreement` with the teachers, [0, 1].
        hard_agreement: Mean of `hard_agreement` with the teachers, [0, 1].
    """

    history: History
    validation_loss: float
    validation_accuracy: float
    soft_agreement: float
    hard_agreement: float


@dataclass(frozen=True)
class Contest:
    """Both trainings, and which of them the student's weights come from."""

    control: Trial
    distilled: Trial
    kept: Name


def distil_with_control(
    student: keras.Model,
    teachers: Teachers,
    train: Rows,
    validation: Rows,
    settings: FitSettings,
    distillation: DistilSettings,
    *,
    augment: Augment | None = None,
    masks: "Masks | None" = None,
    row_weights: np.ndarray | None = None,
    on_epoch: Callable[[Name, int, dict[str, float]], None] | None = None,
) -> Contest:
    """Trains `student` by `fit`, and again by `distil`, and leaves it with the better weights.

    Both start from the weights it came with, from the same seed, with the same settings: they see the same rows in the
    same order. The one with the lower validation loss is kept; of equals, the control.

    Args:
        student: A classifier with one input and a softmax over the classes.
        teachers: Trained networks.
        train: x float32 [n, ...] and y, class indices [n].
        validation: Likewise; decides when each training stops and which of the two is kept.
        settings: How to train, both.
        distillation: What to learn from the teachers.
        augment: Changes training rows, of both (see `fit`).
        masks: Zeros to keep in both (see `Masks.of`).
        row_weights: Weight of each training row while distilling, float [n]; the control has none.
        on_epoch: Called after each epoch with `control` or `distilled`, its number, from 1, and its values.

    Returns:
        How both did.

    Raises:
        ValueError: Rows or teachers do not fit the student, or a loss is not a number any more.
    """
    known = checked("validation", validation, student)
    taught = teachers(known[0]).probabilities
    start = student.get_weights()

    def report(name: Name) -> Callable[[int, dict[str, float]], None] | None:
        return (lambda epoch, log: on_epoch(name, epoch, log)) if on_epoch else None

    history = fit(student, train, known, settings, augment=augment, masks=masks, on_epoch=report("control"))
    control, weights = _judged(student, history, known, taught), student.get_weights()
    student.set_weights(start)
    history = distil(
        student,
        teachers,
        train,
        known,
        settings,
        distillation,
        augment=augment,
        masks=masks,
        row_weights=row_weights,
        on_epoch=report("distilled"),
    )
    distilled = _judged(student, history, known, taught)
    if distilled.validation_loss < control.validation_loss:
        return Contest(control, distilled, "distilled")
    student.set_weights(weights)
    return Contest(control, distilled, "control")


def _judged(student: keras.Model, history: History, known: Rows, taught: np.ndarray) -> Trial:
    probabilities = predict(student, known[0])
    return Trial(
        history,
        validation_loss=history.best_validation_loss,
        validation_accuracy=float((probabilities.argmax(axis=1) == known[1]).mean()),
        soft_agreement=float(soft_agreement(taught, probabilities).mean()),
        hard_agreement=float(hard_agreement(taught, probabilities).mean()),
    )
