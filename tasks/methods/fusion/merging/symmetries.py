"""Which units of a network may change places, read off its graph as channel pruning reads it (`dependency_groups`)."""

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.methods.fusion.merging.units import Place, Units

if TYPE_CHECKING:
    from tasks.methods.backend import keras
    from tasks.methods.pruning.dependency_groups import Dependencies, Group

Ids = np.ndarray  # int64: the channel at each position of an axis
Axes = dict[int, Ids]  # axis -> its channels


def units_of(flat: "keras.Model") -> list[Units]:
    """The units of a network that may change places.

    Channels that go together in channel pruning (added ones, or all pixels' of a feature map) move together. Two may change
    places where they stand on the same axes of the same arrays as often: so layers whose outputs are laid side by side and
    then added to a third layer's are kept apart. Inputs, outputs and whatever a layer touches that is not understood stay.

    Args:
        flat: A functional model without nested ones, as `to_functional` gives it.

    Returns:
        Sets of two units or more, their arrays numbered as in `flat.get_weights()`.
    """
    from tasks.methods.pruning.dependency_groups import dependencies

    found = dependencies(flat)
    free = {channel for group in found.groups if not group.whole for channel in group.channels.tolist()}
    stands: dict[int, dict[tuple[int, int], list[int]]] = defaultdict(dict)
    for array, axes in _axes_of_arrays(flat, found).items():
        for axis, ids in axes.items():
            for position, channel in enumerate(ids.tolist()):
                if channel in free:
                    stands[channel].setdefault((array, axis), []).append(position)
    alike: dict[tuple[tuple[int, int, int], ...], list[int]] = defaultdict(list)
    for channel in sorted(stands):
        alike[tuple(sorted((*place, len(at)) for place, at in stands[channel].items()))].append(channel)
    return [
        Units(tuple(Place(array, axis, np.array([stands[each][array, axis] for each in them])) for array, axis, _ in where))
        for where, them in alike.items()
        if len(them) > 1
    ]


def unmatchable(flat: "keras.Model") -> str:
    """Why units of some layer can't be matched between two networks of this architecture; empty where all can be.

    Units of inputs and outputs mean the same in both, and need no matching.

    Args:
        flat: As for `units_of`.
    """
    from tasks.methods.networks.graph import head_layers, layers_with_weights
    from tasks.methods.pruning.channel_kernels import KERNEL_RULES
    from tasks.methods.pruning.dependency_groups import dependencies

    for layer in layers_with_weights(flat):
        if type(layer) not in KERNEL_RULES:
            return f"what the units of {layer.name!r}, a {type(layer).__name__} layer, are is not known"
    found = dependencies(flat)
    ends = [tensor._keras_history.layer.name for tensor in (*flat.inputs, *flat.outputs)]
    fixed = {channel for name in ends for channel in found.made[name].tolist()}
    heads = {layer.name for layer in head_layers(flat)}
    for group in found.groups:
        if group.whole and not heads & set(group.producers) and fixed.isdisjoint(group.channels.tolist()):
            return f"the units of {_names(group)} have to stay in their order: {group.whole}"
    return ""


def _names(group: "Group") -> str:
    return ", ".join(map(repr, group.producers))


def _axes_of_arrays(flat: "keras.Model", found: "Dependencies") -> dict[int, Axes]:
    """Number of an array -> which of its axes count channels, and which."""
    from tasks.methods.networks.graph import layers_with_weights

    number = {id(variable): index for index, variable in enumerate(flat.weights)}
    rules = _rules()
    axes: dict[int, Axes] = {}
    for layer in layers_with_weights(flat):
        rule = rules.get(type(layer))
        if rule is not None:
            for variable, of in zip(layer.weights, rule(layer, found.read[layer.name], found.made[layer.name]), strict=True):
                axes[number[id(variable)]] = of
    return axes


def _rules() -> dict[type, Callable[[Any, Ids, Ids], list[Axes]]]:
    """Layer -> (layer, channels read, channels made) -> the axes of each of its arrays; axes are counted from 0."""
    from tasks.methods.backend import keras

    layers = keras.layers
    return {
        layers.BatchNormalization: _vectors,
        **dict.fromkeys((layers.Dense, layers.Conv1D, layers.Conv2D, layers.Conv3D), _kernel),
        **dict.fromkeys((layers.DepthwiseConv1D, layers.DepthwiseConv2D), _depthwise),
        **dict.fromkeys((layers.SeparableConv1D, layers.SeparableConv2D), _separable),
    }


def _vectors(layer: Any, read: Ids, made: Ids) -> list[Axes]:
    return [{0: made} for _ in layer.weights]


def _kernel(layer: Any, read: Ids, made: Ids) -> list[Axes]:
    last = layer.kernel.shape.rank - 1  # [..., in, out]
    return [{last - 1: read, last: made}, *({0: made} for _ in layer.weights[1:])]


def _depthwise(layer: Any, read: Ids, made: Ids) -> list[Axes]:
    last = layer.depthwise_kernel.shape.rank - 1  # [..., in, multiplier]
    return [{last - 1: read}, *({0: made} for _ in layer.weights[1:])]


def _separable(layer: Any, read: Ids, made: Ids) -> list[Axes]:
    last = layer.depthwise_kernel.shape.rank - 1  # [..., in, multiplier], then [..., in * multiplier, out]
    between = np.repeat(read, layer.depth_multiplier)
    return [{last - 1: read}, {last - 1: between, last: made}, *({0: made} for _ in layer.weights[2:])]
