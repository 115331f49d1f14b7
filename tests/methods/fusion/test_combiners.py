"""What holds for every combiner, in numpy."""

import subprocess
import sys

import numpy as np
import pytest

from tasks.methods.fusion.combiners import combiners

POOLS = (
    "best",
    "geometric_mean",
    "greedy_selection",
    "mean",
    "weighted_average",
)  # members that agree are repeated word for word


def classes_for(name: str) -> int:
    return 2 if name == "any" else 4


@pytest.mark.parametrize("name", combiners.names())
@pytest.mark.parametrize(("m", "n", "k"), [(1, 10, 2), (2, 1, 2), (3, 60, 4), (8, 30, 10), (4, 200, 2)])
def test_every_combiner_gives_probabilities_and_shares_that_sum_to_one(drawn, name, m, n, k):
    k = 2 if name == "any" else k
    probabilities, y = drawn(m, n, k)
    combiner = combiners.get(name)(probabilities, y)
    unseen, _ = drawn(m, 7, k, seed=1)
    for given in (unseen, unseen.astype(np.float32)):
        said = combiner(given)
        assert said.dtype == given.dtype
        assert said.shape == (7, k)
        assert (said >= 0).all()
        np.testing.assert_allclose(said.sum(axis=1), 1, atol=1e-6)
    assert combiner.shares.shape == (m,)
    assert combiner.shares.dtype == np.float64
    assert (combiner.shares >= 0).all()
    assert combiner.shares.sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("name", combiners.names())
@pytest.mark.parametrize("m", [1, 3])
def test_every_combiner_decides_as_its_members_do_when_they_are_identical(drawn, name, m):
    k = classes_for(name)
    probabilities, _ = drawn(1, 200, k)
    rng = np.random.default_rng(0)
    y = (rng.uniform(size=(200, 1)) < probabilities[0].cumsum(axis=1)).argmax(axis=1)  # calibrated: nothing to correct
    same = np.repeat(probabilities, m, axis=0)
    said = combiners.get(name)(same, y)(same)
    np.testing.assert_array_equal(said.argmax(axis=1), probabilities[0].argmax(axis=1))
    if name in POOLS:
        np.testing.assert_allclose(said, probabilities[0], atol=1e-12)


@pytest.mark.parametrize("name", combiners.names())
def test_every_combiner_changes_nothing_but_the_order_of_shares_when_members_are_permuted(drawn, name):
    k = classes_for(name)
    probabilities, y = drawn(4, 120, k)
    turned = [2, 0, 3, 1]
    one, other = combiners.get(name)(probabilities, y), combiners.get(name)(probabilities[turned], y)
    np.testing.assert_allclose(other.shares, one.shares[turned], atol=1e-6)
    np.testing.assert_allclose(other(probabilities[turned]), one(probabilities), atol=1e-6)


@pytest.mark.parametrize("name", combiners.names())
def test_every_combiner_never_reads_a_member_whose_share_is_nothing(drawn, name):
    probabilities, y = drawn(5, 60, classes_for(name))
    probabilities[0] = 1 - probabilities[0] / (1 - 1 / len(probabilities[0, 0]))  # worse than nothing
    probabilities = np.clip(probabilities, 0, 1)
    combiner = combiners.get(name)(probabilities, y)
    other = probabilities.copy()
    other[combiner.shares == 0] = 1 / probabilities.shape[2]
    np.testing.assert_allclose(combiner(other), combiner(probabilities), atol=1e-12)


@pytest.mark.parametrize("name", combiners.names())
def test_every_combiner_repeats_itself(drawn, name):
    probabilities, y = drawn(k=classes_for(name))
    one, same = combiners.get(name)(probabilities, y, 3), combiners.get(name)(probabilities, y, 3)
    np.testing.assert_array_equal(one(probabilities), same(probabilities))
    np.testing.assert_array_equal(one.shares, same.shares)


@pytest.mark.parametrize("name", combiners.names())
def test_every_combiner_stays_finite_when_members_are_surely_wrong(name):
    k = classes_for(name)
    probabilities = np.tile(np.eye(k)[1], (3, 6, 1))
    said = combiners.get(name)(probabilities, np.zeros(6, np.int64))(probabilities)
    assert np.isfinite(said).all()


@pytest.mark.parametrize("name", combiners.names())
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_every_combiner_names_the_member_that_diverged(drawn, name, value):
    probabilities, y = drawn(3, k=classes_for(name))
    combiner = combiners.get(name)(probabilities, y)
    probabilities[1, 4, 1] = value
    for call in (lambda: combiners.get(name)(probabilities, y), lambda: combiner(probabilities)):
        with pytest.raises(ValueError, match=r"from member 1 \(counted from 0\) of 3"):
            call()


@pytest.mark.parametrize("name", combiners.names())
def test_every_combiner_refuses_logits(drawn, name):
    probabilities, y = drawn(3, k=classes_for(name))
    probabilities[2] = np.log(probabilities[2])
    with pytest.raises(ValueError, match=r"give a member that ends in logits a softmax.*from member 2"):
        combiners.get(name)(probabilities, y)


@pytest.mark.parametrize("name", combiners.names())
def test_every_combiner_refuses_other_members_than_it_was_fitted_on(drawn, name):
    probabilities, y = drawn(3, k=classes_for(name))
    combiner = combiners.get(name)(probabilities, y)
    with pytest.raises(ValueError, match="Expected the 3 members"):
        combiner(probabilities[:2])


@pytest.mark.parametrize("name", combiners.names())
def test_every_combiner_refuses_members_of_different_classes(drawn, name):
    with pytest.raises(ValueError, match=r"same classes.*\[\(5, 2\), \(5, 3\)\]"):
        combiners.get(name)([drawn(1, 5, 2)[0][0], drawn(1, 5, 3)[0][0]], np.zeros(5, np.int64))


@pytest.mark.parametrize("name", combiners.names())
@pytest.mark.parametrize(
    ("shape", "y", "message"),
    [
        ((5, 3), np.zeros(5, np.int64), r"shape \[m, n, k\]"),
        ((0, 5, 3), np.zeros(5, np.int64), "m >= 1"),
        ((2, 5, 1), np.zeros(5, np.int64), "k >= 2"),
        ((2, 5, 3), np.zeros(4, np.int64), "Expected 5 class indices"),
        ((2, 0, 3), np.zeros(0, np.int64), "at least one"),
        ((2, 5, 3), np.full(5, 3), r"in \[0, 3\)"),
        ((2, 5, 3), np.zeros(5), "float64"),
    ],
)
def test_every_combiner_says_what_is_wrong_when_arguments_do_not_fit(name, shape, y, message):
    with pytest.raises(ValueError, match=message):
        combiners.get(name)(np.full(shape, 0.5), y)


def test_combiners_import_no_tensorflow():
    code = "import sys; from tasks.methods.fusion.combiners import combiners; assert 'mean' in combiners.names(); "
    code += "assert 'tensorflow' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0
