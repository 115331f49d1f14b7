"""The training loop that every stage shares: early stopping, schedules, class weights, freezing, masks, one seed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil, isfinite
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.networks.batch_statistics import keeping_pace
from tasks.methods.networks.freeze import Trainable, only
from tasks.methods.networks.loop import VALUES, Augment, Lesson, Loop, diverged, reseed
from tasks.methods.networks.predict import predict
from tasks.methods.networks.rows import Rows, checked, given_weights, weights
from tasks.methods.networks.slower import slower_below

if TYPE_CHECKING:
    from tasks.methods.pruning.masks import Masks

__all__ = ["FitSettings", "History", "fit", "predict", "staged"]

OnEpoch = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class FitSettings:
    """How a network is trained.

    Args:
        epochs: Most passes over the training rows; early stopping may end sooner.
        batch_size: Rows in a step.
        optimizer: `adam` (Kingma & Ba, 2015), or `sgd` with momentum 0.9.
        learning_rate: The first step's.
        schedule: `constant`; `cosine`, down to 0 (Loshchilov & Hutter, 2017); `exponential`, down to a hundredth. Both
            run over the steps of all `epochs`.
        patience: Epochs without a better validation loss before training stops.
        class_weight: `balanced` weighs a row by n / (classes * rows of its class).
        seed: Seed of the order of rows, dropout and augmentation.
        trainable: `head`, the last N layers with weights, `all`, or the layers of given names.
        decay: Learning rate of a layer as a share of that of the layer above it, (0, 1]; 1: all alike.
    """

    epochs: int = 20
    batch_size: int = 32
    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: float = 1e-3
    schedule: Literal["constant", "cosine", "exponential"] = "constant"
    patience: int = 5
    class_weight: Literal["none", "balanced"] = "none"
    seed: int = 0
    trainable: Trainable = "all"
    decay: float = 1.0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            if getattr(self, name) < 1:
                raise ValueError(f"Invalid `{name}`. Expected at least 1. Received: {name}={getattr(self, name)}.")
        if not (isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(f"Invalid `learning_rate`. Expected a number > 0. Received: learning_rate={self.learning_rate}.")
        if not 0 < self.decay <= 1:
            raise ValueError(f"Invalid `decay`. Expected a share in (0, 1]. Received: decay={self.decay}.")
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(f"Invalid `{name}`. Expected one of {list(known)}. Received: {name}={getattr(self, name)!r}.")


_CHOICES = {
    "optimizer": ("adam", "sgd"),
    "schedule": ("constant", "cosine", "exponential"),
    "class_weight": ("none", "balanced"),
}


@dataclass(frozen=True)
class History:
    """What happened, epoch by epoch; the model holds the weights of `best_epoch` (1 is the first, 0 is before it).

    `learning_rate` is that of an epoch's last step.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    best_epoch: int = 0
    best_validation_loss: float = float("inf")

    @property
    def epochs_run(self) -> int:
        """Epochs until training stopped."""
        return len(self.loss)


def fit(
    model: keras.Model,
    train: Rows,
    validation: Rows,
    settings: FitSettings,
    *,
    augment: Augment | None = None,
    masks: "Masks | None" = None,
    lesson: Lesson | None = None,
    row_weights: np.ndarray | None = None,
    on_epoch: OnEpoch | None = None,
) -> History:
    """Trains `model` in place and leaves it with the weights of the lowest validation loss.

    The weights it came with count as epoch 0: where no epoch is better, they stay. Equal weights, rows and settings give
    equal weights.

    Args:
        model: A classifier with one input and a softmax over the classes.
        train: x float32 [n, ...] and y, class indices [n].
        validation: Likewise; decides when to stop and which weights to keep.
        settings: How to train.
        augment: Changes training rows anew in every epoch: (float32 [m, ...], Generator) -> float32 [m, ...].
        masks: Zeros to keep (see `Masks.of`).
        lesson: What to learn from besides the labels (see `Lesson`); the validation loss stays cross-entropy.
        row_weights: Weight of each training row in the loss, float [n], times that of its class.
        on_epoch: Called after each epoch with its number, from 1, and its values, named as the lists of `History`.

    Returns:
        The history.

    Raises:
        ValueError: Rows do not fit the model, or the loss is not a number any more.
    """
    x, y = checked("train", train, model)
    known = checked("validation", validation, model)
    rng = np.random.default_rng(settings.seed)
    reseed(model, settings.seed)
    if masks:
        masks.apply(model)
    steps = ceil(len(x) / settings.batch_size)
    with only(model, settings.trainable), keeping_pace(model, steps):
        rate = _schedule(settings, settings.epochs * steps)
        optimizer = keras.optimizers.Adam(rate) if settings.optimizer == "adam" else keras.optimizers.SGD(rate, momentum=0.9)
        loop = Loop(model, optimizer, settings.batch_size, masks, lesson, slower_below(model, settings.decay))
        counts = weights(y, settings.class_weight)
        if row_weights is not None:
            counts = counts * given_weights(row_weights, len(x))
        values: dict[str, list[float]] = {name: [] for name in VALUES}
        best_epoch, best_loss, best = 0, loop.validate(known)[0], model.get_weights()
        for epoch in range(1, settings.epochs + 1):
            log = loop.epoch((x, y), counts, known, rng, augment)
            if not isfinite(log["loss"] + log["validation_loss"]):
                model.set_weights(best)
                raise ValueError(diverged(epoch, log, settings.learning_rate))
            for name, value in log.items():
                values[name].append(value)
            if log["validation_loss"] < best_loss or not isfinite(best_loss):
                best_epoch, best_loss, best = epoch, log["validation_loss"], model.get_weights()
            if on_epoch:
                on_epoch(epoch, log)
            if epoch - best_epoch >= settings.patience:
                break
        model.set_weights(best)
    return History(**values, best_epoch=best_epoch, best_validation_loss=best_loss)


def staged(
    model: keras.Model,
    stages: Sequence[FitSettings],
    train: Rows,
    validation: Rows,
    *,
    augment: Augment | None = None,
    masks: "Masks | None" = None,
    lessons: Sequence[Lesson | None] | None = None,
    on_epoch: OnEpoch | None = None,
) -> list[History]:
    """Trains stage by stage, each with its own `trainable`: the head first, then the last layers, then all.

    Each stage starts from the best weights of the one before it. `lessons` has one for each stage, and `on_epoch` counts
    epochs on through them.

    Returns:
        One history a stage.
    """
    histories: list[History] = []
    for settings, lesson in zip(stages, lessons or [None] * len(stages), strict=True):
        done = sum(history.epochs_run for history in histories)
        report = (lambda epoch, log, done=done: on_epoch(done + epoch, log)) if on_epoch else None
        histories.append(fit(model, train, validation, settings, augment=augment, masks=masks, lesson=lesson, on_epoch=report))
    return histories


def _schedule(settings: FitSettings, steps: int) -> Any:
    schedules = keras.optimizers.schedules
    if settings.schedule == "cosine":
        return schedules.CosineDecay(settings.learning_rate, steps)
    if settings.schedule == "exponential":
        return schedules.ExponentialDecay(settings.learning_rate, steps, decay_rate=0.01)
    return settings.learning_rate
