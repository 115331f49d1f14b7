"""Rows of other pictures, brought to the shape that a network takes."""

import numpy as np
import pytest

from tasks.methods.networks.surgery import adapted_rows


def test_rows_of_the_same_shape_are_left_alone():
    x = np.ones((3, 4, 4, 1), np.float32)
    assert adapted_rows(x, (4, 4, 1)) is x


def test_rows_are_resized_and_grey_is_copied_to_three_channels():
    x = np.random.default_rng(0).random((5, 4, 4, 1)).astype(np.float32)
    found = adapted_rows(x, (8, 8, 3))
    assert found.shape == (5, 8, 8, 3)
    for channel in range(3):
        np.testing.assert_array_equal(found[..., channel], found[..., 0])
    np.testing.assert_allclose(found.mean(axis=(1, 2, 3)), x.mean(axis=(1, 2, 3)), atol=0.05)


def test_pictures_are_laid_out_as_rows_of_values():
    x = np.arange(2 * 2 * 3, dtype=np.float32).reshape(1, 2, 2, 3)
    np.testing.assert_array_equal(adapted_rows(x, (12,)), x.reshape(1, 12))


def test_rows_of_a_table_are_no_pictures():
    with pytest.raises(ValueError, match="do not take each other's rows"):
        adapted_rows(np.ones((2, 7), np.float32), (8, 8, 1))
