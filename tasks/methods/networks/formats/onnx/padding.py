"""Borders around pictures: Keras' own padding where it is the same, else a layer that adds them."""

from dataclasses import replace
from typing import Any

import numpy as np

from tasks.methods.backend import keras, tf
from tasks.methods.networks.formats.onnx.operations import UntranslatableError
from tasks.methods.networks.formats.onnx.translation import Node, Translation
from tasks.methods.networks.formats.onnx.values import CHANNELS_LAST, Value

_LOWEST = float(np.finfo(np.float32).min)
Sides = tuple[tuple[int, int], tuple[int, int]]  # (top, bottom), (left, right)


def around(
    graph: Translation,
    node: Node,
    x: Value,
    kernel: list[int],
    strides: list[int],
    dilations: list[int],
    *,
    lowest: bool = False,
) -> tuple[Value, str]:
    """The picture with what a node wants around it.

    Args:
        graph: The network so far.
        node: A convolution or a pooling, with `pads`, `auto_pad` and perhaps `ceil_mode`.
        x: Its input, channels last.
        kernel: Height and width of its window.
        strides: Steps down and across.
        dilations: Gaps in the window.
        lowest: Whether what is added must never be a window's maximum; else it is zero.

    Returns:
        The picture, and what Keras still has to do: `same` or `valid`.

    Raises:
        UntranslatableError: Sizes must be known and are not.
    """
    reach = [(size - 1) * gap + 1 for size, gap in zip(kernel, dilations, strict=True)]
    sizes = [x.tensor.shape[1], x.tensor.shape[2]]
    sides = border(node, x, reach, strides)
    if sides == ((0, 0), (0, 0)):
        return x, "valid"
    if sides is None or sides == _same(sizes, reach, strides):
        return x, "same"
    name = graph.name(node, "pad")
    if lowest and not x.positive:
        padded = tf.pad(x.tensor, [[0, 0], *map(list, sides), [0, 0]], constant_values=_LOWEST, name=name)
    else:
        padded = keras.layers.ZeroPadding2D(sides, name=name)(x.tensor)
    return replace(x, tensor=padded, order=CHANNELS_LAST), "valid"


def same_as_keras(x: Value, sides: Sides, reach: list[int], strides: list[int]) -> bool:
    """Whether a border is the one that Keras makes itself and calls `same`."""
    return sides == _same([x.tensor.shape[1], x.tensor.shape[2]], reach, strides)


def border(node: Node, x: Value, reach: list[int], strides: list[int]) -> Sides | None:
    """What a node wants around a picture; None: what Keras calls `same`.

    Args:
        node: With `pads`, `auto_pad` and perhaps `ceil_mode`.
        x: The picture, channels last.
        reach: Height and width of the window, gaps included.
        strides: Steps down and across.
    """
    sizes = [x.tensor.shape[1], x.tensor.shape[2]]
    automatic = node.attributes.get("auto_pad", "NOTSET")
    if automatic == "SAME_UPPER":
        return None
    if automatic == "SAME_LOWER":
        same = _same(sizes, reach, strides)
        if same is None:
            raise UntranslatableError("SAME_LOWER around a picture of any size")
        return (same[0][1], same[0][0]), (same[1][1], same[1][0])
    top, left, bottom, right = node.attributes.get("pads", [0, 0, 0, 0]) if automatic != "VALID" else [0, 0, 0, 0]
    if min(top, left, bottom, right) < 0:
        raise UntranslatableError("a negative border")
    if node.attributes.get("ceil_mode", 0):
        if None in sizes:
            raise UntranslatableError("ceil_mode on a picture of any size")
        bottom += _rest(sizes[0], top, bottom, reach[0], strides[0])
        right += _rest(sizes[1], left, right, reach[1], strides[1])
    return (top, bottom), (left, right)


def _rest(size: int, before: int, after: int, reach: int, stride: int) -> int:
    """What ceil_mode adds at the end; a window that would start in it is left out."""
    whole = size + before + after - reach
    steps = -(-whole // stride)
    if steps * stride >= size + before:
        steps -= 1
    return max(0, steps * stride - whole)


def _same(sizes: list[Any], reach: list[int], strides: list[int]) -> Sides | None:
    """What `same` puts around a picture; with stride 1 its size does not matter."""
    sides = []
    for size, window, stride in zip(sizes, reach, strides, strict=True):
        if size is None and stride != 1:
            return None
        steps = -(-size // stride) if size is not None else 0
        total = max(0, (steps - 1) * stride + window - size) if size is not None else window - 1
        sides.append((total // 2, total - total // 2))
    return sides[0], sides[1]
