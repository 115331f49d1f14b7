"""m zeros in every n consecutive inputs."""

import numpy as np
import pytest
import tensorflow_model_optimization.python.core.sparsity.keras.pruning_utils as tfmot

from tasks.methods.backend import tf
from tasks.methods.pruning.m_by_n import m_by_n_mask, share


def test_two_by_four_keeps_the_two_largest_of_four_inputs():
    scores = np.array([[1.0, 8.0], [4.0, 7.0], [2.0, 5.0], [3.0, 6.0]])  # inputs by outputs
    np.testing.assert_array_equal(m_by_n_mask(scores), [[False, True], [True, True], [False, False], [True, False]])


def test_groups_run_along_the_inputs_of_a_transposed_convolution():
    scores = np.array([[1.0, 8.0, 3.0, 4.0]])  # outputs by inputs
    np.testing.assert_array_equal(m_by_n_mask(scores, output_axis=-2), [[False, True, False, True]])


def test_a_last_group_of_three_loses_one_and_of_two_none():
    np.testing.assert_array_equal(m_by_n_mask(np.array([[1.0], [3.0], [2.0]]))[:, 0], [False, True, True])
    assert m_by_n_mask(np.ones((2, 5))).all()


def test_zeros_that_stand_already_fill_a_group_first():
    np.testing.assert_array_equal(m_by_n_mask(np.array([[5.0], [-np.inf], [6.0]]))[:, 0], [True, False, True])


@pytest.mark.parametrize("shape", [(8, 3), (7, 5), (3, 3, 8, 4), (3, 3, 6, 4), (1, 1, 1, 4)])
def test_two_by_four_is_what_tfmot_draws(shape):
    weights = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    mask = m_by_n_mask(np.abs(weights))
    theirs = tfmot.generate_m_by_n_mask(tfmot.weights_rearrange(tf.constant(weights)), (2, 4))
    np.testing.assert_array_equal(mask, tfmot.m_by_n_sparsity_mask_prepare(theirs, tf.constant(weights).shape).numpy() == 1)
    assert tfmot.is_pruned_m_by_n(tf.constant(weights * mask), (2, 4))


@pytest.mark.parametrize(("m", "n"), [(1, 2), (1, 4), (3, 4), (2, 8)])
def test_every_group_has_m_zeros(m, n):
    mask = m_by_n_mask(np.random.default_rng(0).random((3, 16, 5)), m, n)
    np.testing.assert_array_equal((~mask).reshape(3, 16 // n, n, 5).sum(axis=2), m)
    assert share(m, n) == 1 - mask.mean()


@pytest.mark.parametrize(("m", "n"), [(0, 4), (4, 4), (4, 2)])
def test_a_pattern_that_cannot_be_is_refused(m, n):
    with pytest.raises(ValueError, match=rf"1 <= m < n. Received: m_by_n=\({m}, {n}\)"):
        m_by_n_mask(np.ones((4, 4)), m, n)


def test_scores_without_two_axes_are_refused():
    with pytest.raises(ValueError, match=r"shape \(4,\)"):
        m_by_n_mask(np.ones(4))
