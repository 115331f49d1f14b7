"""Gradual pruning: a few more weights go at a time, and the rest learn to do without (Zhu & Gupta, 2017, arXiv:1710.01878)."""

from collections.abc import Mapping
from functools import partial
from math import ceil

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.networks.best_epoch import OnEpoch, best_epoch
from tasks.methods.networks.graph import to_functional
from tasks.methods.networks.loop import Augment, Loop, reseed
from tasks.methods.networks.rows import Rows, checked
from tasks.methods.pruning.between_epochs import BetweenEpochs
from tasks.methods.pruning.gradients import Gradients
from tasks.methods.pruning.in_graph import InGraph
from tasks.methods.pruning.masks import kernels, overall
from tasks.methods.pruning.plan import Drawing, Plan
from tasks.methods.pruning.scores import layer_scores
from tasks.methods.pruning.targets import layer_targets


def prune(
    model: keras.Model,
    sparsity: float | Mapping[str, float],
    train: Rows,
    validation: Rows,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    on_epoch: OnEpoch | None = None,
    *,
    criterion: str = "magnitude",
    budget: str = "per_layer",
    schedule: str = "polynomial",
    m_by_n: tuple[int, int] | None = None,
    augment: Augment | None = None,
) -> keras.Model:
    """A sparse copy of `model`, trained while its sparsity rises and then to recover.

    A kernel that has more zeros already keeps them: what is zero stays zero. Layers that cannot be pruned
    (BatchNormalization, depthwise convolutions, biases) stay dense. Of the epochs that end at full sparsity, the one with
    the lowest validation loss is taken. Magnitude per layer is drawn by tfmot every few steps, all else between epochs.

    Args:
        model: A trained classifier; it is not changed.
        sparsity: Fraction of zeros to reach, [0, 1): one number, or layer name -> fraction, where layers that are not named
            stay as they are.
        train: x float32 [n, ...] and y, class indices [n].
        validation: Likewise.
        epochs: Passes over the training rows, ramp and recovery together.
        batch_size: Rows in a step.
        learning_rate: Adam's.
        seed: Seed of the order of rows, of dropout and of random scores.
        on_epoch: Called after each epoch with its number, from 1, and loss, accuracy, validation_loss,
            validation_accuracy, learning_rate and sparsity.
        criterion: A registered criterion: which weights go first.
        budget: A registered budget: how one sparsity is shared among layers.
        schedule: A registered schedule: how sparsity rises.
        augment: Changes training rows anew in every epoch (see `fit`).
        m_by_n: (2, 4) makes 2 zeros of every 4 consecutive inputs (see `m_by_n_mask`); `sparsity` has to be m / n then.

    Returns:
        A flat functional model without any pruning wrapper; its zeros are exact.

    Raises:
        ValueError: An unknown name, a layer that does not exist, a sparsity that is no fraction, rows that do not fit, or a
            loss that is not a number any more.
    """
    if epochs < 1 or batch_size < 1:
        raise ValueError(
            f"Invalid `epochs` or `batch_size`. Expected at least 1. Received: epochs={epochs}, batch_size={batch_size}."
        )
    result = to_functional(model)
    plan = Plan(sparsity, criterion, budget, schedule, m_by_n)
    plan.check(result)
    train, validation = checked("train", train, model), checked("validation", validation, model)
    if not any(layer_targets(sparsity, kernels(result)).values()):
        return result
    drawing = _drawing(result, plan, train, epochs, batch_size, seed)
    reseed(drawing.wrapped.model, seed)

    def state() -> list[np.ndarray]:
        drawing.wrapped.copy_to(result)
        found: list[np.ndarray] = result.get_weights()
        return found

    best = best_epoch(
        Loop(drawing.wrapped.model, keras.optimizers.Adam(learning_rate), batch_size, None),
        train,
        validation,
        epochs,
        learning_rate,
        np.random.default_rng(seed),
        state,
        counts_from=drawing.full_from,
        before=drawing.before,
        augment=augment,
        on_epoch=(lambda epoch, log: on_epoch(epoch, {**log, "sparsity": overall(result)})) if on_epoch else None,
    )
    result.set_weights(best)
    return result


def _drawing(latest: keras.Model, plan: Plan, train: Rows, epochs: int, batch_size: int, seed: int) -> Drawing:
    """What draws the masks; `latest` is given the weights after each epoch."""
    if InGraph.can(plan):
        return InGraph(to_functional(latest), plan, epochs, ceil(len(train[0]) / batch_size))
    rng = np.random.default_rng([seed, 1])  # its own stream: every criterion sees the rows in the same order
    gradients = partial(Gradients(latest), train, rng)
    return BetweenEpochs(to_functional(latest), plan, epochs, partial(layer_scores, latest, plan.criterion, gradients, rng))
