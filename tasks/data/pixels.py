"""A picture as the cell of a table: text, so that whatever carries a table carries the picture (numpy alone).

    pixels:HEIGHTxWIDTHxCHANNELS:BASE64

BASE64 is of the bytes 0 to 255, row by row, the channels of a pixel side by side: `base64.b64encode(picture.tobytes())` of a
uint8 array [height, width, channels].
"""

import base64
import binascii
import re
from typing import Any

import numpy as np

from model_registry.errors import InputError
from tasks.data.values import is_missing

PREFIX = "pixels:"
_FORM = re.compile(r"pixels:(\d{1,5})x(\d{1,5})x([13]):")
_SHOWN = 40  # characters of a cell in a message

Shape = tuple[int, int, int]


def cell_of(picture: np.ndarray) -> str:
    """A picture's cell; uint8 [h, w, c]."""
    return f"{head_of(picture.shape)}{base64.b64encode(np.ascontiguousarray(picture, np.uint8).tobytes()).decode()}"


def head_of(shape: tuple[int, ...]) -> str:
    """What the cell of a picture of this shape begins with."""
    return f"{PREFIX}{'x'.join(map(str, shape))}:"


def holds_picture(cell: Any) -> bool:
    """Whether a cell is meant as a picture."""
    return isinstance(cell, str) and cell.startswith(PREFIX)


def shape_of(cell: str) -> Shape | None:
    """Height, width and channels, as a cell states them; None where it is no picture's."""
    found = _FORM.match(cell)
    return None if found is None else (int(found[1]), int(found[2]), int(found[3]))


def fault(cell: Any, shape: Shape) -> str:
    """What is wrong with a cell that should hold a picture of this shape, in words; empty where nothing is."""
    return "" if _pixels(cell, shape) is not None else _received(cell)


def pictures_of(cells: Any, shape: Shape, name: str) -> np.ndarray:
    """The pictures of a column.

    Args:
        cells: [n].
        shape: What each must have.
        name: The column's, for the message.

    Returns:
        uint8 [n, h, w, c].

    Raises:
        InputError: A cell holds none, or one of another size.
    """
    column = np.asarray(cells, dtype=object)
    found = np.empty((len(column), *shape), np.uint8)
    for row, cell in enumerate(column):
        pixels = _pixels(cell, shape)
        if pixels is None:
            raise InputError(
                f"column {name!r}: expected a picture in every row, '{head_of(shape)}' and the base64 of its "
                f"{np.prod(shape)} bytes. Received: {_received(cell)} in row {row}."
            )
        found[row] = pixels
    return found


def _pixels(cell: Any, shape: Shape) -> np.ndarray | None:
    head = head_of(shape)
    if not isinstance(cell, str) or not cell.startswith(head):
        return None
    try:
        content = base64.b64decode(cell[len(head) :], validate=True)
    except (binascii.Error, ValueError):
        return None
    return np.frombuffer(content, np.uint8).reshape(shape) if len(content) == np.prod(shape) else None


def _received(cell: Any) -> str:
    if is_missing(cell):
        return "nothing"
    text = str(cell)
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
