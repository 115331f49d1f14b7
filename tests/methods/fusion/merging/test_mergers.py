"""Hand-worked merges, then what holds for every merger."""

from dataclasses import replace

import numpy as np
import pytest

from tasks.methods.fusion.merging.mergers import Family, mergers
from tasks.methods.fusion.merging.mergers.dare import dropped
from tasks.methods.fusion.merging.mergers.slerp import arc
from tasks.methods.fusion.merging.mergers.ties import disjoint, trimmed
from tasks.methods.fusion.merging.units import Place, Units

SHAPES = [(4, 6), (6,), (6,), (6, 3), (3,)]  # a kernel, its bias, a moving mean, the head
TRAINABLE = [True, True, False, True, True]
HIDDEN = Units(tuple(Place(array, axis, np.arange(6)[:, np.newaxis]) for array, axis in ((0, 1), (1, 0), (2, 0), (3, 0))))


def vectors(*members, origin=None, loss=lambda weights: 0.0, fisher=None, trainable=(True,)) -> Family:
    """A family of one array each."""
    return Family(
        members=[[np.array(member, np.float32)] for member in members],
        origin=None if origin is None else [np.array(origin, np.float32)],
        trainable=trainable,
        loss=loss,
        fisher=None if fisher is None else [[np.array(each, np.float64)] for each in fisher],
    )


def near(target):
    """A loss that is the squared distance from `target`."""
    return lambda weights: float(np.square(weights[0] - np.asarray(target)).sum())


def random_weights(rng, scale=1.0):
    return [(scale * rng.normal(size=shape)).astype(np.float32) for shape in SHAPES]


def family(members=4, seed=0) -> Family:
    """Members around an origin, a quarter of the first kernel zero in all of them."""
    rng = np.random.default_rng(seed)
    origin, target = random_weights(rng), random_weights(rng)
    found = [[start + way for start, way in zip(origin, random_weights(rng, 0.4), strict=True)] for _ in range(members)]
    for member in found:
        member[0][0] = 0
    return Family(
        members=found,
        origin=origin,
        trainable=TRAINABLE,
        loss=lambda weights: float(sum(np.square(a - b).sum() for a, b in zip(weights, target, strict=True))),
        fisher=[[np.square(array) for array in random_weights(rng)] for _ in range(members)],
        seed=7,
        units=[HIDDEN],
    )


def merged(name, given):
    return mergers.get(name)(given)


def assert_weights(found, expected, atol=1e-6):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=atol)


def test_uniform_soup_is_the_plain_average():
    found = merged("uniform_soup", vectors([1, 2], [3, 6], [5, 4]))
    assert_weights(found.weights, [[3, 4]])
    np.testing.assert_allclose(found.shares, [1 / 3] * 3)


def test_greedy_soup_keeps_those_that_do_no_harm():
    # Losses 1, 4 and 100: the best is [1]; with [-2] the average is [-0.5], of loss 0.25; with [10] it is [3], of loss 9.
    found = merged("greedy_soup", vectors([10], [-2], [1], loss=near([0])))
    assert_weights(found.weights, [[-0.5]])
    np.testing.assert_allclose(found.shares, [0, 0.5, 0.5])
    assert found.what == "2 of 3 members"


def test_greedy_soup_of_members_that_only_harm_is_the_best_alone():
    found = merged("greedy_soup", vectors([10], [0], [5], loss=near([-1])))
    np.testing.assert_array_equal(found.weights, [[0]])
    assert found.what == "1 of 3 members"


def test_greedy_soup_never_takes_a_member_whose_loss_is_infinite():
    found = merged("greedy_soup", vectors([1], [2], loss=lambda weights: np.inf if weights[0] > 1 else 1.0))
    np.testing.assert_array_equal(found.weights, [[1]])


def test_interpolation_finds_the_point_between_the_best_two():
    # From [0], the best, to [10]: the loss is lowest at [3]; [90] is not looked at.
    found = merged("interpolation", vectors([90], [10], [0], loss=near([3])))
    assert_weights(found.weights, [[3]])
    np.testing.assert_allclose(found.shares, [0, 0.3, 0.7])
    assert found.what == "alpha 0.3 between the best two of 3 members"


def test_interpolation_across_a_barrier_is_the_best_member():
    losses = {0.0: 1.0, 10.0: 2.0}
    found = merged("interpolation", vectors([0], [10], loss=lambda weights: losses.get(float(weights[0][0]), 9.0)))
    np.testing.assert_array_equal(found.weights, [[0]])
    np.testing.assert_array_equal(found.shares, [1, 0])


def test_slerp_at_a_right_angle_keeps_the_norm():
    np.testing.assert_allclose(arc(np.array([1.0, 0]), np.array([0, 1.0]), 0.5), [np.sqrt(0.5), np.sqrt(0.5)])
    third = [np.cos(np.pi / 6), np.sin(np.pi / 6)]
    np.testing.assert_allclose(arc(np.array([1.0, 0]), np.array([0, 1.0]), 1 / 3), third)
    np.testing.assert_allclose(arc(np.array([2.0, 0]), np.array([0, 4.0]), 0.5), [np.sqrt(2), np.sqrt(8)])


@pytest.mark.parametrize("end", [[1.0, 1e-9], [3.0, 0], [-1.0, 0], [0, 0]])
def test_slerp_of_parallel_opposite_and_zero_weights_is_the_straight_line(end):
    np.testing.assert_allclose(arc(np.array([1.0, 0]), np.array(end), 0.25), 0.75 * np.array([1.0, 0]) + 0.25 * np.array(end))


def test_slerp_takes_each_array_at_its_own_angle():
    one = [np.array([1.0, 0]), np.array([2.0]), np.array([1.0, 0])]
    other = [np.array([0, 1.0]), np.array([4.0]), np.array([0, 1.0])]
    half = [np.full(2, np.sqrt(0.5)), np.array([3.0]), np.full(2, 0.5)]  # the last is statistics: averaged plainly

    def loss(weights):
        return sum(np.abs(a - b).sum() for a, b in zip(weights, half, strict=True))

    given = Family([one, other], None, [True, True, False], loss)
    assert_weights(merged("slerp", given).weights, half)


def test_task_arithmetic_goes_as_far_as_validation_likes():
    # Ways [2, 0] and [0, 4] from [1, 1]; their mean is [1, 2], and twice that is their sum, lambda 1.
    found = merged("task_arithmetic", vectors([3, 1], [1, 5], origin=[1, 1], loss=near([9, 9])))
    assert_weights(found.weights, [[3, 5]])
    assert found.what == "lambda 1, 2 times the mean way from the origin"
    assert_weights(merged("task_arithmetic", vectors([3, 1], [1, 5], origin=[1, 1])).weights, [[2, 3]])


def test_ties_elects_signs_and_averages_those_that_agree():
    ways = np.array([[3.0, -1, 0.5, 2], [-4, -2, 0.25, 1]])
    np.testing.assert_allclose(disjoint(ways).sum(axis=0), [-4, -1.5, 0.375, 1.5])
    np.testing.assert_allclose(disjoint(ways), [[0, -0.5, 0.25, 1], [-4, -1, 0.125, 0.5]])
    np.testing.assert_array_equal(disjoint(np.array([[1.0], [-1.0]])), [[0], [0]])  # no sign wins


def test_ties_trims_the_smallest_of_each_way():
    ways = np.array([[3.0, -1, 0.5, 2], [-4, -2, 0.25, 1]])
    np.testing.assert_array_equal(trimmed(ways, 0.5), [[3, 0, 0, 2], [-4, -2, 0, 0]])
    np.testing.assert_array_equal(trimmed(ways, 0.2), [[3, 0, 0, 0], [-4, 0, 0, 0]])
    np.testing.assert_array_equal(trimmed(ways, 1.0), ways)
    np.testing.assert_array_equal(trimmed(np.ones((1, 4)), 0.5), [[1, 1, 0, 0]])


def test_ties_matches_the_hand_worked_merge():
    # Half of each way kept: [3, 0, 0, 2] and [-4, -2, 0, 0]; elected - - 0 +, so [-4, -2, 0, 2], from an origin of ones.
    given = vectors([4, 0, 1.5, 3], [-3, -1, 1.25, 2], origin=[1, 1, 1, 1], loss=near([-3, -1, 1, 3]))
    found = merged("ties", given)
    assert_weights(found.weights, [[-3, -1, 1, 3]])
    np.testing.assert_allclose(found.shares, [2 / 8, 6 / 8])
    assert found.what == "50% of each way kept, lambda 1"


def test_dare_drops_and_rescales():
    draws = np.array([[0.1, 0.6, 0.49, 0.5]])
    np.testing.assert_allclose(dropped(np.array([[1.0, 2, 3, -4]]), draws, 0.5), [[0, 4, 0, -8]])


def test_dare_is_the_mean_of_what_the_seed_left():
    given = vectors([2, 3, 4, 5], [1, -1, 1, 3], origin=[1, 1, 1, 1], loss=lambda weights: 0.0)
    draws = np.random.default_rng([0, 5]).random((2, 4))
    ways = np.array([[1, 2, 3, 4], [0, -2, 0, 2]])
    expected = 1 + (np.where(draws < 0.2, 0, ways) / 0.8).mean(axis=0)
    assert_weights(mergers.get("dare").merge(given).weights, [expected])


def test_dare_keeps_the_mean_over_seeds():
    given = vectors([2, 3, 4, 5], [1, -1, 1, 3], origin=[1, 1, 1, 1])
    found = [merged("dare", replace(given, seed=seed)).weights[0] for seed in range(2000)]
    np.testing.assert_allclose(np.mean(found, axis=0), [1.5, 1, 2.5, 4], atol=0.05)


def test_fisher_average_weighs_each_weight_by_its_information():
    # Both have a mean of 2, so only what each weight has of it counts: 1 : 3, then 3 : 1.
    found = merged("fisher_average", vectors([0, 0], [4, 4], fisher=[[1, 3], [3, 1]]))
    assert_weights(found.weights, [[3, 1]], atol=1e-4)
    np.testing.assert_allclose(found.shares, [0.5, 0.5])


def test_fisher_average_does_not_let_a_sure_member_vanish():
    found = merged("fisher_average", vectors([0, 0], [4, 4], fisher=[[1e-8, 3e-8], [3, 1]]))
    assert_weights(found.weights, [[3, 1]], atol=1e-4)


@pytest.mark.parametrize("fisher", [[[0, 2], [0, 2]], [[0, 0], [0, 0]]])
def test_fisher_average_is_the_mean_where_nothing_is_known(fisher):
    assert_weights(merged("fisher_average", vectors([0, 1], [4, 3], fisher=fisher)).weights, [[2, 2]])


def test_aligned_average_of_permuted_members_is_each_of_them():
    one = family().members[0]
    others = [HIDDEN.permuted(one, np.random.default_rng(seed).permutation(6)) for seed in range(3)]
    found = merged("aligned_average", replace(family(), members=[one, *others], fisher=None, loss=lambda weights: 1.0))
    assert any(all(map(np.array_equal, found.weights, each)) for each in [one, *others])


def test_aligned_average_stays_in_the_order_of_the_best_member():
    one = family().members[0]
    members = [one, HIDDEN.permuted(one, np.array([5, 4, 3, 2, 1, 0]))]
    for best in members:
        given = replace(
            family(), members=members, fisher=None, loss=lambda weights, best=best: np.abs(weights[0] - best[0]).sum()
        )
        found = merged("aligned_average", given)
        assert_weights(found.weights, best, atol=0)
        assert found.what == "all 2 members, the units of 1 of them in a new order"


@pytest.mark.parametrize("name", mergers.names())
@pytest.mark.parametrize("members", [1, 2, 5])
def test_every_merger_gives_back_identical_members(name, members):
    one = family()
    same = replace(one, members=[one.members[0]] * members, fisher=[one.fisher[0]] * members)
    found = merged(name, same)
    assert_weights(found.weights, one.members[0], atol=0)
    np.testing.assert_allclose(found.shares, [1 / members] * members)


@pytest.mark.parametrize("name", [name for name in mergers if not mergers.get(name).needs_origin])
def test_identical_members_are_a_fixed_point_of_the_arithmetic_itself(name):
    one = family()
    same = replace(one, members=[one.members[0]] * 3, fisher=one.fisher[:3])
    assert_weights(mergers.get(name).merge(same).weights, one.members[0])


@pytest.mark.parametrize("name", [name for name in mergers if mergers.get(name).needs_origin])
@pytest.mark.parametrize("members", [1, 3])
def test_every_merger_that_starts_at_the_origin_stays_there_when_no_member_went_away(name, members):
    one = family()
    still = replace(one, members=[one.origin] * members, fisher=None)
    for found in (merged(name, still), mergers.get(name).merge(still)):
        assert_weights(found.weights, one.origin, atol=0)
        assert found.shares.sum() == pytest.approx(1)


@pytest.mark.parametrize("name", mergers.names())
@pytest.mark.parametrize("turned", [[3, 2, 1, 0], [1, 3, 0, 2]])
def test_every_merger_does_the_same_whatever_the_order_of_the_members(name, turned):
    one = family()
    other = replace(one, members=[one.members[i] for i in turned], fisher=[one.fisher[i] for i in turned])
    found, again = merged(name, one), merged(name, other)
    assert_weights(again.weights, found.weights)
    np.testing.assert_allclose(again.shares, found.shares[turned])
    assert again.what == found.what


@pytest.mark.parametrize("name", mergers.names())
@pytest.mark.parametrize("members", [2, 3, 6])
def test_every_merger_gives_a_network_like_the_members_and_shares_on_the_simplex(name, members):
    one = family(members)
    before = [[array.copy() for array in member] for member in one.members]
    found = merged(name, one)
    assert [(array.shape, array.dtype) for array in found.weights] == [(shape, np.float32) for shape in SHAPES]
    assert all(np.isfinite(array).all() for array in found.weights)
    assert found.shares.shape == (members,)
    assert (found.shares >= 0).all()
    assert found.shares.sum() == pytest.approx(1, abs=1e-12)
    assert found.what
    for member, copy in zip(one.members, before, strict=True):
        assert_weights(member, copy, atol=0)


@pytest.mark.parametrize("name", mergers.names())
def test_every_merger_repeats_itself(name):
    assert_weights(merged(name, family()).weights, merged(name, family()).weights, atol=0)


@pytest.mark.parametrize("name", mergers.names())
@pytest.mark.parametrize("members", [2, 3, 6])
def test_every_merger_calls_the_loss_no_more_often_than_it_says(name, members):
    one, calls = family(members), []

    def loss(weights):
        calls.append([array.dtype for array in weights])
        return one.loss(weights)

    merged(name, replace(one, loss=loss))
    assert len(calls) <= mergers.get(name).inferences(members)
    assert all(dtype == np.float32 for dtypes in calls for dtype in dtypes)  # judged as it will be


@pytest.mark.parametrize("name", mergers.names())
def test_statistics_are_averaged_by_share_and_never_go_beyond_the_members(name):
    found = merged(name, replace(family(), units=[]))
    statistics = np.stack([member[2] for member in family().members])
    if name in ("ties", "fisher_average"):  # their shares are of the trainable weights
        np.testing.assert_allclose(found.weights[2], statistics.mean(axis=0), atol=1e-6)
    else:
        np.testing.assert_allclose(found.weights[2], found.shares @ statistics, atol=1e-6)


@pytest.mark.parametrize("name", mergers.names())
def test_weights_that_are_zero_in_every_member_stay_zero(name):
    found = merged(name, family())  # the origin is dense
    np.testing.assert_array_equal(found.weights[0][0], 0)


@pytest.mark.parametrize("name", mergers.names())
def test_whole_numbers_stay_whole(name):
    members = [[np.array([1.0, 2.0 + way], np.float32), np.array(count, np.int64)] for way, count in ((0, 3), (1, 4), (3, 4))]
    given = Family(members, members[0], [True, False], lambda weights: 0.0, [[np.ones(2), np.ones(())]] * 3, units=[])
    found = merged(name, given).weights[1]
    assert found.dtype == np.int64
    assert found in (3, 4)


@pytest.mark.parametrize("name", mergers.names())
def test_every_merger_asks_for_what_it_reads(name):
    facts, one = mergers.get(name), family()
    for needed, field in ((facts.needs_origin, "origin"), (facts.needs_fisher, "fisher"), (facts.aligns, "units")):
        without = replace(one, **{field: None})
        if needed:
            with pytest.raises(ValueError, match=f"Invalid `{field}`"):
                merged(name, without)
        else:
            assert_weights(merged(name, without).weights, merged(name, one).weights, atol=0)


def test_a_family_says_what_does_not_fit():
    one = family(3)
    with pytest.raises(ValueError, match=r"Invalid `members\[1\]`. Expected arrays of the shapes of the first"):
        replace(one, members=[one.members[0], one.members[1][:-1], one.members[2]])
    with pytest.raises(ValueError, match=r"Invalid `fisher\[2\]`. Expected numbers >= 0"):
        replace(one, fisher=[*one.fisher[:2], [-array for array in one.fisher[2]]])
    with pytest.raises(ValueError, match=r"Invalid `fisher`. Expected 3, one a member. Received: 2"):
        replace(one, fisher=one.fisher[:2])
    with pytest.raises(ValueError, match=r"Invalid `trainable`. Expected 5"):
        replace(one, trainable=[True])
    with pytest.raises(ValueError, match="Expected at least one"):
        replace(one, members=[], fisher=None)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_family_names_the_member_that_diverged(value):
    one = family()
    one.members[2][3][0, 0] = value
    with pytest.raises(ValueError, match=r"Invalid `members\[2\]`.*NaN or infinity in array 3"):
        replace(one)
