"""Networks built from scratch: the control that an heir has to beat, and the start of a project without ancestors."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.methods.backend import keras

ARCHITECTURES = ("mlp", "cnn")
_FLATTEN_UP_TO = 64  # pixels: larger feature maps are averaged, or the first dense layer would hold most weights


def build(
    architecture: str,
    input_shape: Sequence[int],
    classes: int,
    hidden: Sequence[int],
    filters: Sequence[int],
    dropout: float,
    seed: int,
) -> keras.Model:
    """A new network, its weights determined by the seed alone.

    Args:
        architecture: `mlp`: dense layers (pictures are flattened first). `cnn`: 3x3 convolutions, each followed by a
            2x2 max pooling while the picture is at least 2 pixels wide and high, then dense layers.
        input_shape: Shape of one row: (features,) or (height, width, channels).
        classes: Units of the softmax head, at least 2.
        hidden: Units of the dense layers.
        filters: Filters of the convolutions; `mlp` has none.
        dropout: Fraction of features dropped before the head while training, [0, 1).
        seed: Seed of the initial weights (He et al., 2015; Glorot & Bengio, 2010 for the head) and of dropout.

    Returns:
        A functional model whose last layer is named `head`.

    Raises:
        ValueError: An unknown architecture, a shape it cannot take, or fewer than two classes.
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(
            f"Invalid `architecture`. Expected one of {list(ARCHITECTURES)}. Received: architecture={architecture!r}."
        )
    if architecture == "cnn" and len(input_shape) != 3:
        raise ValueError(
            "Invalid `input_shape`. Expected (height, width, channels) for a cnn; tables take an mlp. "
            f"Received: input_shape={tuple(input_shape)}."
        )
    if classes < 2:
        raise ValueError(f"Invalid `classes`. Expected at least 2. Received: classes={classes}.")
    seeds = iter(np.random.SeedSequence(seed).generate_state(len(filters) + len(hidden) + 2).tolist())
    inputs = keras.Input(tuple(input_shape), name="input")
    maps = _convolutions(inputs, filters, seeds) if architecture == "cnn" else inputs
    return keras.Model(inputs, _dense(maps, classes, hidden, dropout, seeds), name=architecture)


def _convolutions(x: Any, filters: Sequence[int], seeds: Any) -> Any:
    for number, count in enumerate(filters, 1):
        initial = keras.initializers.HeUniform(next(seeds))
        convolution = keras.layers.Conv2D(
            count, 3, padding="same", activation="relu", kernel_initializer=initial, name=f"conv_{number}"
        )
        x = convolution(x)
        if min(x.shape[1:3]) >= 2:
            x = keras.layers.MaxPooling2D(name=f"pool_{number}")(x)
    if x.shape[1] * x.shape[2] > _FLATTEN_UP_TO:
        return keras.layers.GlobalAveragePooling2D(name="average")(x)
    return x


def _dense(x: Any, classes: int, hidden: Sequence[int], dropout: float, seeds: Any) -> Any:
    if len(x.shape) > 2:
        x = keras.layers.Flatten(name="flatten")(x)
    for number, units in enumerate(hidden, 1):
        initial = keras.initializers.HeUniform(next(seeds))
        x = keras.layers.Dense(units, activation="relu", kernel_initializer=initial, name=f"dense_{number}")(x)
    if dropout:
        x = keras.layers.Dropout(dropout, seed=next(seeds), name="dropout")(x)
    initial = keras.initializers.GlorotUniform(next(seeds))
    return keras.layers.Dense(classes, activation="softmax", kernel_initializer=initial, name="head")(x)
