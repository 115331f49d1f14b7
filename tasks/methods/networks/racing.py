"""A network that is trained a few epochs at a time, as a race asks for it (see `tasks.methods.selection.race`)."""

from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.networks.batch_statistics import keeping_pace
from tasks.methods.networks.freeze import Trainable, only
from tasks.methods.networks.loop import Augment, Loop, reseed
from tasks.methods.networks.rows import Rows, checked, weights

if TYPE_CHECKING:
    from tasks.methods.pruning.masks import Masks

_BATCH = 256
_SURE = 1e-7  # the smallest probability, as Keras' own cross-entropy takes it


class Racer:
    """Trains a network on from where it stands, with one optimizer from the first epoch to the last.

    Args:
        model: A classifier with one input and a softmax over the classes; it is trained in place.
        train: x float32 [n, ...] and y, class indices [n].
        validation: Likewise.
        batch_size: Rows in a step.
        learning_rate: Adam's step.
        seed: Seed of the order of rows, dropout and augmentation: the same for all who race.
        trainable: Which layers learn (see `freeze.only`).
        augment: Changes training rows anew in every epoch (see `fit`).
        masks: Zeros to keep.

    Raises:
        ValueError: Rows do not fit the model.
    """

    def __init__(
        self,
        model: keras.Model,
        train: Rows,
        validation: Rows,
        *,
        batch_size: int,
        learning_rate: float,
        seed: int,
        trainable: Trainable = "all",
        augment: Augment | None = None,
        masks: "Masks | None" = None,
    ) -> None:
        self._model, self._trainable, self._augment = model, trainable, augment
        self._steps = ceil(len(train[0]) / batch_size)
        self._train, self._validation = checked("train", train, model), checked("validation", validation, model)
        self._rng = np.random.default_rng(seed)
        reseed(model, seed)
        if masks:
            masks.apply(model)
        with only(model, trainable):
            self._loop = Loop(model, keras.optimizers.Adam(learning_rate), batch_size, masks)
        self._best = self._losses()

    def __call__(self, epochs: int) -> np.ndarray:
        """Trains for `epochs` more, perhaps none.

        Returns:
            The validation loss of each row, float64 [v], by the best weights so far, as training keeps them (see `fit`): those
            at the start count, too. Not finite where it diverged.
        """
        if not epochs:
            return self._best
        counts = weights(self._train[1], "none")
        # The loop is traced in its first epoch, and reads flags and momenta then.
        with only(self._model, self._trainable), keeping_pace(self._model, self._steps):
            for _ in range(epochs):
                self._loop.learn(self._train, counts, self._rng, self._augment)
        found = self._losses()
        if not found.mean() >= self._best.mean():  # NaN as well: who diverged is out of the race
            self._best = found
        return self._best

    def _losses(self) -> np.ndarray:
        x, y = self._validation
        parts = range(0, len(x), _BATCH)
        # Called as it is: a compiled function would cost more than it saves on so few rows.
        found = np.concatenate([self._model(x[start : start + _BATCH], training=False).numpy() for start in parts])
        return -np.log(np.maximum(found[np.arange(len(y)), y].astype(np.float64), _SURE))
