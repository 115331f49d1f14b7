"""What a network's classifier reads, as tensors of the network's own graph: one pass gives them beside the probabilities."""

from collections.abc import Sequence
from typing import Any

from tasks.methods.backend import keras, tf
from tasks.methods.networks.graph import head_layers


def feature_tensors(model: keras.Model) -> list[Any]:
    """The tensor that each final classifier reads (a fused network has several), before any dropout.

    Args:
        model: A flat functional model.

    Raises:
        ValueError: It holds a nested model.
    """
    require_flat(model)
    return [_before_dropout(layer.input) for layer in head_layers(model)]


def require_flat(model: keras.Model) -> None:
    """Refuses a network some of whose tensors are inside of another.

    Raises:
        ValueError: It holds a nested model.
    """
    if any(isinstance(layer, keras.Model) for layer in model.layers):
        raise ValueError(
            "Invalid `model`. Expected a flat network where features are matched; flatten it with to_functional first. "
            f"Received: {model.name!r}, which holds a nested model."
        )


def as_vectors(tensors: Sequence[Any]) -> Any:
    """One vector a row, the tensors side by side, float32 [b, d].

    Features of higher rank are averaged over all axes but the last, as `backbone` pools them.
    """
    found = [_vector(tensor) for tensor in tensors]
    return found[0] if len(found) == 1 else tf.concat(found, axis=1)


def _vector(tensor: Any) -> Any:
    axes = list(range(1, len(tensor.shape) - 1))
    return tf.reduce_mean(tensor, axis=axes) if axes else tensor


def _before_dropout(tensor: Any) -> Any:
    layer = tensor._keras_history.layer
    return _before_dropout(layer.input) if isinstance(layer, keras.layers.Dropout) else tensor
