"""How much each layer stands, and the sparsities chosen by it."""

import numpy as np
import pytest

from tasks.methods.networks.architectures import build
from tasks.methods.networks.predict import predict
from tasks.methods.pruning.criteria import criteria
from tasks.methods.pruning.sensitivity import OneShot, choose_sparsities, sensitivity_scan

SCAN = {
    "stout": [(0.0, 0.9), (0.5, 0.9), (0.9, 0.88)],
    "frail": [(0.0, 0.9), (0.5, 0.85), (0.9, 0.89)],  # what stands 0.9 by luck, but not 0.5, gets neither
    "middle": [(0.0, 0.9), (0.5, 0.88), (0.9, 0.2)],
}


@pytest.fixture(scope="module")
def network():
    """Copies three inputs through a hidden layer to three classes; half of the hidden weights do nothing."""
    model = build("mlp", (3,), 3, [6], [], 0.0, seed=0)
    hidden = np.zeros((3, 6))
    hidden[range(3), range(3)] = 1.0
    hidden[:, 3:] = 0.01
    head = np.full((6, 3), 0.02)
    head[range(3), range(3)] = 8.0
    model.get_layer("dense_1").set_weights([hidden, np.zeros(6)])
    model.get_layer("head").set_weights([head, np.zeros(3)])
    x = np.random.default_rng(0).random((60, 3)).astype(np.float32)
    return model, x, x.argmax(axis=1)


def test_scan_reads_the_accuracy_of_one_layer_pruned_at_a_time(network):
    model, x, y = network
    scan = sensitivity_scan(OneShot(*network), [0.8, 0.95, 0.0])

    assert list(scan) == ["dense_1", "head"]
    for points in scan.values():
        assert [sparsity for sparsity, _ in points] == [0.0, 0.8, 0.95]
        assert [accuracy for _, accuracy in points[:2]] == [1.0, 1.0]  # three of eighteen weights do the work
        assert points[2][1] < 0.8  # one of eighteen cannot
    assert (predict(model, x).argmax(axis=1) == y).all()


def test_one_shot_prunes_several_layers_and_starts_afresh_each_time(network):
    accuracy = OneShot(*network)
    harsh = accuracy({"dense_1": 0.95, "head": 0.8})

    assert accuracy.layers == ["dense_1", "head"]
    assert harsh < 0.8
    assert accuracy({}) == 1.0
    assert accuracy({"dense_1": 0.95, "head": 0.8}) == harsh


@pytest.mark.parametrize("criterion", criteria.names())
def test_scan_takes_every_criterion_and_repeats_itself(network, criterion):
    model, x, y = network
    first, second = (sensitivity_scan(OneShot(model, x, y, criterion, (x, y), seed=2), [0.5, 0.9]) for _ in range(2))

    assert first == second
    assert all(points[0] == (0.0, 1.0) and 0 <= points[2][1] <= 1 for points in first.values())


def test_taylor_finds_the_weights_that_work_and_random_does_not(network):
    model, x, y = network
    taylor, random = (
        sensitivity_scan(OneShot(model, x, y, criterion, (x, y)), [0.8])["head"][1][1] for criterion in ("taylor", "random")
    )
    assert taylor == 1.0
    assert random < 0.9


def test_scan_asks_for_training_rows_where_the_criterion_needs_them(network):
    with pytest.raises(ValueError, match=r"Invalid `train`.*'taylor'.*train=None"):
        OneShot(*network, "taylor")


def test_scan_refuses_a_percentage_and_an_unknown_layer(network):
    with pytest.raises(ValueError, match=r"Invalid `sparsities`.*Did you mean 0.5"):
        sensitivity_scan(OneShot(*network), [0.2, 50])
    with pytest.raises(ValueError, match="Did you mean 'head'"):
        OneShot(*network)({"heat": 0.5})


def test_choose_takes_each_layers_largest_when_together_they_stay_inside_the_budget():
    chosen = choose_sparsities(SCAN, 0.02, lambda _: 0.88)
    assert chosen == {"stout": 0.9, "frail": 0.0, "middle": 0.5}


def test_choose_scales_down_by_one_factor_when_together_they_do_not():
    chosen = choose_sparsities(SCAN, 0.02, lambda sparsities: 0.9 - 0.1 * sparsities["stout"])
    assert chosen == pytest.approx({"stout": 0.2, "frail": 0.0, "middle": 0.2 / 0.9 * 0.5}, abs=0.9 / 64)
    assert chosen["stout"] / chosen["middle"] == pytest.approx(0.9 / 0.5)
    assert 0.9 - 0.1 * chosen["stout"] >= 0.88


def test_choose_prunes_nothing_when_nothing_can_go():
    assert choose_sparsities(SCAN, 0.0, lambda sparsities: 0.9 if not any(sparsities.values()) else 0.1) == dict.fromkeys(
        SCAN, 0.0
    )
    assert choose_sparsities({}, 0.1, lambda _: 0.5) == {}


def test_choose_refuses_a_budget_that_is_no_fraction():
    with pytest.raises(ValueError, match="max_drop=2"):
        choose_sparsities(SCAN, 2, lambda _: 1.0)


def test_chosen_sparsities_keep_the_real_network_inside_the_budget(network):
    joint = OneShot(*network)
    chosen = choose_sparsities(sensitivity_scan(joint, [0.5, 0.8, 0.9, 0.95]), 0.05, joint)

    assert joint(chosen) >= joint({}) - 0.05
    assert min(chosen.values()) >= 0.5
