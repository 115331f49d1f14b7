"""Centroids: where they start, and the means that they become."""

import numpy as np
import pytest

from tasks.methods.clustering.initial import initials
from tasks.methods.clustering.kmeans import kmeans

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("init", initials.names())
def test_kmeans_finds_the_means_of_clear_groups(init):
    weights = np.array([[1.0, 1.2], [5.0, 5.4], [1.1, -3.0]])

    np.testing.assert_allclose(kmeans(weights, 3, init, seed=0, hold_zero=False), [-3.0, 1.1, 5.2], rtol=1e-6)


def test_kmeans_holds_zero_and_leaves_zeros_out_of_the_means():
    weights = np.array([0.0, 0.0, 0.0, 0.2, 2.0, 2.4, -1.0, -1.4])

    # 0.2 is nearest to zero and joins it; the others are means of two.
    np.testing.assert_allclose(kmeans(weights, 3, "linear", seed=0, hold_zero=True), [-1.2, 0.0, 2.2], rtol=1e-6)
    free = kmeans(weights, 3, "linear", seed=0, hold_zero=False)
    np.testing.assert_allclose(free, [-1.2, 0.05, 2.2], rtol=1e-6)


def test_linear_and_density_start_where_worked_by_hand():
    weights = np.array([0.0, 1.0, 2.0, 3.0, 10.0], np.float32)

    np.testing.assert_allclose(initials.get("linear")(weights, 3, RNG), [0, 5, 10])
    np.testing.assert_allclose(initials.get("density")(weights, 2, RNG), [1, 3])  # quantiles 1/4 and 3/4


@pytest.mark.parametrize("init", initials.names())
@pytest.mark.parametrize("k", [1, 2, 7])
def test_every_initialisation_gives_k_centroids_in_range(init, k):
    weights = RNG.normal(size=50).astype(np.float32)
    found = initials.get(init)(weights, k, np.random.default_rng(1))

    assert found.shape == (k,)
    assert found.dtype == np.float32
    assert weights.min() <= found.min()
    assert found.max() <= weights.max()


@pytest.mark.parametrize("init", initials.names())
@pytest.mark.parametrize("hold_zero", [True, False])
def test_kmeans_is_sorted_deterministic_and_no_worse_than_its_start(init, hold_zero):
    weights = RNG.normal(size=400) * (RNG.uniform(size=400) < 0.4)

    def cost(centroids):
        return np.square(weights[:, np.newaxis] - centroids).min(axis=1).sum()

    found = kmeans(weights, 8, init, seed=3, hold_zero=hold_zero)
    start = initials.get(init)(weights[weights != 0].astype(np.float32), 8, np.random.default_rng(3))
    np.testing.assert_array_equal(found, kmeans(weights, 8, init, seed=3, hold_zero=hold_zero))
    assert found.shape == (8,)
    assert (np.diff(found) >= 0).all()
    assert (found == 0).any() or not hold_zero
    assert cost(found) <= cost(start) * 1.5


@pytest.mark.parametrize("init", initials.names())
def test_kmeans_takes_fewer_different_weights_than_centroids(init):
    found = kmeans(np.array([0.0, 0.5, 0.5, -2.0]), 6, init, seed=0, hold_zero=True)

    assert {0.0, 0.5, -2.0} <= set(found.tolist())
    np.testing.assert_array_equal(kmeans(np.zeros(4), 3, init, seed=0, hold_zero=True), np.zeros(3))


def test_kmeans_refuses_too_few_centroids():
    with pytest.raises(ValueError, match=r"Expected at least 2\. Received: k=1"):
        kmeans(np.ones(3), 1, "linear", seed=0, hold_zero=True)
