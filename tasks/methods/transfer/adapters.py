"""Adapters: small layers between those of a network that stays as it is (Houlsby et al., 2019; Rebuffi et al., 2017)."""

from typing import Any

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.networks.graph import head_layers, layers_with_weights, to_functional
from tasks.methods.networks.replay import Replay
from tasks.methods.pruning.masks import kernels

MARK = "adapter_"  # in the name of each of their layers
_SHARE, _LEAST, _MOST = 8, 4, 16  # a bottleneck has an eighth of the channels, but neither fewer nor more than these
_SPREAD = 1e-3  # of the first weights of `up`: near enough to zero that the network starts as it was
_RANKS = (2, 3, 4)


def with_adapters(model: keras.Model, seed: int) -> keras.Model:
    """A copy of a network with an adapter after each hidden layer that has a kernel.

    An adapter computes h + up(relu(down(h))). `down` has an eighth of the channels of h, at least 4 and at most 16; both are
    Dense layers, or 1x1 convolutions on feature maps. The first weights of `up` are nearly zero, so that the copy computes
    what the network did; those of `down` are not, as in LoRA (Hu et al., 2021, arXiv:2106.09685), since the adapter learns
    much faster so than where both are small (Houlsby et al., 2019). A layer that has an adapter from an earlier project gets
    no second one.

    Args:
        model: A trained network; it is not changed.
        seed: Seed of the adapters' weights.

    Returns:
        A flat functional model of built-in layers.
    """
    flat = to_functional(model)
    heads = {layer.name for layer in head_layers(flat)}
    bare = [name for name in kernels(flat) if name not in heads and MARK not in name and not _has_adapter(flat.get_layer(name))]
    seeds = np.random.SeedSequence([seed, 9]).generate_state(2 * len(bare)).tolist()
    insert = _Insert({name: (seeds[2 * place], seeds[2 * place + 1]) for place, name in enumerate(bare)})
    inputs = keras.Input(flat.inputs[0].shape[1:], dtype=flat.inputs[0].dtype, name=insert.name(flat.input_names[0]))
    return keras.Model(inputs, insert.run(flat, [inputs])[0], name=model.name)


def adapter_layers(model: keras.Model) -> tuple[str, ...]:
    """Names of what learns in a network with adapters: these, its normalisations, and its head."""
    heads = {layer.name for layer in head_layers(model)}
    normalising = (keras.layers.BatchNormalization, keras.layers.LayerNormalization, keras.layers.GroupNormalization)
    layers = layers_with_weights(model)
    return tuple(each.name for each in layers if each.name in heads or MARK in each.name or isinstance(each, normalising))


class _Insert(Replay):
    """Replays a graph with an adapter after each of some layers, given with the two seeds of its weights."""

    def __init__(self, after: dict[str, tuple[int, int]]) -> None:
        super().__init__()
        self._after = after
        self._made: dict[str, tuple[Any, Any, Any]] = {}

    def _call(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, path: str, training: Any) -> Any:
        result = super()._call(layer, args, kwargs, path=path, training=training)
        if layer.name not in self._after or len(result.shape) not in _RANKS:
            return result
        if layer.name not in self._made:  # a layer that is used twice has one adapter
            self._made[layer.name] = self._adapter(layer.name, result)
        down, up, add = self._made[layer.name]
        return add([result, up(down(result))])

    def _adapter(self, name: str, tensor: Any) -> tuple[Any, Any, Any]:
        channels = int(tensor.shape[-1])
        sizes = {"down": min(max(_LEAST, channels // _SHARE), _MOST), "up": channels}
        layers = []
        for (part, units), seed in zip(sizes.items(), self._after[name], strict=True):
            own = {
                "activation": "relu" if part == "down" else None,
                "kernel_initializer": _first(part, seed),
                "name": self.name(f"{MARK}{name}_{part}"),
            }
            is_map = len(tensor.shape) == 4
            layers.append(keras.layers.Conv2D(units, 1, **own) if is_map else keras.layers.Dense(units, **own))
        return layers[0], layers[1], keras.layers.Add(name=self.name(f"{MARK}{name}_add"))


def _first(part: str, seed: int) -> Any:
    if part == "down":
        return keras.initializers.HeUniform(seed)
    return keras.initializers.TruncatedNormal(stddev=_SPREAD, seed=seed)


def _has_adapter(layer: keras.layers.Layer) -> bool:
    return any(MARK in node.layer.name for node in layer._outbound_nodes)
