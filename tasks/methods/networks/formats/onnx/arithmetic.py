"""Sums and products: of two tensors, or of one and a constant."""

from dataclasses import replace
from typing import Any

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.networks.formats.onnx.operations import UntranslatableError, translates
from tasks.methods.networks.formats.onnx.translation import Node, Translation
from tasks.methods.networks.formats.onnx.values import Value, plain_order

_OF_TENSORS = {
    "Add": keras.layers.Add,
    "Sum": keras.layers.Add,
    "Sub": keras.layers.Subtract,
    "Mul": keras.layers.Multiply,
    "Max": keras.layers.Maximum,
    "Min": keras.layers.Minimum,
}


@translates("Add", "Sub", "Mul", "Div", "Sum", "Max", "Min")
def combined(graph: Translation, node: Node) -> Value:
    """Add, Subtract, Multiply, Maximum, Minimum; with a constant: Rescaling, or the bias of the Dense layer before it."""
    constants = [place for place, name in enumerate(node.inputs) if name in graph.constants]
    if not constants:
        return _of_tensors(graph, node)
    if len(node.inputs) != 2 or node.kind in ("Max", "Min"):
        raise UntranslatableError("a constant among its inputs")
    constant = np.asarray(graph.constants[node.inputs[constants[0]]], np.float32)
    x = graph.value(node, 1 - constants[0])
    if node.kind in ("Add", "Sum") and (biased := _as_bias(graph, node.inputs[1 - constants[0]], x, constant)):
        return biased
    scale, offset = _scaling(node.kind, constant, first=constants[0] == 0)
    x = _lined_up(graph, node, x, constant)
    layer = keras.layers.Rescaling(_plain(scale), _plain(offset), name=graph.name(node))
    return replace(x, tensor=layer(x.tensor), positive=x.positive and bool(np.all(scale >= 0) and np.all(offset >= 0)))


def _of_tensors(graph: Translation, node: Node) -> Value:
    values = [graph.value(node, place) for place in range(len(node.inputs))]
    if node.kind not in _OF_TENSORS or len({value.rank for value in values}) > 1:
        raise UntranslatableError("tensors of different ranks, or a quotient of two tensors")
    if len(values) == 1:
        return values[0]
    first = max(values, key=lambda value: np.prod([size or 1 for size in value.shape]))  # the others are broadcast to it
    moved = [value.arranged(first.order, graph.name(node, "order")) for value in values]
    tensor = _OF_TENSORS[node.kind](name=graph.name(node))([value.tensor for value in moved])
    return Value(tensor, first.order, node.kind != "Sub" and all(value.positive for value in values))


def _as_bias(graph: Translation, name: str, x: Value, constant: np.ndarray) -> Value | None:
    """The product before, with the constant as its bias; None where it is none, or is read elsewhere too."""
    layer = x.tensor._keras_history.layer
    if type(layer) is not keras.layers.Dense or layer.use_bias or graph.readers[name] != 1 or constant.size != layer.units:
        return None
    if constant.shape[-1] != layer.units:
        return None
    config = {**layer.get_config(), "use_bias": True}
    biased = keras.layers.Dense.from_config(config)
    return replace(x, tensor=graph.apply(biased, layer.input, weights=[layer.get_weights()[0], constant.ravel()]))


def _scaling(kind: str, constant: np.ndarray, *, first: bool) -> tuple[np.ndarray, np.ndarray]:
    """Scale and offset of an operation with a constant; `first` says that the constant stands first."""
    one, nought = np.ones_like(constant), np.zeros_like(constant)
    if kind in ("Add", "Sum"):
        return one, constant
    if kind == "Sub":
        return (-one, constant) if first else (one, -constant)
    if kind == "Mul":
        return constant, nought
    if first or not constant.all():
        raise UntranslatableError("a quotient of a constant and a tensor, or by zero")
    return one / constant, nought


def _lined_up(graph: Translation, node: Node, x: Value, constant: np.ndarray) -> Value:
    """The tensor with the axis last along which the constant differs: Rescaling knows that one only."""
    long = [axis - constant.ndim for axis, size in enumerate(constant.shape) if size != 1]
    if len(long) > 1 or constant.ndim > x.rank:
        raise UntranslatableError(f"a constant of shape {list(constant.shape)}, which is not one number a channel")
    if not long:
        return x
    axis = long[0] % x.rank
    if axis == 0:
        raise UntranslatableError("a constant along the batch")
    if x.order[-1] == axis:
        return x
    others = tuple(other for other in plain_order(x.rank) if other != axis)
    return x.arranged((*others, axis), graph.name(node, "order"))


def _plain(numbers: np.ndarray) -> Any:
    """A number where all are equal, as a layer's setting; floats keep their last bit."""
    values = [float(number) for number in numbers.ravel()]
    return values[0] if len(set(values)) == 1 else values
