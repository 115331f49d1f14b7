"""Discriminative learning rates: the further a layer is from the output, the less it changes (Howard & Ruder, 2018)."""

from typing import Any

from tasks.methods.backend import keras

BESIDE = (  # scale and shift what a layer made: as fast as the layer
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
    keras.layers.PReLU,
)


def slower_below(model: keras.Model, decay: float) -> dict[int, float]:
    """The learning rate of every variable as a share of the head's: `decay ** distance` (arXiv:1801.06146, section 3.2).

    The distance of a layer is the most layers with weights that stand on a way from it to the output. Normalisations are
    none of their own: they learn as fast as the layer they follow.

    Args:
        model: A functional or Sequential model; without nested models where `decay` is not 1.
        decay: Share, (0, 1].

    Returns:
        id of a variable -> share in (0, 1]; empty where all are alike.

    Raises:
        ValueError: A nested model, whose layers stand at no single distance.
    """
    if decay == 1:
        return {}
    distances = distances_from_output(model)
    return {id(variable): decay ** distances[id(layer)] for layer in model.layers for variable in layer.weights}


def distances_from_output(model: keras.Model) -> dict[int, int]:
    """id of a layer -> its distance, as `slower_below` counts it."""
    nested = [layer.name for layer in model.layers if isinstance(layer, keras.Model)]
    if nested:
        raise ValueError(
            "Invalid `decay`. Expected 1 for a network with nested models; flatten it with to_functional first. "
            f"Received: {model.name!r}, which holds {nested[0]!r}."
        )
    found: dict[int, int] = {id(layer): 0 for layer in model.layers}
    for depth in sorted(model._nodes_by_depth):  # from the output down, so what a layer feeds is known before it
        for node in model._nodes_by_depth[depth]:
            reader = node.layer
            step = found[id(reader)] + int(bool(reader.weights) and not isinstance(reader, BESIDE))
            for maker in _makers(node):
                found[id(maker)] = max(found[id(maker)], step)
    return found


def _makers(node: Any) -> list[Any]:
    return [] if node.is_input else [tensor._keras_history.layer for tensor in node.keras_inputs]
