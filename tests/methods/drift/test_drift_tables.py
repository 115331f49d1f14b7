import numpy as np
import pytest

from tasks.methods.drift.permutation import permutation_p_value
from tasks.methods.drift.tables import MAX_CATEGORIES, bin_counts, category_counts


def test_bin_counts_gives_each_value_a_bin_when_there_are_few():
    first, second = bin_counts(np.array([0.0, 0.0, 1.0]), np.array([1.0, 5.0]))
    np.testing.assert_array_equal(first, [2, 1, 0])
    np.testing.assert_array_equal(second, [0, 1, 1])


def test_bin_counts_cuts_at_the_deciles_of_both_windows():
    values = np.arange(100.0)
    first, second = bin_counts(values[::2], values[1::2])
    np.testing.assert_array_equal(first + second, [10] * 10)


def test_bin_counts_has_no_empty_bin_when_one_value_dominates():
    values = np.concatenate([np.zeros(90), np.arange(20.0)])
    first, second = bin_counts(values, values)
    assert (first + second).min() > 0
    assert first.sum() == second.sum() == 110


def test_category_counts_lines_up_both_windows():
    first, second = category_counts(np.array(["b", "a", "b"], object), np.array(["c", None, "b"], object))
    # b (3 rows), then the ones with one row each by name: (missing), a, c.
    np.testing.assert_array_equal(first, [2, 0, 1, 0])
    np.testing.assert_array_equal(second, [1, 1, 0, 1])


def test_category_counts_pools_the_rarest_when_there_are_many():
    names = np.array([f"name {i}" for i in range(500)] + ["often"] * 50, object)
    first, second = category_counts(names, names[:10])
    assert len(first) == len(second) == MAX_CATEGORIES
    assert first[0] == 50
    assert first.sum() == 550
    assert second.sum() == 10


def test_permutation_p_value_matches_the_exact_one():
    # Two windows of 6 rows; the statistic is the rows of the first kind in the second: hypergeometric tail.
    from scipy import stats

    p = permutation_p_value(np.array([1, 5]), np.array([5, 1]), lambda _, current: current[:, 0].astype(float))
    assert p == pytest.approx(stats.hypergeom.sf(4, 12, 6, 6), abs=0.01)


def test_permutation_p_value_goes_below_one_over_the_draws_but_not_below_the_possible():
    from scipy import stats

    def rows_of_first(_: np.ndarray, current: np.ndarray) -> np.ndarray:
        return current[:, 0].astype(float)

    exact = stats.hypergeom.sf(19, 40, 20, 20)  # 7e-12: all twenty in the second window
    p = permutation_p_value(np.array([0, 20]), np.array([20, 0]), rows_of_first)
    assert exact <= p < 1e-6
    assert permutation_p_value(np.array([0, 200]), np.array([200, 0]), rows_of_first) < 1e-12
