"""Weights as Keras 3 (and tf_keras in `.weights.h5`) keeps them: one group a layer, numbered within its class."""

import re
from collections import Counter
from typing import Any

import h5py

from tasks.methods.backend import keras
from tasks.methods.networks.formats.legacy_weights import require_shapes


def load_store(model: keras.Model, layers: list[dict[str, Any]], store: h5py.Group) -> None:
    """Copies the weights of a store into a model, layer by layer.

    Args:
        model: A functional or Sequential model of layers without sub-layers.
        layers: Configurations of its layers, in the order in which the store numbers those of one class. What was put in for
            activations and operations has no weights, so it is numbered with no effect.
        store: The open file, or a nested model's group in it.

    Raises:
        ValueError: Names the first layer whose weights the store lacks, or holds in another shape.
    """
    groups = store.get("layers")
    if not isinstance(groups, h5py.Group):
        raise ValueError("the store of weights has no group 'layers'")
    seen: Counter[str] = Counter()
    for layer in layers:
        kind = _snake(layer["class_name"])
        group = groups.get(f"{kind}_{seen[kind]}" if seen[kind] else kind)
        seen[kind] += 1
        if layer["class_name"] == "InputLayer":
            continue  # a Sequential has none of its own in tf_keras
        built = model.get_layer(layer["config"]["name"])
        if isinstance(built, keras.Model):
            if not isinstance(group, h5py.Group):
                raise ValueError(f"the store has no weights of the nested model {built.name!r}")
            load_store(built, layer["config"]["layers"], group)
        elif built.weights:
            held = group.get("vars", {}) if isinstance(group, h5py.Group) else {}
            values = [held[str(index)][()] for index in range(len(held))]
            require_shapes(built.name, built.weights, values)
            built.set_weights(values)


def _snake(name: str) -> str:
    """As Keras names the groups of its weight store: BatchNormalization -> batch_normalization."""
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", re.sub(r"\W+", "", name))).lower()
