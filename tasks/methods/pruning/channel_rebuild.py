"""Builds a network again without some of its channels."""

from typing import Any

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.pruning.dependency_groups import Dependencies, rule_of


def rebuild(flat: keras.Model, found: Dependencies, keep: np.ndarray) -> keras.Model:
    """A smaller network that holds the weights of the channels kept.

    Args:
        flat: A functional model without nested ones; it is not changed.
        found: Its dependencies.
        keep: bool [channels], True for channels that stay: all of those that are held, and one at least of each group.

    Returns:
        A functional model of the same layers under the same names.
    """
    config = flat.get_config()
    for entry in config["layers"]:
        _resize(entry, flat.get_layer(entry["config"]["name"]), found, keep)
    smaller = type(flat).from_config(config)
    for layer in flat.layers:
        if layer.weights:
            smaller.get_layer(layer.name).set_weights(_weights(layer, found, keep))
    return smaller


def _resize(entry: dict[str, Any], layer: Any, found: Dependencies, keep: np.ndarray) -> None:
    entry.pop("build_config", None)  # the sizes it was built with
    if isinstance(layer, keras.layers.InputLayer):
        return
    entry["config"].pop("batch_input_shape", None)
    rule = rule_of(layer)
    kept = keep[found.made[layer.name]]
    if rule and rule.resize and not kept.all():
        rule.resize(entry["config"], int(kept.sum()))


def _weights(layer: Any, found: Dependencies, keep: np.ndarray) -> list[np.ndarray]:
    rule = rule_of(layer)
    read, made = keep[found.read[layer.name]], keep[found.made[layer.name]]
    if rule is None or rule.cut is None or (read.all() and made.all()):
        whole: list[np.ndarray] = layer.get_weights()
        return whole
    return rule.cut(layer, np.flatnonzero(read), np.flatnonzero(made))
