"""Runs a network's graph again on copies of its layers, inlining nested models: how networks are flattened and joined."""

from collections.abc import Callable, Iterable
from typing import Any

from tasks.methods.backend import keras, tf


class Replay:
    """Copies layers, with their weights, into a new flat graph.

    One replay may run several models into the same graph: names stay unique, and a layer met twice is copied once,
    so layers that share weights go on sharing them.

    Args:
        rename: Gives a copy's name from the original's.
        taken: Names that copies must not take.
    """

    def __init__(self, rename: Callable[[str], str] = lambda name: name, taken: Iterable[str] = ()) -> None:
        self._rename = rename
        self._taken = set(taken)
        self._copies: dict[int, tuple[Any, Any]] = {}

    def name(self, wanted: str, path: str = "") -> str:
        """A name that no layer of the new graph has: the wanted one, else with the nested model's name before it."""
        name = self._rename(wanted)
        if name in self._taken and path:
            name = self._rename(f"{path}_{wanted}")
        base, count = name, 1
        while name in self._taken:
            name, count = f"{base}_{count}", count + 1
        self._taken.add(name)
        return name

    def run(self, model: keras.Model, inputs: list[Any]) -> list[Any]:
        """Outputs of `model` on `inputs`, through copies of its layers that hold the same weights.

        Args:
            model: Functional or Sequential, nested models included.
            inputs: Keras tensors, one for each of the model's inputs.

        Returns:
            Keras tensors, one for each of the model's outputs.

        Raises:
            ValueError: A model (or a nested one) is subclassed or was never built, so it has no graph.
        """
        outputs = self._run(model, inputs, path="", training=None)
        for original, copy in self._copies.values():
            if original.weights:
                copy.set_weights(original.get_weights())
        return outputs

    def _run(self, model: keras.Model, inputs: list[Any], *, path: str, training: Any) -> list[Any]:
        require_graph(model)
        tensors = dict(zip(map(id, model.inputs), inputs, strict=True))
        for depth in sorted(model._nodes_by_depth, reverse=True):
            for node in model._nodes_by_depth[depth]:
                if node.is_input:
                    continue
                args, kwargs = tf.nest.map_structure(
                    lambda value: tensors.get(id(value), value), (node.call_args, node.call_kwargs)
                )
                results = self._call(node.layer, args, kwargs, path=path, training=training)
                tensors.update(zip(map(id, tf.nest.flatten(node.outputs)), tf.nest.flatten(results), strict=True))
        return [tensors[id(output)] for output in model.outputs]

    def _call(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, path: str, training: Any) -> Any:
        if isinstance(layer, keras.Model):
            inner = kwargs.get("training")
            nested = f"{path}_{layer.name}" if path else layer.name
            return self._run(layer, tf.nest.flatten(args[0]), path=nested, training=training if inner is None else inner)
        if training is not None and layer._expects_training_arg and kwargs.get("training") is None:
            # A nested model called with training=False keeps its BatchNorm layers in inference mode: so do the copies.
            kwargs = {**kwargs, "training": training}
        return self._copy(layer, path)(*args, **kwargs)

    def _copy(self, layer: Any, path: str) -> Any:
        if id(layer) not in self._copies:
            config = {**layer.get_config(), "name": self.name(layer.name, path)}
            self._copies[id(layer)] = (layer, type(layer).from_config(config))
        return self._copies[id(layer)][1]


def require_graph(model: keras.Model) -> None:
    """Refuses a model that is not made of layers one can walk through.

    Raises:
        ValueError: It is subclassed, or was never built.
    """
    if not getattr(model, "_is_graph_network", False):
        raise ValueError(
            f"Invalid `model`. Expected a functional or Sequential model with a known input shape; use the functional API, or "
            f"give the first layer an input shape. Received: {model.name!r} ({type(model).__name__}), which has no graph."
        )
