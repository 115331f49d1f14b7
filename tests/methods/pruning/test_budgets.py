"""Masks from scores, and one sparsity shared among layers."""

import numpy as np
import pytest

from tasks.methods.pruning.budgets import budgets
from tasks.methods.pruning.prune_mask import prune_mask
from tasks.methods.pruning.targets import layer_targets


def layers(seed=0):
    rng = np.random.default_rng(seed)
    return {"wide": rng.random((20, 30)), "narrow": 0.05 * rng.random((5, 4)), "one": rng.random((1, 1))}


def test_prune_mask_leaves_out_the_lowest_scores():
    np.testing.assert_array_equal(prune_mask(np.array([[4.0, 1.0], [3.0, 2.0]]), 0.5), [[True, False], [True, False]])


def test_prune_mask_takes_equal_scores_in_order_and_infinities_at_the_ends():
    np.testing.assert_array_equal(prune_mask(np.ones(4), 0.5), [False, False, True, True])
    np.testing.assert_array_equal(prune_mask(np.array([np.inf, 5.0, 6.0, -np.inf]), 0.5), [True, False, True, False])


def test_prune_mask_keeps_one_weight():
    np.testing.assert_array_equal(prune_mask(np.array([1.0]), 0.9), [True])


def test_prune_mask_refuses_scores_that_are_not_numbers():
    with pytest.raises(ValueError, match="NaN in 1 of 3 scores"):
        prune_mask(np.array([1.0, np.nan, 2.0]), 0.5)


@pytest.mark.parametrize(
    ("wrong", "hint"), [(50, "Did you mean 0.5"), (1.0, "sparsity=1.0"), (-0.1, "=-0.1"), (np.nan, "=nan")]
)
def test_a_sparsity_that_is_no_fraction_is_refused(wrong, hint):
    with pytest.raises(ValueError, match=f"not a percentage.*{hint}"):
        prune_mask(np.ones(4), wrong)
    with pytest.raises(ValueError, match=f"not a percentage.*{hint}"):
        layer_targets(wrong, ["conv"])


def test_layer_targets_are_the_same_for_all_or_as_named():
    assert layer_targets(0.5, ["conv", "head"]) == {"conv": 0.5, "head": 0.5}
    assert layer_targets({"head": 0.9}, ["conv", "head"]) == {"conv": 0.0, "head": 0.9}


def test_layer_targets_refuse_a_layer_that_does_not_exist():
    with pytest.raises(ValueError, match=r"\['conv_1', 'head'\].*'conv_11'. Did you mean 'conv_1'\?"):
        layer_targets({"conv_11": 0.5}, ["conv_1", "head"])


def test_layer_targets_name_the_layer_whose_sparsity_is_wrong():
    with pytest.raises(ValueError, match=r"Invalid `sparsity\['head'\]`.*Did you mean 0.9"):
        layer_targets({"head": 90}, ["conv", "head"])


def test_per_layer_gives_every_layer_the_same():
    assert budgets.get("per_layer")(layers(), 0.7) == {"wide": 0.7, "narrow": 0.7, "one": 0.7}


def test_global_prunes_the_lowest_scores_wherever_they_are():
    scores = {"a": np.array([[1.0, 8.0], [2.0, 7.0]]), "b": np.array([3.0, 4.0, 9.0, 6.0])}
    assert budgets.get("global")(scores, 0.5) == {"a": 0.5, "b": 0.5}
    assert budgets.get("global")(scores, 0.25) == {"a": 0.5, "b": 0.0}


def test_global_never_empties_a_layer():
    shares = budgets.get("global")({"large": np.arange(100, 300.0), "small": np.arange(20.0)}, 0.5)
    assert shares["small"] == 19 / 20  # a tenth of the ten weights that an even budget would keep
    assert shares["large"] == 91 / 200


def test_global_counts_zeros_first():
    shares = budgets.get("global")({"sparse": np.array([-np.inf] * 6 + [9.0] * 4), "dense": np.arange(10.0)}, 0.4)
    assert shares == {"sparse": 0.6, "dense": 0.2}


@pytest.mark.parametrize("name", budgets.names())
@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.9])
def test_every_budget_reaches_the_asked_sparsity_and_leaves_no_layer_empty(name, sparsity):
    scores = layers()
    shares = budgets.get(name)(scores, sparsity)
    keep = {layer: prune_mask(scores[layer], share) for layer, share in shares.items()}

    assert list(shares) == list(scores)
    assert all(mask.any() for mask in keep.values())
    zeros, total = sum(int((~mask).sum()) for mask in keep.values()), sum(mask.size for mask in keep.values())
    assert abs(zeros - sparsity * total) <= len(keep)


@pytest.mark.parametrize("name", budgets.names())
def test_every_budget_takes_equal_scores(name):
    scores = {"a": np.zeros((4, 5)), "b": np.zeros(20)}
    shares = budgets.get(name)(scores, 0.5)
    assert shares["a"] + shares["b"] == pytest.approx(1.0)
    assert max(shares.values()) < 1
