"""What flows through a graph while it is translated: constants, and Keras tensors whose axes stand in another order."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tasks.methods.backend import keras

CHANNELS_LAST = (0, 2, 3, 1)  # where a Keras picture has what ONNX calls batch, channels, height, width


@dataclass(frozen=True)
class Value:
    """A tensor of the network.

    A transposition changes `order` alone; axes are moved only before a layer that needs them elsewhere. So convolutions of
    either convention become plain channels-last layers.

    Attributes:
        tensor: The Keras tensor.
        order: For each axis of `tensor`, the axis of the ONNX tensor that it holds; the batch is always the first.
        positive: Whether it is known to hold no negative number, so that zeros around it change no maximum.
    """

    tensor: Any
    order: tuple[int, ...]
    positive: bool = False

    @property
    def rank(self) -> int:
        """Axes, the batch included."""
        return len(self.order)

    @property
    def shape(self) -> list[int | None]:
        """Sizes in ONNX's order, None where free."""
        sizes = [self.tensor.shape[self.order.index(axis)] for axis in range(self.rank)]
        return [None if size is None else int(size) for size in sizes]

    def place(self, axis: int) -> int:
        """Where the Keras tensor has an axis of the ONNX tensor, which may be counted from the end."""
        return self.order.index(axis % self.rank)

    def arranged(self, order: tuple[int, ...], name: str) -> "Value":
        """The same values with the axes in another order.

        Args:
            order: As in `order`.
            name: Of the layer that moves them, where one is needed.
        """
        if order == self.order:
            return self
        moved = tuple(self.order.index(axis) for axis in order)
        sizes = [self.tensor.shape[place] for place in range(1, self.rank)]
        real = [place for place in moved[1:] if self.tensor.shape[place] != 1]
        if real == sorted(real) and None not in sizes:  # only axes of one element move: nothing moves in memory
            target = [int(self.tensor.shape[place]) for place in moved[1:]]
            return replace(self, tensor=keras.layers.Reshape(target, name=name)(self.tensor), order=order)
        return replace(self, tensor=keras.layers.Permute(moved[1:], name=name)(self.tensor), order=order)


def plain_order(rank: int) -> tuple[int, ...]:
    """ONNX's own order."""
    return tuple(range(rank))


def as_list(constant: np.ndarray) -> list[int]:
    """A constant of whole numbers, such as axes or a shape, as a flat list."""
    return [int(number) for number in np.asarray(constant).ravel()]
