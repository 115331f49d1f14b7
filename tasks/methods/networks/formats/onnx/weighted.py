"""Operations with weights: convolutions, dense layers, normalisations."""

from typing import Any

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.networks.formats.onnx.operations import UntranslatableError, translates
from tasks.methods.networks.formats.onnx.padding import around
from tasks.methods.networks.formats.onnx.translation import Node, Translation
from tasks.methods.networks.formats.onnx.values import CHANNELS_LAST, Value, plain_order


@translates("Conv")
def convolution(graph: Translation, node: Node) -> Value:
    """Conv2D; DepthwiseConv2D where every channel has filters of its own. ONNX keeps kernels as [out, in, height, width]."""
    x, kernel = graph.value(node), graph.constant(node, 1)
    bias = graph.constant(node, 2)
    if x.rank != 4:
        raise UntranslatableError(f"a convolution over {x.rank - 2} axes, where pictures have 2")
    x = x.arranged(CHANNELS_LAST, graph.name(node, "channels_last"))
    groups, channels = node.attributes.get("group", 1), x.shape[1]
    strides, dilations = node.attributes.get("strides", [1, 1]), node.attributes.get("dilations", [1, 1])
    x, padding = around(graph, node, x, list(kernel.shape[2:]), strides, dilations)
    common = {
        "kernel_size": kernel.shape[2:],
        "strides": strides,
        "dilation_rate": dilations,
        "padding": padding,
        "use_bias": bias is not None,
        "name": graph.name(node),
    }
    if groups == channels and groups > 1 and strides[0] == strides[1]:
        each = len(kernel) // groups
        layer = keras.layers.DepthwiseConv2D(depth_multiplier=each, **common)
        weights = [kernel.reshape(groups, each, *kernel.shape[2:]).transpose(2, 3, 0, 1)]
    else:
        layer = keras.layers.Conv2D(len(kernel), groups=groups, **common)
        weights = [kernel.transpose(2, 3, 1, 0)]
    return Value(graph.apply(layer, x.tensor, weights=weights + ([bias] if bias is not None else [])), CHANNELS_LAST)


@translates("Gemm")
def dense(graph: Translation, node: Node) -> Value:
    """Dense: alpha * x @ b + beta * c."""
    x, kernel, bias = graph.value(node), graph.constant(node, 1), graph.constant(node, 2)
    if x.rank != 2 or node.attributes.get("transA", 0):
        raise UntranslatableError("a product other than of rows by a matrix of weights")
    kernel = kernel.T if node.attributes.get("transB", 0) else kernel
    if bias is not None:
        bias = np.broadcast_to(node.attributes.get("beta", 1.0) * bias, (1, kernel.shape[1]))[0]
    return _dense(graph, node, x, node.attributes.get("alpha", 1.0) * kernel, bias)


@translates("MatMul")
def product(graph: Translation, node: Node) -> Value:
    """Dense without a bias; an Add behind it becomes the bias, see `arithmetic`."""
    x, kernel = graph.value(node), graph.constant(node, 1)
    if kernel.ndim != 2:
        raise UntranslatableError(f"weights of shape {list(kernel.shape)}, where a matrix is needed")
    return _dense(graph, node, x.arranged(plain_order(x.rank), graph.name(node, "order")), kernel, None)


def _dense(graph: Translation, node: Node, x: Value, kernel: np.ndarray, bias: np.ndarray | None) -> Value:
    layer = keras.layers.Dense(kernel.shape[1], use_bias=bias is not None, name=graph.name(node))
    return Value(graph.apply(layer, x.tensor, weights=[kernel, *([bias] if bias is not None else [])]), x.order)


@translates("BatchNormalization")
def batch_normalisation(graph: Translation, node: Node) -> Value:
    """BatchNormalization along ONNX's axis 1."""
    if node.attributes.get("training_mode", 0) or not node.attributes.get("spatial", 1):
        raise UntranslatableError("a normalisation in training mode, or by place")
    x = graph.value(node)
    layer = keras.layers.BatchNormalization(
        axis=x.place(1),
        epsilon=node.attributes.get("epsilon", 1e-5),
        momentum=node.attributes.get("momentum", 0.9),
        name=graph.name(node),
    )
    weights = [graph.constant(node, place) for place in range(1, 5)]
    return Value(graph.apply(layer, x.tensor, weights=weights), x.order)


@translates("LayerNormalization")
def layer_normalisation(graph: Translation, node: Node) -> Value:
    """LayerNormalization along the last axis."""
    x = graph.value(node)
    if node.attributes.get("axis", -1) % x.rank != x.rank - 1:
        raise UntranslatableError("a normalisation over several axes")
    bias: Any = graph.constant(node, 2)
    layer = keras.layers.LayerNormalization(
        axis=x.place(-1), epsilon=node.attributes.get("epsilon", 1e-5), center=bias is not None, name=graph.name(node)
    )
    weights = [graph.constant(node, 1), *([bias] if bias is not None else [])]
    return Value(graph.apply(layer, x.tensor, weights=weights), x.order)
