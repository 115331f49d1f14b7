"""Networks for rows that hold a picture beside a table's columns: each reads its part of one vector.

A row is [columns, pixels], so a network of either kind takes it once it is put behind a view of its part. Only built-in layers
without code of their own are used, so the result is loaded in safe mode and converted to LiteRT.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from tasks.methods.backend import keras
from tasks.methods.networks.architectures import build
from tasks.methods.networks.graph import backbone, rename
from tasks.methods.networks.replay import Replay


@dataclass(frozen=True)
class View:
    """A part of a row.

    Attributes:
        width: Of the whole row.
        start: First place of the part.
        shape: Of the part, as the network behind it takes it.
    """

    width: int
    start: int
    shape: tuple[int, ...]

    def of(self, row: Any, names: Replay, prefix: str = "view") -> Any:
        """The part of a row, both Keras tensors."""
        end = self.width - self.start - prod(self.shape)
        part = keras.layers.Reshape((self.width, 1), name=names.name(f"{prefix}_row"))(row)
        part = keras.layers.Cropping1D((self.start, end), name=names.name(f"{prefix}_part"))(part)
        return keras.layers.Reshape(self.shape, name=names.name(f"{prefix}_shape"))(part)


def behind_view(model: keras.Model, view: View) -> keras.Model:
    """A model that takes whole rows and hands their part to `model`.

    Args:
        model: A network with one input of the view's shape; it is not changed.
        view: The part.

    Returns:
        A flat functional model.

    Raises:
        ValueError: The network takes rows of another shape, or the part is not within the row.
    """
    known = tuple(model.inputs[0].shape[1:])
    if known != view.shape or not 0 <= view.start <= view.width - prod(view.shape):
        raise ValueError(f"Invalid `view`. Expected rows of shape {list(known)} within {view.width} values. Received: {view}.")
    names = Replay(taken=[layer.name for layer in model.layers])
    inputs = keras.Input((view.width,), name=names.name("row"))
    return keras.Model(inputs, Replay().run(model, [view.of(inputs, names)])[0], name=model.name)


def side_by_side(
    table: View, picture: View, classes: int, *, hidden: Sequence[int], filters: Sequence[int], dropout: float, seed: int
) -> keras.Model:
    """A new network that reads both parts: dense layers on the columns, convolutions on the picture, one head on both.

    Args:
        table: The columns; where there are none, it is left out.
        picture: The pixels.
        classes: Units of the softmax head.
        hidden: Units of the dense layers of either branch.
        filters: Filters of the convolutions.
        dropout: Before the head.
        seed: Determines all weights.

    Returns:
        A functional model whose last layer is named `head`.
    """
    inputs, names = keras.Input((picture.width,), name="input"), Replay(taken=["input"])
    features = []
    for prefix, view, architecture in (("table", table, "mlp"), ("picture", picture, "cnn")):
        if prod(view.shape):
            network = build(architecture, view.shape, classes, hidden, filters, 0.0, seed)
            branch = rename(backbone(network), f"{prefix}_")  # either branch's own head is not needed
            features += Replay().run(branch, [view.of(inputs, names, prefix)])
    joined = keras.layers.Concatenate(name="features")(features) if len(features) > 1 else features[0]
    if dropout:
        joined = keras.layers.Dropout(dropout, seed=seed, name="head_dropout")(joined)
    initial = keras.initializers.GlorotUniform(seed)
    head = keras.layers.Dense(classes, activation="softmax", kernel_initializer=initial, name="head")
    return keras.Model(inputs, head(joined), name="side_by_side")
