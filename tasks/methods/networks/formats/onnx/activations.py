"""Functions applied to every number by itself, and Softmax."""

from dataclasses import replace
from typing import Any

import numpy as np

from tasks.methods.backend import keras, tf
from tasks.methods.networks.formats.onnx.operations import UntranslatableError, translates
from tasks.methods.networks.formats.onnx.translation import Node, Translation
from tasks.methods.networks.formats.onnx.values import CHANNELS_LAST, Value

_NAMED = {"Sigmoid": "sigmoid", "Softplus": "softplus", "Softsign": "softsign", "Tanh": "tanh"}
_SELU = (1.67326319217681884765625, 1.05070102214813232421875)


@translates("Relu")
def relu(graph: Translation, node: Node) -> Value:
    """ReLU."""
    return _applied(graph, node, keras.layers.ReLU(name=graph.name(node)), positive=True)


@translates(*_NAMED)
def named(graph: Translation, node: Node) -> Value:
    """Activation."""
    layer = keras.layers.Activation(_NAMED[node.kind], name=graph.name(node))
    return _applied(graph, node, layer, positive=node.kind in ("Sigmoid", "Softplus"))


@translates("Clip")
def clip(graph: Translation, node: Node) -> Value:
    """ReLU with a ceiling, between two shifts where the floor is not 0."""
    low, high = (graph.constant(node, place, name) for place, name in ((1, "min"), (2, "max")))
    if low is None or high is None or float(high) <= float(low):
        raise UntranslatableError("a clip without a floor, or without a ceiling above it")
    low, high = float(low), float(high)
    x = graph.value(node)
    tensor = x.tensor if low == 0 else keras.layers.Rescaling(1.0, -low, name=graph.name(node, "down"))(x.tensor)
    tensor = keras.layers.ReLU(max_value=high - low, name=graph.name(node))(tensor)
    if low != 0:
        tensor = keras.layers.Rescaling(1.0, low, name=graph.name(node, "up"))(tensor)
    return replace(x, tensor=tensor, positive=low >= 0)


@translates("LeakyRelu")
def leaky_relu(graph: Translation, node: Node) -> Value:
    """LeakyReLU."""
    return _applied(graph, node, keras.layers.LeakyReLU(node.attributes.get("alpha", 0.01), name=graph.name(node)))


@translates("Elu")
def elu(graph: Translation, node: Node) -> Value:
    """ELU."""
    return _applied(graph, node, keras.layers.ELU(node.attributes.get("alpha", 1.0), name=graph.name(node)))


@translates("Selu")
def selu(graph: Translation, node: Node) -> Value:
    """Activation `selu`, which has the constants that ONNX has by default."""
    given = (node.attributes.get("alpha", _SELU[0]), node.attributes.get("gamma", _SELU[1]))
    if not np.allclose(given, _SELU):
        raise UntranslatableError(f"alpha and gamma of its own: {given}")
    return _applied(graph, node, keras.layers.Activation("selu", name=graph.name(node)))


@translates("Gelu")
def gelu(graph: Translation, node: Node) -> Value:
    """Activation `gelu`, in its exact form."""
    if node.attributes.get("approximate", "none") != "none":
        raise UntranslatableError("an approximation of GELU")
    return _applied(graph, node, keras.layers.Activation("gelu", name=graph.name(node)))


@translates("PRelu")
def prelu(graph: Translation, node: Node) -> Value:
    """PReLU with one slope a channel, or one for all."""
    x, slope = graph.value(node), graph.constant(node, 1)
    channel = x.place(1)
    sizes = [1] * (x.rank - 1)
    if slope.size != 1:
        if slope.size != x.shape[1]:
            raise UntranslatableError(f"slopes of shape {list(slope.shape)}")
        sizes[channel - 1] = slope.size
    shared = [axis for axis in range(1, x.rank) if sizes[axis - 1] == 1]
    layer = keras.layers.PReLU(shared_axes=shared or None, name=graph.name(node))
    return replace(x, tensor=graph.apply(layer, x.tensor, weights=[slope.reshape(sizes)]), positive=False)


@translates("HardSigmoid", "HardSwish")
def hard(graph: Translation, node: Node) -> Value:
    """ReLU of a scaled input, held below 1; times the input itself for HardSwish."""
    swish = node.kind == "HardSwish"
    alpha = 1 / 6 if swish else node.attributes.get("alpha", 0.2)
    beta = 0.5 if swish else node.attributes.get("beta", 0.5)
    x = graph.value(node)
    scaled = keras.layers.Rescaling(alpha, beta, name=graph.name(node, "scaled"))(x.tensor)
    held = keras.layers.ReLU(max_value=1.0, name=graph.name(node, "held"))(scaled)
    if swish:
        held = keras.layers.Multiply(name=graph.name(node))([x.tensor, held])
    return replace(x, tensor=held, positive=not swish)


@translates("Softmax", "LogSoftmax")
def softmax(graph: Translation, node: Node) -> Value:
    """Softmax along one axis. Before opset 13 all axes from `axis` on were taken as one."""
    x = graph.value(node)
    axis = node.attributes.get("axis", 1 if graph.opset < 13 else -1) % x.rank
    if graph.opset < 13 and any(size != 1 for size in x.shape[axis + 1 :]):
        raise UntranslatableError(f"a softmax over several axes at once (axis {axis} of {x.rank})")
    if node.kind == "LogSoftmax":
        return replace(x, tensor=tf.nn.log_softmax(x.tensor, axis=x.place(axis), name=graph.name(node)), positive=False)
    return _applied(graph, node, keras.layers.Softmax(axis=x.place(axis), name=graph.name(node)), positive=True)


@translates("LRN")
def local_response(graph: Translation, node: Node) -> Value:
    """Local response normalisation (Krizhevsky et al., 2012); ONNX shares alpha out over the window, TensorFlow does not."""
    size = node.attributes["size"]
    x = graph.value(node)
    if x.rank != 4 or size % 2 == 0:
        raise UntranslatableError(f"a window of {size} channels")
    x = x.arranged(CHANNELS_LAST, graph.name(node, "channels_last"))
    tensor = tf.nn.local_response_normalization(
        x.tensor,
        depth_radius=size // 2,
        bias=node.attributes.get("bias", 1.0),
        alpha=node.attributes.get("alpha", 1e-4) / size,
        beta=node.attributes.get("beta", 0.75),
        name=graph.name(node),
    )
    return replace(x, tensor=tensor)


@translates("Dropout")
def dropout(graph: Translation, node: Node) -> Value:
    """Dropout, which does nothing until the network is trained further."""
    rate = float(graph.constant(node, 1, "ratio", 0.5))
    x = graph.value(node)
    return _applied(graph, node, keras.layers.Dropout(rate, name=graph.name(node)), positive=x.positive)


@translates("Identity", "Cast")
def identity(graph: Translation, node: Node) -> Value:
    """Nothing; all tensors of the network are float32."""
    if node.kind == "Cast" and node.attributes["to"] != 1:
        raise UntranslatableError("a cast to another type than float32")
    return graph.value(node)


def _applied(graph: Translation, node: Node, layer: Any, *, positive: bool = False) -> Value:
    x = graph.value(node)
    return replace(x, tensor=layer(x.tensor), positive=positive)
