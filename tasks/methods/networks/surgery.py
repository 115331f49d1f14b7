"""Fits an inherited network to new data: another head for other classes, another door for other inputs.

Only built-in layers without code of their own are used, so the result is loaded in safe mode and converted to LiteRT.
"""

from math import prod
from typing import Any

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.networks.graph import backbone, is_flat, rename, to_functional
from tasks.methods.networks.predict import predict
from tasks.methods.networks.replay import Replay

_LUMA = (0.299, 0.587, 0.114)  # grey from RGB, ITU-R BT.601


def new_head(model: keras.Model, classes: int, seed: int, dropout: float = 0.0) -> keras.Model:
    """The backbone of `model`, weights and all, under a new softmax head.

    Args:
        model: A trained network; it is not changed.
        classes: Units of the new head, at least 2.
        seed: Seed of the head's weights and of its dropout.
        dropout: Fraction of features dropped before the head while training, [0, 1).

    Returns:
        A flat functional model whose last layer is named `head`.

    Raises:
        ValueError: Fewer than two classes, or a model whose graph cannot be cut.
    """
    if classes < 2:
        raise ValueError(f"Invalid `classes`. Expected at least 2. Received: classes={classes}.")
    base = backbone(model)
    if {"head", "head_dropout"} & {layer.name for layer in base.layers}:
        base = rename(base, "inherited_")
    hidden = base.outputs[0]
    if dropout:
        hidden = keras.layers.Dropout(dropout, seed=seed, name="head_dropout")(hidden)
    initial = keras.initializers.GlorotUniform(seed)
    head = keras.layers.Dense(classes, activation="softmax", kernel_initializer=initial, name="head")
    return keras.Model(base.inputs, head(hidden), name=model.name)


def adapt_input(model: keras.Model, input_shape: tuple[int, ...]) -> keras.Model:
    """A model that takes rows of `input_shape` and hands them to `model` in the shape it knows.

    Pictures are resized (bilinear), grey is copied to three channels, colour is made grey by luminance, and a picture is
    laid out as a row of values where the network takes as many of them.

    Args:
        model: A trained network with one input; it is not changed.
        input_shape: Shape of one row of the new data.

    Returns:
        A flat functional model; a plain copy where the shapes agree.

    Raises:
        ValueError: The shapes cannot be brought together; the message says why.
    """
    known = tuple(model.inputs[0].shape[1:])
    if known == tuple(input_shape):
        return to_functional(model)
    flat = model if is_flat(model) else to_functional(model)
    names = Replay(taken=[layer.name for layer in flat.layers])
    inputs = keras.Input(input_shape, name=names.name("adapted_input"))
    if _agree(known, input_shape):  # sizes the network leaves free are settled, as the conversion to LiteRT needs it
        adapted = inputs
    elif len(known) == len(input_shape) == 3 and {known[2], input_shape[2]} <= {1, 3}:
        adapted = _picture(inputs, known, names)
    elif len(known) == 1 and len(input_shape) == 3 and known[0] == prod(input_shape):
        adapted = keras.layers.Flatten(name=names.name("adapt_flatten"))(inputs)
    else:
        raise ValueError(
            f"Invalid `input_shape`. {_why(known, input_shape)} Expected rows of shape {_text(known)}, "
            f"as {model.name!r} takes them. Received: input_shape={_text(input_shape)}."
        )
    return keras.Model(inputs, Replay().run(flat, [adapted])[0], name=model.name)


def adapted_rows(x: np.ndarray, input_shape: tuple[int, ...]) -> np.ndarray:
    """Rows of another data set in the shape `input_shape`, by the means of `adapt_input`.

    Args:
        x: float32 [n, ...].
        input_shape: Shape of one row as it is wanted.

    Returns:
        float32 [n, *input_shape].

    Raises:
        ValueError: The shapes cannot be brought together; the message says why.
    """
    if x.shape[1:] == tuple(input_shape):
        return x
    inputs = keras.Input(input_shape, name="rows")
    door = keras.Model(inputs, keras.layers.Activation("linear", name="as_they_are")(inputs), name="rows")
    return predict(adapt_input(door, tuple(x.shape[1:])), x)


def _picture(x: Any, known: tuple[Any, ...], names: Replay) -> Any:
    """Pictures `x` in the shape `known`; no layer used here has weights, so none is ever pruned or trained."""
    _, height, width, channels = x.shape
    if channels == 3 and known[2] == 1:
        # Each channel times three times its share, then the mean of the three, laid side by side.
        x = keras.layers.Rescaling([3 * share for share in _LUMA], name=names.name("adapt_luma"))(x)
        x = keras.layers.Reshape((height, width * 3, 1), name=names.name("adapt_interleave"))(x)
        x = keras.layers.AveragePooling2D((1, 3), name=names.name("adapt_grey"))(x)
    size = (known[0] or height, known[1] or width)
    if size != (height, width):
        x = keras.layers.Resizing(*size, name=names.name("adapt_size"))(x)
    if channels == 1 and known[2] == 3:
        x = keras.layers.Concatenate(name=names.name("adapt_channels"))([x, x, x])
    return x


def _agree(known: tuple[Any, ...], given: tuple[int, ...]) -> bool:
    return len(known) == len(given) and all(a is None or a == b for a, b in zip(known, given, strict=True))


def _why(known: tuple[Any, ...], given: tuple[int, ...]) -> str:
    if len(known) == len(given) == 1:
        return (
            "A network for tables that does not say which column each of its inputs is cannot take another number of features. "
            "Use the same columns, or train from scratch."
        )
    if len(known) == len(given) == 3:
        return "Pictures can be adapted between 1 and 3 channels only."
    return "A network for pictures and one for tables do not take each other's rows."


def _text(shape: tuple[Any, ...]) -> str:
    return "[" + ", ".join("any" if size is None else str(size) for size in shape) + "]"
