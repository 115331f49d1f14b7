"""Lets a network that knows another scale of pixels, or another order of channels, take pictures in [0, 1]."""

from typing import Any

from tasks.methods.backend import keras
from tasks.methods.networks.graph import to_functional
from tasks.methods.networks.replay import Replay
from tasks.methods.picture_input import PictureInput


def fed_as_known(model: keras.Model, wants: PictureInput) -> keras.Model:
    """A copy of `model` that takes pictures in [0, 1], RGB or grey, and hands on what its layers know.

    The layers in front have no weights, so they are never pruned or trained, and are built in, so they are loaded safely
    and converted with the rest.

    Args:
        model: A network with one input; it is not changed.
        wants: How it was fed when it was trained.

    Returns:
        A flat functional model; its outputs are those of `model` on `wants.apply(x)`.

    Raises:
        ValueError: Its pictures have another number of channels.
    """
    shape = tuple(model.inputs[0].shape[1:])
    if wants.channels is not None and (len(shape) != 3 or shape[-1] != wants.channels):
        raise ValueError(
            f"Invalid `wants`. Expected a preprocessing for inputs of shape {list(shape)}. "
            f"Received: one for pictures of {wants.channels} channels."
        )
    flat = to_functional(model)
    names = Replay(taken=[layer.name for layer in flat.layers])
    inputs = keras.Input(shape, name=names.name("pixels_in_unit"))
    ordered = inputs
    if wants.order and wants.order != tuple(range(len(wants.order))):
        ordered = _reordered(inputs, wants.order, names)
    scale, offset = (_plain(part) for part in wants.from_unit())
    scaled = keras.layers.Rescaling(scale, offset, name=names.name("pixels_as_known"))(ordered)
    return keras.Model(inputs, Replay().run(flat, [scaled])[0], name=model.name)


def _reordered(x: Any, order: tuple[int, ...], names: Replay) -> Any:
    """Channels in another order: brought to the front, cut apart, and laid together again."""
    front = keras.layers.Permute((3, 1, 2), name=names.name("channels_first"))(x)
    last = len(order) - 1
    single = [
        keras.layers.Cropping2D(((channel, last - channel), (0, 0)), name=names.name(f"channel_{channel}"))(front)
        for channel in order
    ]
    joined = keras.layers.Concatenate(axis=1, name=names.name("channels_ordered"))(single)
    return keras.layers.Permute((2, 3, 1), name=names.name("channels_last"))(joined)


def _plain(numbers: Any) -> float | list[float]:
    """A number where all channels share it, as a layer's setting."""
    values = [float(number) for number in numbers]
    return values[0] if len(set(values)) == 1 else values
