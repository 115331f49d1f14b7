"""BatchNormalization taken into the kernel before it: the same function in inference, one layer less (arXiv:1712.05877, 3.2).

Conversion does so anyway. What is done to a kernel's values (clusters, a grid) lasts into the flatbuffer only if it is done
after this.
"""

from collections.abc import Collection
from typing import Any

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.networks.graph import to_functional

_KERNELS = {  # layer -> the weights that make its channels; exact types, a subclass may mean something else
    keras.layers.Dense: "kernel",
    keras.layers.Conv1D: "kernel",
    keras.layers.Conv2D: "kernel",
    keras.layers.Conv2DTranspose: "kernel",
    keras.layers.Conv3D: "kernel",
    keras.layers.DepthwiseConv1D: "depthwise_kernel",
    keras.layers.DepthwiseConv2D: "depthwise_kernel",
    keras.layers.SeparableConv1D: "pointwise_kernel",
    keras.layers.SeparableConv2D: "pointwise_kernel",
}


def foldable(model: keras.Model) -> dict[str, str]:
    """Layer name -> the BatchNormalization that can be folded into it.

    It reads the layer's output directly (no activation between), nothing else does, and both are called once.

    Args:
        model: A flat functional model.
    """
    found = {}
    for layer in model.layers:
        if type(layer) in _KERNELS and layer.activation is keras.activations.linear and _called_once(layer):
            nodes = layer.outbound_nodes
            is_output = any(tensor is layer.output for tensor in model.outputs)
            if len(nodes) == 1 and not is_output and _normalizes(nodes[0].layer, layer):
                found[layer.name] = nodes[0].layer.name
    return found


def fold_batch_normalization(model: keras.Model, into: Collection[str] | None = None) -> keras.Model:
    """A flat copy of `model` without the BatchNormalizations that can be folded: w g / s and (b - m) g / s + o.

    m and s^2 - epsilon are the moving mean and variance, g and o the scale and offset of a channel. Zeros stay zero; equal
    weights of different channels do not stay equal.

    Args:
        model: Any network with a graph; it is not changed.
        into: Names of layers, of those that `foldable` gives; None: all of them.

    Returns:
        A functional model whose other layers keep their names; a layer that something was folded into has a bias. Outputs
        in inference are those of `model` to rounding.

    Raises:
        ValueError: The model is subclassed, or was never built.
    """
    flat = to_functional(model)
    pairs = {name: norm for name, norm in foldable(flat).items() if into is None or name in into}
    if not pairs:
        return flat
    gone = {norm: name for name, norm in pairs.items()}
    config = flat.get_config()
    config["layers"] = [entry for entry in config["layers"] if entry["config"]["name"] not in gone]
    for entry in config["layers"]:
        entry["inbound_nodes"] = _renamed(entry["inbound_nodes"], gone)
        if entry["config"]["name"] in pairs:
            entry["config"]["use_bias"] = True
            entry.pop("build_config", None)
    config["output_layers"] = _renamed(config["output_layers"], gone)
    folded = type(flat).from_config(config)
    for layer in folded.layers:
        original = flat.get_layer(layer.name)
        if layer.name in pairs:
            layer.set_weights(_folded(original, flat.get_layer(pairs[layer.name])))
        elif layer.weights:
            layer.set_weights(original.get_weights())
    return folded


def _called_once(layer: Any) -> bool:
    return len(layer.inbound_nodes) == 1


def _normalizes(norm: Any, layer: Any) -> bool:
    """Whether `norm` is a BatchNormalization over the channels that `layer` makes, in inference mode whenever the model is."""
    if type(norm) is not keras.layers.BatchNormalization or not _called_once(norm):
        return False
    last = list(norm.axis) == [len(layer.output_shape) - 1] and getattr(layer, "data_format", None) != "channels_first"
    return last and not norm.inbound_nodes[0].call_kwargs.get("training")


def _folded(layer: Any, norm: Any) -> list[np.ndarray]:
    """The layer's weights, bias last, with `norm` in them."""
    scale = 1 / np.sqrt(norm.moving_variance.numpy().astype(np.float64) + norm.epsilon)
    if norm.scale:
        scale = scale * norm.gamma.numpy()
    bias = layer.bias.numpy() if layer.use_bias else np.zeros(len(scale))
    bias = (bias - norm.moving_mean.numpy()) * scale + (norm.beta.numpy() if norm.center else 0.0)
    chosen = getattr(layer, _KERNELS[type(layer)])
    kernels = [weight.numpy() * _by_channel(layer, scale) if weight is chosen else weight.numpy() for weight in layer.weights]
    return [*kernels[: len(kernels) - layer.use_bias], bias]


def _by_channel(layer: Any, scale: np.ndarray) -> np.ndarray:
    """One factor a channel, in the shape that broadcasts over the kernel."""
    if isinstance(layer, keras.layers.DepthwiseConv1D | keras.layers.DepthwiseConv2D):
        return scale.reshape(-1, layer.depth_multiplier)  # [..., in, multiplier]
    return scale[:, np.newaxis] if isinstance(layer, keras.layers.Conv2DTranspose) else scale


def _renamed(nested: Any, gone: dict[str, str]) -> Any:
    """The same references to tensors, those of layers that are gone to the layer before."""
    if isinstance(nested, dict):
        return {key: _renamed(value, gone) for key, value in nested.items()}
    if not isinstance(nested, list | tuple):
        return nested
    if len(nested) >= 3 and isinstance(nested[0], str) and nested[0] in gone and nested[1:3] in ([0, 0], (0, 0)):
        return [gone[nested[0]], 0, 0, *(_renamed(each, gone) for each in nested[3:])]
    return [_renamed(each, gone) for each in nested]
