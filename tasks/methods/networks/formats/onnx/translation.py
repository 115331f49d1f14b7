"""Walks an ONNX graph and builds the Keras network beside it, operation by operation."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.networks.formats.onnx.constants import folded, is_foldable
from tasks.methods.networks.formats.onnx.operations import UntranslatableError, operations
from tasks.methods.networks.formats.onnx.values import Value

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class Node:
    """One operation of a graph: its attributes as plain Python values."""

    kind: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.kind} ({self.name or self.outputs[0]!r})"


@dataclass
class Translation:
    """The network so far.

    Attributes:
        opset: Version of ONNX's operations that the graph uses.
        constants: Arrays by name: weights, and what is computed from constants alone.
        values: Tensors of the network by name.
        readers: How many nodes read a name.
    """

    opset: int
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    readers: Counter[str] = field(default_factory=Counter)
    _names: Counter[str] = field(default_factory=Counter)

    def run(self, nodes: list[Node], outputs: list[str]) -> None:
        """Translates nodes, which stand in an order in which each comes after those it reads.

        Args:
            nodes: All nodes of the graph.
            outputs: Names of the graph's outputs.

        Raises:
            UntranslatableError: Names every operation that has no translation, or the node that is used in a way that has none.
        """
        unknown = sorted({node.kind for node in nodes if node.kind not in operations and not is_foldable(node.kind)})
        if unknown:
            raise UntranslatableError(
                f"operations that no built-in layer computes: {', '.join(unknown)}; "
                f"those that are translated: {', '.join(sorted(operations))}"
            )
        self.readers = Counter([name for node in nodes for name in node.inputs] + outputs)
        for node in nodes:
            if all(name in self.constants for name in node.inputs if name) and is_foldable(node.kind):
                results = folded(node.kind, node.attributes, [self.constants.get(name) for name in node.inputs], self.opset)
                self.constants.update(zip(node.outputs, results, strict=False))
                continue
            try:
                translate = operations[node.kind]
                made = translate(self, node)
            except (UntranslatableError, KeyError, ValueError) as error:
                why = error if not isinstance(error, KeyError) else f"{error} is computed in the network, not a constant"
                raise UntranslatableError(f"{node}: {why}") from error
            if isinstance(made, Value):
                self.values[node.outputs[0]] = made
            elif isinstance(made, np.ndarray):
                self.constants[node.outputs[0]] = made
            else:
                self.values.update(zip(node.outputs, made, strict=True))

    def value(self, node: Node, place: int = 0) -> Value:
        """The tensor that a node reads.

        Raises:
            UntranslatableError: It is a constant where a tensor of the network is needed.
        """
        name = node.inputs[place]
        if name not in self.values:
            raise UntranslatableError(f"its input {name!r} is a constant")
        return self.values[name]

    def constant(self, node: Node, place: int, attribute: str = "", otherwise: Any = None) -> Any:
        """A constant that a node reads, in older graphs as an attribute.

        Args:
            node: The node.
            place: Its place among the inputs.
            attribute: Its name as an attribute.
            otherwise: What it is where the node has neither.

        Raises:
            KeyError: It is a tensor of the network.
        """
        if place < len(node.inputs) and node.inputs[place]:
            return self.constants[node.inputs[place]]
        return node.attributes.get(attribute, otherwise)

    def name(self, node: Node, part: str = "") -> str:
        """A layer's name, from the node's."""
        kind = node.kind.lower()
        wanted = _NOT_IN_A_NAME.sub("_", node.name or f"{kind}_{node.outputs[0]}").strip("_.-") or kind
        wanted = f"{wanted}_{part}" if part else wanted
        self._names[wanted] += 1
        return wanted if self._names[wanted] == 1 else f"{wanted}_again{self._names[wanted]}"

    def apply(self, layer: keras.layers.Layer, *tensors: Any, weights: list[np.ndarray] | None = None) -> Any:
        """Calls a layer, and gives it its weights."""
        result = layer(tensors[0] if len(tensors) == 1 else list(tensors))
        if weights:
            layer.set_weights([np.asarray(each, np.float32) for each in weights])
        return result
