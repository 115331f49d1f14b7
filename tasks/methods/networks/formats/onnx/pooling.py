"""Maxima and averages over windows, or over whole pictures."""

from dataclasses import replace
from typing import Any

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.networks.formats.onnx.operations import UntranslatableError, translates
from tasks.methods.networks.formats.onnx.padding import Sides, around, border, same_as_keras
from tasks.methods.networks.formats.onnx.translation import Node, Translation
from tasks.methods.networks.formats.onnx.values import CHANNELS_LAST, Value, as_list, plain_order


@translates("MaxPool")
def highest(graph: Translation, node: Node) -> Value:
    """MaxPooling2D."""
    x, kernel, strides = _window(graph, node)
    positive = x.positive
    x, padding = around(graph, node, x, kernel, strides, [1, 1], lowest=True)
    return Value(keras.layers.MaxPooling2D(kernel, strides, padding, name=graph.name(node))(x.tensor), CHANNELS_LAST, positive)


@translates("AveragePool")
def average(graph: Translation, node: Node) -> Value:
    """AveragePooling2D. Keras leaves its own border out of the averages; another one counts, and is scaled out again."""
    x, kernel, strides = _window(graph, node)
    sides = border(node, x, kernel, strides)
    included = node.attributes.get("count_include_pad", 0)
    if included and (sides is None or node.attributes.get("ceil_mode", 0)):
        raise UntranslatableError("averages that count an automatic border, or one of ceil_mode")
    bare = sides == ((0, 0), (0, 0))
    tensor = x.tensor
    if sides is None or (not (bare or included) and same_as_keras(x, sides, kernel, strides)):
        return Value(_averaged(graph, node, tensor, kernel, strides, "same"), CHANNELS_LAST, x.positive)
    if not bare:
        tensor = keras.layers.ZeroPadding2D(sides, name=graph.name(node, "pad"))(tensor)
    tensor = _averaged(graph, node, tensor, kernel, strides, "valid")
    if not (bare or included):
        scale = _without_border(x, sides, kernel, strides)
        tensor = keras.layers.Rescaling(scale, name=graph.name(node, "without_border"))(tensor)
    return Value(tensor, CHANNELS_LAST, x.positive)


def _averaged(graph: Translation, node: Node, x: Any, kernel: list[int], strides: list[int], padding: str) -> Any:
    return keras.layers.AveragePooling2D(kernel, strides, padding, name=graph.name(node))(x)


def _window(graph: Translation, node: Node) -> tuple[Value, list[int], list[int]]:
    """The picture, and height and width of the window and of its steps."""
    if set(node.attributes.get("dilations", [1, 1])) != {1} or len(node.outputs) > 1:
        raise UntranslatableError("a window with gaps, or its indices")
    return _picture(graph, node), list(node.attributes["kernel_shape"]), list(node.attributes.get("strides", [1, 1]))


def _without_border(x: Value, sides: Sides, kernel: list[int], strides: list[int]) -> list[list[list[float]]]:
    """By how much each average is too low for the zeros in its window: [height, width, 1]."""
    shares = []
    for size, (before, after), window, stride in zip(x.tensor.shape[1:3], sides, kernel, strides, strict=True):
        if size is None:
            raise UntranslatableError("averages that leave out the border of a picture of any size")
        inside = np.pad(np.ones(size), (before, after))
        shares.append(np.lib.stride_tricks.sliding_window_view(inside, window)[::stride].mean(axis=1))
    scale: list[list[list[float]]] = (1 / np.outer(*shares))[..., np.newaxis].tolist()
    return scale


@translates("GlobalAveragePool", "GlobalMaxPool")
def whole_picture(graph: Translation, node: Node) -> Value:
    """GlobalAveragePooling2D, GlobalMaxPooling2D."""
    x = _picture(graph, node)
    kind = keras.layers.GlobalAveragePooling2D if "Average" in node.kind else keras.layers.GlobalMaxPooling2D
    return replace(x, tensor=kind(keepdims=True, name=graph.name(node))(x.tensor))


@translates("ReduceMean", "ReduceMax")
def reduction(graph: Translation, node: Node) -> Value:
    """The same, written as a reduction over two axes."""
    x = graph.value(node)
    axes = [axis % x.rank for axis in as_list(graph.constant(node, 1, "axes", []))]
    if x.rank != 4 or len(axes) != 2 or 0 in axes:
        raise UntranslatableError(f"a reduction over the axes {axes or 'all'} of {x.rank}")
    rest = next(axis for axis in (1, 2, 3) if axis not in axes)
    keep = bool(node.attributes.get("keepdims", 1))
    x = x.arranged((0, *sorted(axes), rest), graph.name(node, "order"))
    kind = keras.layers.GlobalAveragePooling2D if node.kind == "ReduceMean" else keras.layers.GlobalMaxPooling2D
    pooled = kind(keepdims=keep, name=graph.name(node))(x.tensor)
    return replace(x, tensor=pooled, order=x.order if keep else plain_order(2))


def _picture(graph: Translation, node: Node) -> Value:
    x = graph.value(node)
    if x.rank != 4:
        raise UntranslatableError(f"a pooling over {x.rank - 2} axes, where pictures have 2")
    return x.arranged(CHANNELS_LAST, graph.name(node, "channels_last"))
