import numpy as np
import pytest
from scipy import ndimage

from tasks.data.median import median_filter


def test_median_filter_removes_a_speck():
    picture = np.zeros((1, 3, 3, 1), dtype=np.uint8)
    picture[0, 1, 1, 0] = 255
    assert median_filter(picture, 3).max() == 0


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("shape", [(4, 8, 8, 1), (2, 5, 9, 3), (1, 2, 1, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_median_filter_equals_scipy(size, shape, dtype):
    pictures = (np.random.default_rng(0).random(shape) * 255).astype(dtype)
    expected = ndimage.median_filter(pictures, size=(1, size, size, 1), mode="reflect")
    filtered = median_filter(pictures, size)
    np.testing.assert_array_equal(filtered, expected)
    assert filtered.dtype == dtype


def test_median_filter_is_the_same_in_chunks(monkeypatch):
    pictures = np.random.default_rng(0).random((7, 6, 6, 1))
    whole = median_filter(pictures, 3)
    monkeypatch.setattr("tasks.data.median.CHUNK_BYTES", 1)
    np.testing.assert_array_equal(median_filter(pictures, 3), whole)
