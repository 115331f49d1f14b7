"""Scores of a whole group of channels: the sum over all filters that make them (Fang et al., arXiv:2301.12900)."""

from collections.abc import Mapping

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.pruning.channel_kernels import kernel_of
from tasks.methods.pruning.channel_scores import Score
from tasks.methods.pruning.dependency_groups import Dependencies, Group


def group_scores(flat: keras.Model, found: Dependencies, group: Group, score: Score | Mapping[str, np.ndarray]) -> np.ndarray:
    """Score of every channel of a group: the sum over all filters that make it.

    Args:
        flat: A functional model without nested ones.
        found: Its dependencies.
        group: One of their groups.
        score: Computes a filter's score from a kernel, or layer name -> scores [output channels] known already.

    Returns:
        float64 [n], in the order of the group's channels.

    Raises:
        ValueError: `score` does not give one finite number a channel.
    """
    total: np.ndarray = np.zeros(found.channels)
    for name in group.producers:
        made = found.made[name]
        if isinstance(score, Mapping):
            values = np.asarray(score.get(name, ()))
        else:
            values = np.asarray(score(kernel_of(flat.get_layer(name)).astype(np.float64)))
        if values.shape != made.shape or not np.isfinite(values).all():
            received = f"shape={list(values.shape)}" if values.shape != made.shape else "NaN or infinity"
            raise ValueError(
                f"Invalid `score`. Expected one finite number for each of {len(made)} channels of {name!r}. "
                f"Received: {received}."
            )
        np.add.at(total, made, values)
    chosen: np.ndarray = total[group.channels]
    return chosen
