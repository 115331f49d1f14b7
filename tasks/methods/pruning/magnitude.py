"""Gradual magnitude pruning: the smallest weights of every layer go, a few more at a time (Zhu & Gupta, arXiv:1710.01878)."""

import warnings
from collections.abc import Callable
from math import ceil, isfinite
from typing import Any

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.networks.graph import to_functional
from tasks.methods.networks.loop import Loop, diverged, reseed
from tasks.methods.networks.rows import Rows, checked, weights
from tasks.methods.pruning.masks import kernels, overall
from tasks.methods.pruning.masks import sparsity as sparsity_of
from tasks.methods.quiet import quiet

_RAMP = 0.6  # share of the steps over which sparsity rises; in the rest, what is left recovers
_UPDATES = 32  # times the masks are drawn anew on the way


def prune(
    model: keras.Model,
    sparsity: float,
    train: Rows,
    validation: Rows,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    on_epoch: Callable[[int, dict[str, float]], None] | None = None,
) -> keras.Model:
    """A sparse copy of `model`, trained while its sparsity rises and then to recover.

    Every kernel reaches the same sparsity; one that has more zeros already keeps them. Layers that cannot be pruned
    (BatchNormalization, depthwise convolutions, biases) stay dense. Of the epochs that end at full sparsity, the one with
    the lowest validation loss is taken.

    Args:
        model: A trained classifier; it is not changed.
        sparsity: Fraction of zeros to reach in every kernel, [0, 1).
        train: x float32 [n, ...] and y, class indices [n].
        validation: Likewise.
        epochs: Passes over the training rows, ramp and recovery together.
        batch_size: Rows in a step.
        learning_rate: Adam's.
        seed: Seed of the order of rows and of dropout.
        on_epoch: Called after each epoch with its number, from 1, and loss, accuracy, validation_loss,
            validation_accuracy, learning_rate and sparsity.

    Returns:
        A flat functional model without any pruning wrapper; its zeros are exact.

    Raises:
        ValueError: A sparsity that is no fraction, rows that do not fit, or a loss that is not a number any more.
    """
    if not 0 <= sparsity < 1:
        raise ValueError(f"Invalid `sparsity`. Expected a fraction in [0, 1), not a percentage. Received: sparsity={sparsity}.")
    if epochs < 1 or batch_size < 1:
        raise ValueError(
            f"Invalid `epochs` or `batch_size`. Expected at least 1. Received: epochs={epochs}, batch_size={batch_size}."
        )
    train, validation = checked("train", train, model), checked("validation", validation, model)
    result, latest = to_functional(model), to_functional(model)
    if sparsity == 0 or not kernels(result):
        return result
    steps = ceil(len(train[0]) / batch_size)
    end, frequency = _ramp(epochs, steps)
    wrapped, callback = _wrap(to_functional(model), sparsity, end, frequency)
    reseed(wrapped, seed)
    loop = Loop(wrapped, keras.optimizers.Adam(learning_rate), batch_size, None)
    rng, row_weights = np.random.default_rng(seed), weights(train[1], "none")
    best_loss = float("inf")
    for epoch in range(1, epochs + 1):
        log = loop.epoch(train, row_weights, validation, rng)
        if not isfinite(log["loss"] + log["validation_loss"]):
            raise ValueError(diverged(epoch, log, learning_rate))
        callback.on_epoch_end(epoch)  # the epoch's last step may have moved masked weights
        _take_weights(latest, wrapped)
        if epoch * steps >= end and log["validation_loss"] < best_loss:
            best_loss = log["validation_loss"]
            result.set_weights(latest.get_weights())
        if on_epoch:
            on_epoch(epoch, {**log, "sparsity": overall(latest)})
    return result


def _ramp(epochs: int, steps: int) -> tuple[int, int]:
    """Last step of the ramp, and steps between two updates of the masks.

    tfmot updates on multiples of the frequency alone, so the last step has to be one, or full sparsity is never reached.
    """
    total = epochs * steps
    last = max(1, min(round(_RAMP * total), total - steps if epochs > 1 else total))
    frequency = max(1, last // _UPDATES)
    return last - last % frequency, frequency


def _wrap(model: keras.Model, sparsity: float, end: int, frequency: int) -> tuple[keras.Model, Any]:
    """`model` with pruning wrappers around its kernels' layers, and tfmot's callback, its step counter set."""
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tensorflow_model_optimization.python.core.sparsity.keras import prune, pruning_callbacks, pruning_schedule
    before = sparsity_of(model)

    def wrap(layer: Any) -> Any:
        if layer.name not in before:
            return layer
        start = before[layer.name]
        schedule = pruning_schedule.PolynomialDecay(
            start, max(start, sparsity), begin_step=0, end_step=end, frequency=frequency
        )
        return prune.prune_low_magnitude(layer, pruning_schedule=schedule)

    wrapped = keras.models.clone_model(model, clone_function=wrap)
    callback = pruning_callbacks.UpdatePruningStep()
    callback.set_model(wrapped)
    callback.on_train_begin()
    return wrapped, callback


def _take_weights(plain: keras.Model, wrapped: keras.Model) -> None:
    """Copies the weights of `wrapped` into `plain`, layer by layer, leaving out what the pruning wrappers hold."""
    for layer in wrapped.layers:
        inner = getattr(layer, "layer", layer)
        if inner.weights:
            plain.get_layer(inner.name).set_weights(inner.get_weights())
