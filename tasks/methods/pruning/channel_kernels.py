"""How layers with weights carry channels, and what is left of their weights when some are gone."""

from typing import Any

import numpy as np

from tasks.methods.pruning.channel_ledger import Ids, Ledger
from tasks.methods.pruning.channel_rules import Rule, channels_last, elementwise, layers


def kernel_of(layer: Any) -> np.ndarray:
    """The kernel that makes a layer's channels, float32 [weights of a channel, channels]."""
    kernel = layer.pointwise_kernel if hasattr(layer, "pointwise_kernel") else layer.kernel
    values: np.ndarray = kernel.numpy()
    return values.reshape(-1, values.shape[-1])


def _make(node: Any, inputs: list[Ids], ledger: Ledger) -> Ids | None:
    layer = node.layer
    if not channels_last(layer) or getattr(layer, "groups", 1) != 1:
        return None
    made = ledger.fresh(node.outputs.shape[-1])
    if not elementwise(layer):
        ledger.hold(made, f"the activation of {layer.name!r} mixes them")
    return made


def _repeat(node: Any, inputs: list[Ids], ledger: Ledger) -> Ids | None:
    """A depthwise convolution makes `depth_multiplier` channels of every one it reads, next to each other."""
    if not channels_last(node.layer) or not elementwise(node.layer):
        return None
    return np.repeat(inputs[0], node.layer.depth_multiplier)


def _normalize(node: Any, inputs: list[Ids], ledger: Ledger) -> Ids | None:
    return inputs[0] if list(node.layer.axis) == [node.outputs.shape.rank - 1] else None


def _cut_kernel(layer: Any, read: np.ndarray, made: np.ndarray) -> list[np.ndarray]:
    kernel, *bias = layer.get_weights()  # [..., in, out]
    return [kernel[..., read, :][..., made], *(each[made] for each in bias)]


def _cut_depthwise(layer: Any, read: np.ndarray, made: np.ndarray) -> list[np.ndarray]:
    kernel, *bias = layer.get_weights()  # [..., in, multiplier]
    return [kernel[..., read, :], *(each[made] for each in bias)]


def _cut_separable(layer: Any, read: np.ndarray, made: np.ndarray) -> list[np.ndarray]:
    depthwise, pointwise, *bias = layer.get_weights()  # [..., in, multiplier], [..., in * multiplier, out]
    multiplier = depthwise.shape[-1]
    between = (read[:, np.newaxis] * multiplier + np.arange(multiplier)).ravel()
    return [depthwise[..., read, :], pointwise[..., between, :][..., made], *(each[made] for each in bias)]


def _cut_vectors(layer: Any, read: np.ndarray, made: np.ndarray) -> list[np.ndarray]:
    return [each[made] for each in layer.get_weights()]


def _units(config: dict[str, Any], channels: int) -> None:
    config["units"] = channels


def _filters(config: dict[str, Any], channels: int) -> None:
    config["filters"] = channels


KERNEL_RULES: dict[type, Rule] = {
    layers.Dense: Rule(_make, _cut_kernel, _units, makes=True),
    **dict.fromkeys((layers.Conv1D, layers.Conv2D, layers.Conv3D), Rule(_make, _cut_kernel, _filters, makes=True)),
    **dict.fromkeys((layers.SeparableConv1D, layers.SeparableConv2D), Rule(_make, _cut_separable, _filters, makes=True)),
    **dict.fromkeys((layers.DepthwiseConv1D, layers.DepthwiseConv2D), Rule(_repeat, _cut_depthwise)),
    layers.BatchNormalization: Rule(_normalize, _cut_vectors),
}
