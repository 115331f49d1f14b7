"""What every layer of a network reads, by its distance from the output: features for a linear model on all layers."""

from typing import Any

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.networks.graph import backbone
from tasks.methods.networks.slower import BESIDE, distances_from_output

MAX_LEVELS = 8
MAX_MAP = 256  # numbers kept of one tensor of feature maps, averaged over squares
MAX_VECTOR = 1024  # numbers kept of one that is a vector already, evenly spaced
_BATCH = 128


class LayerFeatures:
    """Reads what the layers with weights read, from the top of a network's backbone down.

    Args:
        model: A network with one input.
        levels: How far down.

    Raises:
        ValueError: The model has several inputs or outputs, or no graph.
    """

    def __init__(self, model: keras.Model, levels: int = MAX_LEVELS) -> None:
        self._name, self._base = model.name, backbone(model, copy=False)
        self._levels = _read_at(self._base, levels)

    def __call__(self, x: np.ndarray) -> list[np.ndarray]:
        """What they read on every row.

        Args:
            x: float32 [n, ...], as the network takes it.

        Returns:
            float32 [n, d_l] a level. The first holds the backbone's features, which a new head will read; the next what the
            layers read that make these, and so on, side by side where there are several at the same distance.

        Raises:
            ValueError: A row has another shape than the network takes.
        """
        tensors = [tensor for level in self._levels for tensor in level]
        columns = iter(self._outputs(keras.Model(self._base.inputs, tensors), x))
        return [np.concatenate([next(columns) for _ in level], axis=1) for level in self._levels]

    def top(self, x: np.ndarray) -> np.ndarray:
        """The first level alone: the backbone's features, float32 [n, d]."""
        return self._outputs(self._base, x)[0]

    def _outputs(self, network: keras.Model, x: np.ndarray) -> list[np.ndarray]:
        expected = network.inputs[0].shape[1:]
        if not expected.is_compatible_with(x.shape[1:]):
            raise ValueError(
                f"Invalid `x`. Expected rows of shape {list(expected)}, as {self._name!r} takes them. "
                f"Received: rows of shape {list(x.shape[1:])}."
            )
        parts: list[list[np.ndarray]] = [[] for _ in network.outputs]
        for start in range(0, max(len(x), 1), _BATCH):
            # Called as it is: on the few rows that a ranking looks at, a compiled function costs more than it saves.
            found = network(x[start : start + _BATCH], training=False)
            for position, values in enumerate(found if len(parts) > 1 else [found]):
                # The backbone's features come as they are: others compare them with those of other rows.
                parts[position].append(_as_vectors(values.numpy()) if position else values.numpy())
        return [np.concatenate(kept) for kept in parts]


def _read_at(base: keras.Model, levels: int) -> list[list[Any]]:
    """The tensors that layers with weights read, by level; the backbone's output is the first."""
    distances = distances_from_output(base)
    found: list[list[Any]] = [[base.outputs[0]], *([] for _ in range(levels - 1))]
    seen = {base.outputs[0].name}
    for depth in sorted(base._nodes_by_depth):
        for node in base._nodes_by_depth[depth]:
            layer, level = node.layer, distances[id(node.layer)] + 1
            if node.is_input or not layer.weights or isinstance(layer, BESIDE) or level >= levels:
                continue
            for tensor in node.keras_inputs:
                if tensor.name not in seen:
                    seen.add(tensor.name)
                    found[level].append(tensor)
    return [level for level in found if level]


def _as_vectors(values: np.ndarray) -> np.ndarray:
    """One vector a row, float32 [b, d]: feature maps as means over squares of as fine a grid as MAX_MAP allows."""
    if values.ndim == 2:
        kept = np.linspace(0, values.shape[1] - 1, min(values.shape[1], MAX_VECTOR)).astype(np.int64)
        return values[:, kept].astype(np.float32)
    axes = values.ndim - 2
    cells = max(1, int((MAX_MAP / values.shape[-1]) ** (1 / axes)))
    for axis in range(1, values.ndim - 1):
        size = values.shape[axis]
        edges = np.arange(min(cells, size)) * size // min(cells, size)
        counts = np.diff([*edges, size]).reshape([-1 if other == axis else 1 for other in range(values.ndim)])
        values = np.add.reduceat(values, edges, axis=axis) / counts
    return values.reshape(len(values), -1).astype(np.float32)
