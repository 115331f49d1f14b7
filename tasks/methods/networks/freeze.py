"""Which layers a training may change."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from tasks.methods.backend import keras
from tasks.methods.networks.graph import head_layers, layers_with_weights

Trainable = Literal["head", "all"] | int | tuple[str, ...]


@contextmanager
def only(model: keras.Model, trainable: Trainable) -> Iterator[None]:
    """Inside the block, only the named layers of `model` learn; afterwards every layer is as it was.

    A frozen BatchNormalization layer stays in inference mode: its statistics belong to the data it was trained on.

    Args:
        model: A functional or Sequential model.
        trainable: `head`: the final classifier. A number: the last that many layers with weights. `all`: every layer. A
            tuple: the layers of these names.

    Raises:
        ValueError: An unknown choice, or nothing is left to train.
    """
    learning = _chosen(model, trainable)
    before = [(layer, layer.trainable) for layer in model._flatten_layers(include_self=True, recursive=True)]
    model.trainable = True
    for layer in layers_with_weights(model):
        layer.trainable = any(layer is one for one in learning)
    try:
        if not model.trainable_variables:
            raise ValueError(
                f"Invalid `trainable`. Expected layers with weights. Received: trainable={trainable!r}, which has none."
            )
        yield
    finally:
        for layer, flag in before:  # models come before their layers: setting a model's flag sets theirs
            layer.trainable = flag


def _chosen(model: keras.Model, trainable: Trainable) -> list[object]:
    if trainable == "head":
        return head_layers(model)
    if trainable == "all":
        return layers_with_weights(model)
    if isinstance(trainable, int) and not isinstance(trainable, bool) and trainable >= 1:
        return layers_with_weights(model)[-trainable:]
    if isinstance(trainable, tuple):
        found = [layer for layer in layers_with_weights(model) if layer.name in trainable]
        missing = sorted(set(trainable) - {layer.name for layer in found})
        if not missing:
            return found
        raise ValueError(
            "Invalid `trainable`. Expected names of layers with weights. "
            f"Received: {missing}, which {model.name!r} does not have."
        )
    raise ValueError(
        "Invalid `trainable`. Expected 'head', 'all', a number of layers >= 1 or names of layers. "
        f"Received: trainable={trainable!r}."
    )
