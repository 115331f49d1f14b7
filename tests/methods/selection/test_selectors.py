"""What holds for every selector."""

from dataclasses import replace

import numpy as np
import pytest

from tasks.methods.selection import ASKED, Evidence, relevance_names, selectors
from tasks.methods.selection.folds import MAX_ROWS, folds, prepared

RELEVANCE = relevance_names()
ADAPTABILITY = [name for name in selectors if name not in RELEVANCE]
ACCURACIES = ["linear_probe", "knn"]
UNITLESS = ["linear_probe", "knn", "h_score", "all_layers", *RELEVANCE]  # the others depend on the features' scale
LOCAL = {"knn": 0.05, "linear_probe": 0.05, "proxy_a": 0.3}  # folds are drawn by place, so a little moves with the order


def test_selectors_by_what_they_judge():
    assert RELEVANCE == ["frechet", "mmd", "proxy_a"]
    assert ADAPTABILITY == ["all_layers", "h_score", "knn", "leep", "linear_probe", "logme", "nce", "transrate"]
    assert {selectors.get(name).asks for name in selectors} == set(ASKED)
    assert all(selectors.references[name] and selectors.get(name).__doc__ for name in selectors)


@pytest.mark.parametrize("name", selectors.names())
def test_every_selector_repeats_itself_when_the_seed_is_equal(name, blobs):
    first, again = (selectors.get(name)(blobs(gap=1.0, seed=3)) for _ in range(2))
    assert first == again
    assert isinstance(first, float)
    assert np.isfinite(first)


@pytest.mark.parametrize("name", selectors.names())
def test_every_selector_is_unmoved_by_the_order_of_rows(name, blobs):
    one = blobs(gap=1.5)
    order = np.random.default_rng(1).permutation(len(one.y))
    other = Evidence(
        one.features[order],
        one.y[order],
        one.seed,
        one.probabilities[order],
        one.source_features[order],
        [values[order] for values in one.layers],
    )
    assert selectors.get(name)(other) == pytest.approx(selectors.get(name)(one), abs=LOCAL.get(name, 1e-6))


@pytest.mark.parametrize("name", ADAPTABILITY)
def test_every_selector_of_adaptability_prefers_features_that_tell_the_classes_apart(name, blobs):
    telling = blobs(300, gap=4.0)
    shuffled = replace(telling, y=np.random.default_rng(0).permutation(telling.y))
    assert selectors.get(name)(telling) > selectors.get(name)(shuffled)
    scores = [selectors.get(name)(blobs(300, gap=gap)) for gap in (0.0, 1.5, 6.0)]
    assert scores == sorted(scores)
    assert scores[0] < scores[2]


@pytest.mark.parametrize("name", RELEVANCE)
def test_every_selector_of_relevance_prefers_rows_that_are_alike(name, blobs):
    one = blobs(200, gap=2.0)
    scores = [selectors.get(name)(replace(one, source_features=one.source_features + shift)) for shift in (3.0, 1.0, 0.3, 0.0)]
    assert scores == sorted(scores)
    assert scores[0] < scores[-1]
    identical = selectors.get(name)(replace(one, source_features=one.features))
    assert identical == pytest.approx(0.0, abs=0.02)
    assert identical >= scores[-1]
    other_labels = replace(one, y=one.y[::-1].copy())
    assert selectors.get(name)(other_labels) == selectors.get(name)(one)


@pytest.mark.parametrize("name", ACCURACIES)
def test_accuracies_are_one_far_apart_and_at_chance_where_features_tell_nothing(name, blobs):
    assert selectors.get(name)(blobs(gap=20.0)) == 1.0
    assert selectors.get(name)(blobs(300, gap=0.0)) == pytest.approx(1 / 3, abs=0.12)


@pytest.mark.parametrize("name", UNITLESS)
def test_selector_ignores_the_units_of_features(name, blobs):
    one = blobs(gap=1.5)
    units, far = np.array([1e4, 1e-4, 1, 10, 0.1]), 1e3
    wide = np.concatenate([units, units])
    other = replace(
        one,
        features=one.features * units + far,
        source_features=one.source_features * units + far,
        layers=[one.layers[0] * units + far, one.layers[1] * wide + far],
    )
    assert selectors.get(name)(other) == pytest.approx(selectors.get(name)(one), abs=0.02)


@pytest.mark.parametrize("name", selectors.names())
def test_every_selector_takes_float32_and_dead_units(name, blobs):
    one = blobs(gap=6.0)

    def dead(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values, np.zeros((len(values), 3)), np.full((len(values), 1), 0.1)], axis=1).astype(np.float32)

    other = replace(
        one,
        features=dead(one.features),
        source_features=dead(one.source_features),
        layers=[dead(values) for values in one.layers],
        probabilities=one.probabilities.astype(np.float32),
    )
    assert np.isfinite(selectors.get(name)(other))
    if name in ACCURACIES:
        assert selectors.get(name)(other) > 0.9


@pytest.mark.parametrize("name", selectors.names())
def test_every_selector_takes_features_that_never_change(name, blobs):
    one = blobs()
    still = np.ones_like(one.features)
    assert np.isfinite(selectors.get(name)(replace(one, features=still, source_features=still, layers=[still])))


@pytest.mark.parametrize("name", selectors.names())
def test_every_selector_takes_more_features_than_rows_and_tiny_classes(name, blobs):
    assert np.isfinite(selectors.get(name)(blobs(12, d=40, gap=3.0)))
    one = blobs(7, gap=20.0)
    y = one.y.copy()
    y[-1] = 9  # one row of a class: nothing to judge it by
    assert np.isfinite(selectors.get(name)(replace(one, y=y)))


@pytest.mark.parametrize("name", ADAPTABILITY)
@pytest.mark.parametrize(("y", "message"), [([0] * 6, r"two classes.*\{0: 6\}"), ([0, 0, 0, 0, 0, 1], r"\{0: 5, 1: 1\}")])
def test_every_selector_of_adaptability_says_what_is_wrong_with_the_classes(name, blobs, y, message):
    with pytest.raises(ValueError, match=message):
        selectors.get(name)(replace(blobs(6), y=np.array(y)))


@pytest.mark.parametrize("name", selectors.names())
def test_every_selector_says_what_evidence_it_lacks(name, blobs):
    asked = selectors.get(name).asks
    if asked == "features":
        return  # there is no evidence without them
    bare = Evidence(blobs().features, blobs().y)
    with pytest.raises(ValueError, match=rf"Invalid `{asked}`\. Expected .* Received: none"):
        selectors.get(name)(bare)


@pytest.mark.parametrize("name", RELEVANCE)
def test_every_selector_of_relevance_asks_for_two_rows(name, blobs):
    with pytest.raises(ValueError, match=r"two rows of the source.*Received: 1 and 120"):
        selectors.get(name)(replace(blobs(), source_features=np.ones((1, 5))))


FEATURES, Y = np.ones((6, 2)), np.array([0, 0, 0, 1, 1, 1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": np.ones(6)}, r"shape \[n, d\]"),
        ({"features": np.ones((6, 0))}, "d >= 1"),
        ({"y": np.zeros(5, np.int64)}, r"y.shape=\(5,\)"),
        ({"y": np.zeros(6)}, "float64"),
        ({"features": np.array([[1.0], [np.nan], [1.0], [2.0], [1.0], [2.0]])}, "1 of 6 rows.*row 1"),
        ({"source_features": np.ones((3, 4))}, r"`source_features`. Expected shape \[m, 2\].*\(3, 4\)"),
        ({"source_features": np.full((3, 2), np.inf)}, "`source_features`.*3 of 3 rows"),
        ({"probabilities": np.ones((5, 2)) / 2}, r"`probabilities`. Expected shape \[6, classes\]"),
        ({"probabilities": np.ones((6, 2))}, "sum to 1.*off by 1"),
        ({"probabilities": np.tile([2.0, -1.0], (6, 1))}, "smallest of -1"),
        ({"layers": [np.ones((5, 2))]}, r"`layers`. Expected arrays \[6, d_l\].*\(5, 2\)"),
        ({"layers": [np.full((6, 1), np.nan)]}, "`layers`.*6 of 6 rows"),
    ],
)
def test_evidence_says_what_does_not_fit(change, message):
    with pytest.raises(ValueError, match=message):
        Evidence(**({"features": FEATURES, "y": Y} | change))


def test_prepared_keeps_a_share_of_each_class_when_rows_are_many():
    y = np.repeat([0, 1, 2], [MAX_ROWS * 2, MAX_ROWS * 2, 3])
    evidence = Evidence(np.arange(len(y), dtype=float)[:, None], y)
    features, kept = prepared(evidence)
    np.testing.assert_array_equal(np.unique(kept, return_counts=True)[1], [999, 999, 2])
    np.testing.assert_array_equal(kept, y[features[:, 0].astype(int)])
    again, _ = prepared(evidence)
    np.testing.assert_array_equal(features, again)


def test_folds_judge_every_row_once_by_rows_of_every_class(blobs):
    one = blobs(40, 4)
    y = one.y.copy()
    y[y == 3] = 2
    y[:2] = 3
    judged = 0
    for _, learn_y, _, judge_y in folds(one.features, y, seed=0):
        judged += len(judge_y)
        assert set(learn_y) == {0, 1, 2, 3}
    assert judged == 40
