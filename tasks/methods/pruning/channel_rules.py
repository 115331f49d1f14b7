"""How layers without kernels carry channels: passed on, added, laid side by side, spread over the rows of a vector."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.pruning.channel_ledger import Ids, Ledger

layers = keras.layers

Carry = Callable[[Any, list[Ids], Ledger], "Ids | None"]
Cut = Callable[[Any, np.ndarray, np.ndarray], "list[np.ndarray]"]
_ELEMENTWISE = {  # activations that look at one channel at a time, which softmax does not
    "elu",
    "exponential",
    "gelu",
    "hard_sigmoid",
    "leaky_relu",
    "linear",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "softplus",
    "softsign",
    "swish",
    "tanh",
}


@dataclass(frozen=True)
class Rule:
    """What becomes of channels in a layer. Channels are always the last axis.

    Args:
        carry: (node of the graph, ids of each input, ledger) -> ids of the output, or None where this use of the node's
            layer is not understood.
        cut: (layer, positions kept of the first input, of the output) -> its weights without the others; None where the
            layer has no weights.
        resize: (configuration, output channels) changes the configuration in place; None where it names no channels.
        makes: Whether the layer's kernel makes its output's channels anew.
    """

    carry: Carry
    cut: Cut | None = None
    resize: Callable[[dict[str, Any], int], None] | None = None
    makes: bool = False


def channels_last(layer: Any) -> bool:
    """Whether a layer keeps channels on the last axis, as most do without saying."""
    return getattr(layer, "data_format", None) in (None, "channels_last")


def elementwise(layer: Any) -> bool:
    """Whether a layer's activation looks at one channel at a time."""
    return getattr(layer.activation, "__name__", "") in _ELEMENTWISE


def _pass(node: Any, inputs: list[Ids], ledger: Ledger) -> Ids | None:
    return inputs[0] if channels_last(node.layer) else None


def _activate(node: Any, inputs: list[Ids], ledger: Ledger) -> Ids | None:
    return inputs[0] if elementwise(node.layer) else None


def _rescale(node: Any, inputs: list[Ids], ledger: Ledger) -> Ids | None:
    return inputs[0] if np.ndim(node.layer.scale) == np.ndim(node.layer.offset) == 0 else None


def _merge(node: Any, inputs: list[Ids], ledger: Ledger) -> Ids | None:
    """Add and its like: channel by channel. Sizes that are broadcast along the last axis are not understood."""
    ranks = {tensor.shape.rank for tensor in node.keras_inputs}
    if len({len(ids) for ids in inputs}) != 1 or len(ranks) != 1:
        return None
    for other in inputs[1:]:
        ledger.tie(inputs[0], other)
    return inputs[0]


def _concatenate(node: Any, inputs: list[Ids], ledger: Ledger) -> Ids | None:
    if node.layer.axis in (-1, node.outputs.shape.rank - 1):
        return np.concatenate(inputs)
    return _merge(node, inputs, ledger)


def _reshape(node: Any, inputs: list[Ids], ledger: Ledger) -> Ids | None:
    """Values keep their order, so where the last axis becomes m times as long, the channels repeat m times along it."""
    size = node.outputs.shape[-1]
    if not channels_last(node.layer) or size is None or size % len(inputs[0]):
        return None
    return np.tile(inputs[0], size // len(inputs[0]))


def _resize_reshape(config: dict[str, Any], channels: int) -> None:
    config["target_shape"] = [*config["target_shape"][:-1], channels]


RULES: dict[type, Rule] = {  # exact types: a subclass may mean something else
    **dict.fromkeys(
        (
            layers.ActivityRegularization,
            layers.AveragePooling1D,
            layers.AveragePooling2D,
            layers.AveragePooling3D,
            layers.Cropping1D,
            layers.Cropping2D,
            layers.Dropout,
            layers.ELU,
            layers.GaussianDropout,
            layers.GaussianNoise,
            layers.GlobalAveragePooling1D,
            layers.GlobalAveragePooling2D,
            layers.GlobalMaxPooling1D,
            layers.GlobalMaxPooling2D,
            layers.LeakyReLU,
            layers.MaxPooling1D,
            layers.MaxPooling2D,
            layers.MaxPooling3D,
            layers.ReLU,
            layers.Resizing,
            layers.SpatialDropout1D,
            layers.SpatialDropout2D,
            layers.UpSampling1D,
            layers.UpSampling2D,
            layers.ZeroPadding1D,
            layers.ZeroPadding2D,
        ),
        Rule(_pass),
    ),
    layers.Activation: Rule(_activate),
    layers.Rescaling: Rule(_rescale),
    **dict.fromkeys(
        (layers.Add, layers.Average, layers.Maximum, layers.Minimum, layers.Multiply, layers.Subtract), Rule(_merge)
    ),
    layers.Concatenate: Rule(_concatenate),
    layers.Flatten: Rule(_reshape),
    layers.Reshape: Rule(_reshape, resize=_resize_reshape),
}
