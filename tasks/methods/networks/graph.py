"""A network as a graph of layers: one flat functional model, its layers with weights, its backbone and its head."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.networks.natural_log import NaturalLog
from tasks.methods.networks.predict import predict
from tasks.methods.networks.replay import Replay, require_graph

_PASSED = (  # may stand between a classifier's weights and its output
    keras.layers.Softmax,
    keras.layers.Rescaling,
    keras.layers.Reshape,
    keras.layers.Flatten,
    keras.layers.Dropout,
    keras.layers.BatchNormalization,
)
_COMBINING = (  # may stand behind the softmax of a fused network's members
    NaturalLog,
    keras.layers.ReLU,
    keras.layers.GlobalAveragePooling1D,
)
_MERGING = (keras.layers.Add, keras.layers.Average, keras.layers.Multiply, keras.layers.Concatenate)
_CLASSIFYING = {"softmax", "sigmoid", "linear"}


def to_functional(model: keras.Model) -> keras.Model:
    """One flat functional copy of `model`, nested models inlined; outputs are equal to the last bit.

    Raises:
        ValueError: The model is subclassed, or was never built.
    """
    return _copied(model, Replay())


def rename(model: keras.Model, prefix: str) -> keras.Model:
    """A flat copy of `model` whose layers' names all start with `prefix`."""
    return _copied(model, Replay(rename=lambda name: f"{prefix}{name}"))


def layers_with_weights(model: keras.Model) -> list[Any]:
    """Layers that hold weights, in the order of the graph; layers of nested models come in their model's place."""
    found: list[Any] = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found += layers_with_weights(layer)
        elif layer.weights:
            found.append(layer)
    return found


def head_layers(model: keras.Model) -> list[Any]:
    """Layers of the final classifier: several in a fused model, the last layer with weights where there is no classifier."""
    found = _classifier(model.outputs[0]) if len(model.outputs) == 1 else None
    return found.layers if found else layers_with_weights(model)[-1:]


def is_flat(model: keras.Model) -> bool:
    """Whether a model has a graph, and no model is nested in it."""
    has_graph = bool(getattr(model, "_is_graph_network", False))
    return has_graph and not any(isinstance(layer, keras.Model) for layer in model.layers)


def backbone(model: keras.Model, *, copy: bool = True) -> keras.Model:
    """A flat copy of `model` up to what its final classifier reads.

    The classifier is a Dense layer, or a 1x1 convolution over 1x1 pixels, with softmax, sigmoid or no activation, perhaps
    followed by an Activation, Softmax, Reshape or BatchNormalization. The backbone of a fused model gives the features of
    all its members, side by side. A model that ends otherwise ends in features: the whole of it is the backbone. Features
    of higher rank are pooled to one vector a row.

    Args:
        model: The network.
        copy: False: the backbone is made of the very layers of `model` where that is flat, which is quicker.

    Returns:
        A model with one output [n, d].

    Raises:
        ValueError: The model has several inputs or outputs, or no graph.
    """
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(
            "Invalid `model`. Expected one input and one output. "
            f"Received: {model.name!r} with {len(model.inputs)} inputs and {len(model.outputs)} outputs."
        )
    flat = to_functional(model) if copy or not is_flat(model) else model
    found = _classifier(flat.outputs[0])
    names = Replay(taken=[layer.name for layer in flat.layers])
    vectors = [_as_vector(_before_dropout(tensor), names) for tensor in (found.features if found else flat.outputs)]
    output = vectors[0] if len(vectors) == 1 else keras.layers.Concatenate(name=names.name("features"))(vectors)
    return keras.Model(flat.inputs, output, name=flat.name)


def features(model: keras.Model, x: np.ndarray, batch_size: int = 256) -> np.ndarray:
    """What the backbone makes of every row.

    Args:
        model: A network with one input.
        x: float32 [n, ...], as the network takes it.
        batch_size: Rows in a step.

    Returns:
        float32 [n, d].
    """
    return predict(backbone(model), x, batch_size)


@dataclass(frozen=True)
class _Classifier:
    features: list[Any]
    layers: list[Any]


def _copied(model: keras.Model, replay: Replay) -> keras.Model:
    require_graph(model)
    inputs = [
        keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=replay.name(name))
        for tensor, name in zip(model.inputs, model.input_names, strict=True)
    ]
    return keras.Model(inputs, replay.run(model, inputs), name=model.name)


def _origin(tensor: Any) -> tuple[Any, list[Any]]:
    """The layer that made a tensor, and the tensors it was made from."""
    history = tensor._keras_history
    node = history.layer._inbound_nodes[history.node_index]
    return history.layer, [] if node.is_input else list(node.keras_inputs)


def _classifier(output: Any) -> _Classifier | None:
    """The classifier that ends in `output`, or None where it ends in features."""
    layer, sources = _origin(output)
    if isinstance(layer, keras.Model):
        return None
    if isinstance(layer, _MERGING):  # a fused model: one classifier a member
        members = [_classifier(source) for source in sources]
        found = [member for member in members if member is not None]
        if len(found) != len(members) or not all(_gives_probabilities(source) for source in sources):
            return None
        return _Classifier(
            _each_once(f for one in found for f in one.features), _each_once(x for one in found for x in one.layers)
        )
    if isinstance(layer, _COMBINING):
        return _classifier(sources[0]) if _gives_probabilities(sources[0]) else None
    if isinstance(layer, _PASSED) or (isinstance(layer, keras.layers.Activation) and _classifies(layer)):
        return _classifier(sources[0])
    if (isinstance(layer, keras.layers.Dense) or _is_pointwise(layer)) and _classifies(layer):
        stacked = _classifier(sources[0]) if _gives_probabilities(sources[0]) else None
        return _Classifier(stacked.features, [*stacked.layers, layer]) if stacked else _Classifier(sources, [layer])
    return None


def _each_once(items: Iterable[Any]) -> list[Any]:
    """In order; a member that a fused model reads twice is one all the same."""
    return list({id(item): item for item in items}.values())


def _gives_probabilities(tensor: Any) -> bool:
    """Whether a member's branch passes a softmax before its classifier's weights."""
    layer, sources = _origin(tensor)
    if isinstance(layer, keras.layers.Softmax):
        return True
    if isinstance(layer, _MERGING):
        return all(_gives_probabilities(source) for source in sources)
    if getattr(getattr(layer, "activation", None), "__name__", "") == "softmax":
        return True
    return isinstance(layer, (*_PASSED, *_COMBINING)) and _gives_probabilities(sources[0])


def _classifies(layer: Any) -> bool:
    return getattr(layer.activation, "__name__", "") in _CLASSIFYING


def _is_pointwise(layer: Any) -> bool:
    """Whether a layer is a convolution over 1x1 pixels, which is a Dense layer by another name (MobileNet's head)."""
    return type(layer) is keras.layers.Conv2D and layer.kernel_size == (1, 1) and tuple(layer.output_shape[1:3]) == (1, 1)


def _before_dropout(tensor: Any) -> Any:
    layer, sources = _origin(tensor)
    return _before_dropout(sources[0]) if isinstance(layer, keras.layers.Dropout) else tensor


def _as_vector(tensor: Any, names: Replay) -> Any:
    rank = len(tensor.shape)
    if rank == 2:
        return tensor
    pools = {3: keras.layers.GlobalAveragePooling1D, 4: keras.layers.GlobalAveragePooling2D}
    return pools.get(rank, keras.layers.Flatten)(name=names.name("features_pool"))(tensor)
