"""Weights as `.h5` files keep them: one group a layer in the order of the graph, in whole models and in weights-only files."""

from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np

from tasks.methods.backend import keras


def load_legacy(model: keras.Model, group: h5py.Group) -> None:
    """Copies weights into a model, layer by layer in the order of the graph; layers' names need not agree.

    Args:
        model: The network they belong to.
        group: The group with the layers; the file itself where it holds weights only.

    Raises:
        ValueError: Names the first layer that differs.
    """
    stored = [(name, values) for name in _texts(group, "layer_names") if (values := _values(group[name]))]
    built = [(layer, weights) for layer in model.layers if (weights := _in_order(layer))]
    for (layer, weights), (name, values) in zip(built, stored, strict=False):
        require_shapes(layer.name, weights, values, stored_as=name)
    if len(stored) != len(built):
        first = stored[len(built)][0] if len(stored) > len(built) else built[len(stored)][0].name
        where = "the file has, and the network has not" if len(stored) > len(built) else "the network has, and the file has not"
        raise ValueError(
            f"expected weights for {len(built)} layers. Received: weights of {len(stored)} layers; the first that {where}, "
            f"is {first!r}"
        )
    for (_, weights), (_, values) in zip(built, stored, strict=True):
        for weight, value in zip(weights, values, strict=True):
            weight.assign(value)


def require_shapes(layer: str, weights: Sequence[Any], values: Sequence[np.ndarray], *, stored_as: str = "") -> None:
    """Raises where a layer's stored weights are not of its own shapes.

    Raises:
        ValueError: Names the layer, what it needs and what is stored.
    """
    needed, found = [list(weight.shape) for weight in weights], [list(value.shape) for value in values]
    if needed != found:
        alias = f" (stored as {stored_as!r})" if stored_as not in ("", layer) else ""
        raise ValueError(f"layer {layer!r}{alias}: expected weights of the shapes {needed}. Received: {found}")


def _in_order(layer: Any) -> list[Any]:
    """As Keras has always written them: trainable ones first, nested models' included."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _values(group: h5py.Group) -> list[np.ndarray]:
    return [np.asarray(group[name]) for name in _texts(group, "weight_names")]


def _texts(group: h5py.Group, name: str) -> list[str]:
    """An attribute with a list of names; a long one is split over several."""
    found = group.attrs.get(name)
    parts = [found] if found is not None else []
    while found is None and f"{name}{len(parts)}" in group.attrs:
        parts.append(group.attrs[f"{name}{len(parts)}"])
    return [text.decode() if isinstance(text, bytes) else str(text) for part in parts for text in part]
