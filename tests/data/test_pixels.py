"""A picture as a cell of a table."""

import base64

import numpy as np
import pytest

from model_registry.errors import InputError
from tasks.data.pixels import cell_of, fault, head_of, holds_picture, pictures_of, shape_of


def test_cells_carry_pictures_and_say_their_shape():
    pictures = np.random.default_rng(0).integers(0, 256, (4, 5, 3, 3), dtype=np.uint8)
    cells = [cell_of(each) for each in pictures]
    assert all(holds_picture(cell) and shape_of(cell) == (5, 3, 3) for cell in cells)
    np.testing.assert_array_equal(pictures_of(cells, (5, 3, 3), "photo"), pictures)
    assert cells[0] == f"pixels:5x3x3:{base64.b64encode(pictures[0].tobytes()).decode()}"


def test_a_cell_is_what_a_client_writes_of_a_uint8_array():
    picture = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    assert cell_of(picture) == "pixels:2x3x1:AAECAwQF"


@pytest.mark.parametrize(
    ("cell", "received"),
    [
        (None, "nothing"),
        (float("nan"), "nothing"),
        ("photo.png", "'photo.png'"),
        (3, "'3'"),
        ("pixels:3x2x1:AAECAwQF", "'pixels:3x2x1:AAECAwQF'"),  # another shape of as many pixels
        ("pixels:2x3x1:AAEC", "'pixels:2x3x1:AAEC'"),
        ("pixels:2x3x1:AAEC AwQF", "'pixels:2x3x1:AAEC AwQF'"),
        ("pixels:2x3x1:" + "A" * 99, "'pixels:2x3x1:AAAAAAAAAAAAAAAAAAAAAAAAAAA...'"),
    ],
)
def test_a_cell_without_such_a_picture_is_refused_by_column_and_row(cell, received):
    good = cell_of(np.zeros((2, 3, 1), np.uint8))
    assert fault(good, (2, 3, 1)) == ""
    assert fault(cell, (2, 3, 1)) == received
    with pytest.raises(InputError) as error:
        pictures_of([good, cell], (2, 3, 1), "photo")
    assert str(error.value).startswith(
        "column 'photo': expected a picture in every row, 'pixels:2x3x1:' and the base64 of its 6"
    )
    assert f"Received: {received} in row 1." in str(error.value)


def test_shape_is_told_of_cells_that_hold_pictures_alone():
    assert shape_of("pixels:8x4x2:AA") is None  # a picture is grey or has three colours
    assert shape_of("photo.png") is None
    assert not holds_picture(None)
    assert head_of((8, 4, 1)) == "pixels:8x4x1:"
