"""Training in wrappers that takes the weights of the best epoch: how networks are pruned, clustered, made ready for int8."""

from collections.abc import Callable
from math import isfinite
from typing import Any

import numpy as np

from tasks.methods.networks.loop import Augment, Loop, diverged
from tasks.methods.networks.rows import Rows, weights

OnEpoch = Callable[[int, dict[str, float]], None]


def best_epoch(
    loop: Loop,
    train: Rows,
    validation: Rows,
    epochs: int,
    learning_rate: float,
    rng: np.random.Generator,
    state: Callable[[], list[np.ndarray]],
    *,
    counts_from: int = 0,
    before: Callable[[int], None] | None = None,
    augment: Augment | None = None,
    on_epoch: OnEpoch | None = None,
) -> list[np.ndarray]:
    """Trains for all `epochs`, and gives the state that had the lowest validation loss.

    Args:
        loop: Of the network in its wrappers.
        train: x float32 [n, ...] and y, int64 [n], as `checked` gives them.
        validation: Likewise.
        epochs: Passes over the training rows, at least 1.
        learning_rate: The optimizer's; named where the loss is not a number any more.
        rng: Draws the order of rows.
        state: Reads what is kept of an epoch; called once after each, and once before training where that counts.
        counts_from: The first epoch whose state may be taken; 0 is the one before training.
        before: Called before each epoch with its number, from 1.
        augment: Changes training rows anew in every epoch (see `fit`).
        on_epoch: Called after each epoch, and after `state`, with its number and the loop's values.

    Returns:
        What `state` gave at the best epoch.

    Raises:
        ValueError: A loss is not a number any more.
    """
    row_weights = weights(train[1], "none")
    best_loss, best = (loop.validate(validation)[0], state()) if counts_from == 0 else (float("inf"), [])
    for epoch in range(1, epochs + 1):
        if before:
            before(epoch)
        log: dict[str, Any] = loop.epoch(train, row_weights, validation, rng, augment)
        if not isfinite(log["loss"] + log["validation_loss"]):
            raise ValueError(diverged(epoch, log, learning_rate))
        found = state()
        if epoch >= counts_from and log["validation_loss"] < best_loss:
            best_loss, best = log["validation_loss"], found
        if on_epoch:
            on_epoch(epoch, log)
    return best
