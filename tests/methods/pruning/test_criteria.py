"""Criteria: hand-worked scores, then what holds for every criterion."""

import numpy as np
import pytest

from tasks.methods.pruning.criteria import Kernel, criteria
from tasks.methods.pruning.prune_mask import prune_mask

WEIGHTS = np.array([[3.0, -1.0], [-4.0, 0.0]])  # two inputs, two output units of norms 5 and 1


def kernel(weights=WEIGHTS, gradient=None, seed=0, output_axis=-1):
    return Kernel(
        weights, lambda: np.ones(weights.shape) if gradient is None else gradient, np.random.default_rng(seed), output_axis
    )


def test_magnitude_is_the_absolute_value():
    np.testing.assert_array_equal(criteria.get("magnitude")(kernel()), [[3, 1], [4, 0]])


def test_magnitude_prunes_the_smallest_half():
    mask = prune_mask(criteria.get("magnitude")(kernel(np.array([[0.1, -0.9], [0.5, -0.2]]))), sparsity=0.5)
    np.testing.assert_array_equal(mask, [[False, True], [True, False]])


def test_importance_is_the_share_of_the_energy():
    np.testing.assert_allclose(criteria.get("importance")(kernel()), np.array([[9, 1], [16, 0]]) / 26)


def test_structural_sensitivity_is_the_share_of_the_units_norm():
    np.testing.assert_allclose(criteria.get("structural_sensitivity")(kernel()), [[5 / 6, 1 / 6], [5 / 6, 1 / 6]])


def test_structural_sensitivity_takes_units_along_the_output_axis():
    scores = criteria.get("structural_sensitivity")(kernel(output_axis=-2))
    norms = np.array([np.sqrt(10), 4])
    np.testing.assert_allclose(scores, np.repeat(norms / norms.sum(), 2).reshape(2, 2))


def test_structural_sensitivity_empties_a_whole_filter_when_its_share_is_pruned():
    weights = np.ones((3, 3, 2, 4)) * [1, 3, 2, 4]
    mask = prune_mask(criteria.get("structural_sensitivity")(kernel(weights)), sparsity=0.5)
    np.testing.assert_array_equal(mask, np.broadcast_to([False, True, False, True], weights.shape))


def test_taylor_is_the_weight_times_the_gradients_size():
    scores = criteria.get("taylor")(kernel(gradient=np.array([[0.5, 2.0], [0.25, 7.0]])))
    np.testing.assert_allclose(scores, [[1.5, 2], [1, 0]])


def test_random_depends_on_the_seed_alone():
    score = criteria.get("random")
    np.testing.assert_array_equal(score(kernel(seed=3)), score(kernel(-2 * WEIGHTS, seed=3)))
    assert not np.array_equal(score(kernel(seed=3)), score(kernel(seed=4)))


def test_the_criteria_of_the_issue_are_registered():
    assert {"magnitude", "structural_sensitivity", "importance", "taylor", "random"} <= set(criteria.names())


@pytest.mark.parametrize("name", criteria.names())
@pytest.mark.parametrize("shape", [(7, 9), (3, 3, 2, 5)])
@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.9])
def test_every_criterion_reaches_the_asked_sparsity(name, shape, sparsity):
    rng = np.random.default_rng(0)
    weights = rng.normal(size=shape).astype(np.float32)
    scores = criteria.get(name)(kernel(weights, np.abs(rng.normal(size=shape))))
    mask = prune_mask(scores, sparsity)

    assert scores.shape == mask.shape == shape
    assert mask.dtype == bool
    assert abs((~mask).sum() - sparsity * weights.size) <= 0.5


@pytest.mark.parametrize("name", criteria.names())
def test_every_criterion_is_finite_and_never_negative(name):
    for weights in (np.zeros((4, 3), np.float32), np.full((4, 3), 1e-30, np.float32), np.full((4, 3), -1e30, np.float32)):
        scores = criteria.get(name)(kernel(weights))
        assert np.isfinite(scores).all()
        assert (scores >= 0).all()


@pytest.mark.parametrize("name", criteria.names())
def test_every_criterion_leaves_its_kernel_alone_and_repeats_itself(name):
    weights = WEIGHTS.copy()
    scores = criteria.get(name)(kernel(weights))
    np.testing.assert_array_equal(weights, WEIGHTS)
    np.testing.assert_array_equal(criteria.get(name)(kernel(weights)), scores)


def test_an_unknown_criterion_names_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'magnitude'"):
        criteria.get("magnitud")
