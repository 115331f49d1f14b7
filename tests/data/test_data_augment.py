import numpy as np
import pytest

from tasks.data.augment import augment
from tasks.recipe.data_schema import Augment


def pictures(n=8, size=9, channels=1):
    return np.random.default_rng(0).random((n, size, size, channels)).astype(np.float32)


def generator():
    return np.random.default_rng(1)


def test_augment_leaves_tables_and_unchanged_pictures_alone():
    table, images = np.ones((3, 4), dtype=np.float32), pictures()
    assert augment(table, Augment(noise=0.5), generator()) is table
    assert augment(images, Augment(), generator()) is images


def test_augment_mirrors_about_half_of_the_pictures():
    images = pictures(100)
    changed = augment(images, Augment(flip=True), generator())
    mirrored = (changed == images[:, :, ::-1]).all(axis=(1, 2, 3))
    same = (changed == images).all(axis=(1, 2, 3))
    assert (mirrored | same).all()
    assert 30 < mirrored.sum() < 70


def test_augment_shifts_by_what_was_drawn():
    images = np.zeros((1, 10, 10, 1), dtype=np.float32)
    images[0, 5, 5, 0] = 1.0

    class Drawn:
        """A generator whose draws are the largest."""

        def uniform(self, low, high, size):
            return np.full(size, high)

    changed = augment(images, Augment(shift=0.2), Drawn())
    assert np.unravel_index(changed.argmax(), changed.shape) == (0, 7, 7, 0)
    assert changed.max() == pytest.approx(1.0)
    turned = augment(images, Augment(rotate=90), Drawn())
    assert np.unravel_index(turned.argmax(), turned.shape) == (0, 4, 5, 0)  # a quarter turn about (4.5, 4.5)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("change", [{"flip": True}, {"shift": 0.3}, {"rotate": 180}, {"zoom": 0.9}, {"noise": 0.9}])
def test_augment_keeps_shape_type_and_range_and_repeats_with_its_seed(change, channels):
    images = pictures(channels=channels)
    before = images.copy()
    changed = augment(images, Augment(**change), generator())
    assert changed.shape == images.shape
    assert changed.dtype == np.float32
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert not np.array_equal(changed, images)
    np.testing.assert_array_equal(images, before)
    np.testing.assert_array_equal(augment(images, Augment(**change), generator()), changed)
