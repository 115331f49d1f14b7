"""Gradual unfreezing with discriminative learning rates: one layer more an epoch, the lower the slower (ULMFiT)."""

from dataclasses import replace

import numpy as np

from tasks.methods.transfer.objectives.base import Prepared, Source, Start, objective, objectives

DECAY = 1 / 2.6  # of the learning rate, a group of layers; found best by the paper


@objectives.register("gradual_unfreezing", reference="ULMFiT, Howard & Ruder, 2018, arXiv:1801.06146, sections 3.2 and 3.3")
@objective()
def gradual_unfreezing(start: Start, source: Source) -> Prepared:
    """lr_{l-1} = lr_l / 2.6; layers l..L learn in epoch L - l + 1, until all do, for the rest of the recipe's epochs.

    A network with more layers than half of the epochs has them unfrozen in groups, and the rate falls from group to group.
    The last stage of the recipe gives the head's learning rate, and the decay where it is below 1.

    Args:
        start: The heir.
        source: Not read.

    Returns:
        The heir, with a stage of one epoch for each group but the lowest, and one for all layers.
    """
    from tasks.methods.networks.graph import layers_with_weights

    layers, last, epochs = len(layers_with_weights(start.model)), start.stages[-1], start.epochs
    groups = max(1, min(layers, epochs // 2 + 1))
    decay = last.decay if last.decay < 1 else DECAY ** (groups / layers)
    seeds = np.random.SeedSequence(start.seed).generate_state(groups).tolist()  # else every first epoch had the same order
    counts = [round(layers * (group + 1) / groups) for group in range(groups - 1)]
    steps = [
        replace(last, epochs=1, trainable=count, decay=decay, seed=seed) for count, seed in zip(counts, seeds, strict=False)
    ]
    rest = replace(last, epochs=epochs - len(steps), trainable="all", decay=decay, seed=seeds[-1])
    return Prepared(start.model, (*steps, rest))
