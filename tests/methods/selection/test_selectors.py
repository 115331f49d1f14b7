"""Hand-worked rankings, then what holds for every selector."""

import numpy as np
import pytest

from tasks.methods.selection import selectors
from tasks.methods.selection.folds import MAX_ROWS, folds, prepared


def blobs(n: int = 120, k: int = 3, d: int = 5, gap: float = 4.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features of k classes whose centres lie `gap` standard deviations from 0; 0 tells nothing."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % k
    return rng.normal(size=(n, d)) + gap * np.eye(k, d)[y], y


def test_linear_probe_misses_what_no_line_separates_and_knn_sees_it():
    rng = np.random.default_rng(0)
    x = rng.choice([-1.0, 1.0], (200, 2))
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)  # exclusive or
    x += rng.normal(0, 0.1, x.shape)
    assert selectors.get("linear_probe")(x, y, 0) < 0.65
    assert selectors.get("knn")(x, y, 0) == 1.0


@pytest.mark.parametrize("name", selectors.names())
def test_every_selector_is_one_when_the_classes_are_far_apart(name):
    assert selectors.get(name)(*blobs(gap=20.0), 0) == 1.0


@pytest.mark.parametrize("name", selectors.names())
def test_every_selector_is_at_chance_when_features_tell_nothing(name):
    assert selectors.get(name)(*blobs(300, gap=0.0), 0) == pytest.approx(1 / 3, abs=0.12)


@pytest.mark.parametrize("name", selectors.names())
def test_every_selector_ranks_by_how_far_the_classes_are_apart(name):
    scores = [selectors.get(name)(*blobs(gap=gap), 0) for gap in (0.0, 1.5, 6.0)]
    assert scores == sorted(scores)
    assert scores[0] < scores[2]


@pytest.mark.parametrize("name", selectors.names())
def test_every_selector_repeats_itself_when_the_seed_is_equal(name):
    features, y = blobs(gap=1.0)
    assert selectors.get(name)(features, y, 3) == selectors.get(name)(features, y, 3)
    assert isinstance(selectors.get(name)(features, y, 3), float)


@pytest.mark.parametrize("name", selectors.names())
def test_every_selector_ignores_the_features_scale(name):
    features, y = blobs(gap=1.5)
    scaled = features * np.array([1e4, 1e-4, 1, 10, 0.1]) + 1e3
    assert selectors.get(name)(scaled, y, 0) == pytest.approx(selectors.get(name)(features, y, 0), abs=0.02)


@pytest.mark.parametrize("name", selectors.names())
def test_every_selector_takes_float32_and_dead_units(name):
    features, y = blobs(gap=6.0)
    features = np.concatenate([features, np.zeros((len(y), 3))], axis=1).astype(np.float32)
    assert selectors.get(name)(features, y, 0) > 0.9


@pytest.mark.parametrize("name", selectors.names())
def test_every_selector_works_when_classes_are_tiny(name):
    features, y = blobs(6, gap=20.0)
    assert 0 <= selectors.get(name)(features, y, 0) <= 1
    lonely = np.concatenate([y, [9]])  # one row of a class: nothing to judge it by
    assert 0 <= selectors.get(name)(np.concatenate([features, features[:1]]), lonely, 0) <= 1


@pytest.mark.parametrize("name", selectors.names())
@pytest.mark.parametrize(
    ("features", "y", "message"),
    [
        (np.ones(6), np.zeros(6, np.int64), r"shape \[n, d\]"),
        (np.ones((6, 0)), np.zeros(6, np.int64), "d >= 1"),
        (np.ones((6, 2)), np.zeros(5, np.int64), r"y.shape=\(5,\)"),
        (np.ones((6, 2)), np.zeros(6), "float64"),
        (np.ones((6, 2)), np.zeros(6, np.int64), r"two classes.*\{0: 6\}"),
        (np.ones((3, 2)), np.array([0, 0, 1]), r"\{0: 2, 1: 1\}"),
        (np.array([[1.0], [np.nan], [1.0], [2.0]]), np.array([0, 0, 1, 1]), "1 of 4 rows.*row 1"),
    ],
)
def test_every_selector_says_what_is_wrong_when_arguments_do_not_fit(name, features, y, message):
    with pytest.raises(ValueError, match=message):
        selectors.get(name)(features, y, 0)


def test_prepared_keeps_a_share_of_each_class_when_rows_are_many():
    y = np.repeat([0, 1, 2], [MAX_ROWS * 2, MAX_ROWS * 2, 3])
    features, kept = prepared(np.arange(len(y), dtype=float)[:, None], y, seed=0)
    np.testing.assert_array_equal(np.unique(kept, return_counts=True)[1], [999, 999, 2])
    np.testing.assert_array_equal(kept, y[features[:, 0].astype(int)])
    again, _ = prepared(np.arange(len(y), dtype=float)[:, None], y, seed=0)
    np.testing.assert_array_equal(features, again)


def test_folds_judge_every_row_once_by_rows_of_every_class():
    features, y = blobs(40, 4)
    y[y == 3] = 2
    y[:2] = 3
    judged = 0
    for _, learn_y, _, judge_y in folds(features, y, seed=0):
        judged += len(judge_y)
        assert set(learn_y) == {0, 1, 2, 3}
    assert judged == 40
