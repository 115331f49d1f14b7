from dataclasses import replace

import numpy as np
import pytest

from tasks.methods.planning.attempt import attempt
from tasks.methods.planning.candidate import LONGER, Candidate
from tasks.methods.planning.front import Point
from tasks.methods.planning.judge import AWARE, judge, judge_aware
from tasks.methods.planning.search import FIRST, Search


def answer(candidate: Candidate) -> list[Point]:
    """A made-up world in which every step costs accuracy and saves bytes."""
    size = int(10_000 * (1 - candidate.channels) ** 2)
    accuracy = 0.97 - 0.1 * candidate.channels**3 - 0.05 * candidate.sparsity**3
    packed = int(size * (1 - candidate.sparsity))
    return [Point(candidate.titles, "int8", accuracy, (0.9, 1.0), 0.1, size, packed, size / 1e4, 10, 0)]


def run(search: Search, most: int) -> list[Candidate]:
    tried = []
    for candidate in search.proposals(most):
        tried.append(candidate)
        search.learn(candidate, answer(candidate))
    return tried


@pytest.mark.parametrize("packed", [False, True])
def test_search_tries_what_every_user_would_first_and_nothing_twice(packed):
    tried = run(Search(seed=0, packed=packed), 20)
    first = FIRST[packed]
    assert tuple(tried[: len(first)]) == first
    assert len(set(tried)) == len(tried)
    assert tried == run(Search(seed=0, packed=packed), 20)


def test_search_tries_zeros_and_clusters_only_where_the_packed_file_counts():
    assert not any(candidate.sparsity or candidate.clusters for candidate in run(Search(seed=0), 20))
    assert sum(candidate.sparsity > 0 for candidate in run(Search(seed=0, packed=True), 20)) >= 5


def test_search_trains_longer_what_stands_on_the_front():
    tried = run(Search(seed=0), 14)
    longer = [candidate for candidate in tried if candidate.longer]
    assert 3 <= len(longer) <= 14 - len(FIRST[False])
    assert tried[len(FIRST[False])] == longer[0] == replace(FIRST[False][-1], longer=True)  # the smallest, nothing beats it
    for candidate in longer:
        place = tried.index(candidate)
        assert replace(candidate, longer=False) in tried[:place]


def test_search_carries_on_after_what_was_done_when_it_was_cut_off():
    before = run(Search(seed=0), 4)
    rest = run(Search(seed=0, done=[(candidate, answer(candidate)) for candidate in before]), 12)
    assert len(rest) == 8
    assert not set(rest) & set(before)
    assert tuple([*before, *rest][: len(FIRST[False])]) == FIRST[False]


def test_candidate_drops_settings_that_have_nothing_to_act_on():
    assert Candidate(sparsity=0.5, distil=True, order="zeros first").normal() == Candidate(sparsity=0.5)
    both = Candidate(0.5, 0.7, 16, distil=True, order="zeros first")
    assert both.normal() == both
    assert both.titles == ("sparsity 0.7", "channels 0.5, taught", "clusters 16")
    assert Candidate(longer=True).normal() == Candidate()
    assert Candidate(channels=0.5, distil=True, longer=True).titles == ("channels 0.5, taught, trained longer",)


@pytest.fixture(scope="module")
def trained():
    from tasks.methods.networks.architectures import build
    from tasks.methods.networks.fit import FitSettings, fit

    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 6)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64)
    model = build("mlp", (6,), 2, hidden=[32, 16], filters=[], dropout=0.0, seed=0)
    fit(model, (x[:200], y[:200]), (x[200:], y[200:]), FitSettings(epochs=5, learning_rate=1e-2))
    return model, (x[:200], y[:200]), (x[200:], y[200:])


def test_attempt_takes_every_step_and_counts_what_it_spent(trained):
    from tasks.methods.networks.fit import FitSettings
    from tasks.methods.pruning.masks import kernels, overall

    model, train, validation = trained
    told: list[str] = []
    candidate = Candidate(channels=0.5, sparsity=0.5, clusters=16, distil=True)
    small, spent = attempt(model, candidate, train, validation, FitSettings(epochs=2, batch_size=50), on_step=told.append)
    assert told == ["channels 0.5, taught", "sparsity 0.5", "clusters 16"]
    assert spent == (2 + 1 + 1) * 2 * 4  # the taught step has its control
    _, longer = attempt(model, Candidate(sparsity=0.5, longer=True), train, validation, FitSettings(epochs=2, batch_size=50))
    assert longer == LONGER * 2 * 4
    assert small.count_params() < model.count_params() / 2
    assert overall(small) >= 0.49
    assert all(len(np.unique(kernel.numpy())) <= 16 for kernel in kernels(small).values())


def test_judge_reads_every_mode_off_its_flatbuffer(trained):
    model, (x, _), validation = trained
    found = judge(model, ["float32", "int8"], x[:50], validation, steps=("none",))
    assert set(found) == {"float32", "int8"}
    for mode, (point, flatbuffer) in found.items():
        assert (point.mode, point.size_bytes) == (mode, len(flatbuffer))
        assert point.interval[0] <= point.accuracy <= point.interval[1]
        assert 0 < point.packed_bytes < point.size_bytes


def test_judge_aware_trains_on_and_keeps_the_networks_zeros_and_clusters(trained):
    from tasks.methods.clustering.cluster import cluster
    from tasks.methods.networks.fit import FitSettings
    from tasks.methods.pruning.gradual import prune
    from tasks.methods.pruning.masks import kernels
    from tasks.methods.quantization.weights_of import layer_weights

    model, train, validation = trained
    few = (train, validation, 1, 50, 1e-3, 0)
    small = cluster(prune(model, 0.5, *few), 8, *few)
    settings = FitSettings(epochs=2, batch_size=50, learning_rate=1e-2)
    point, flatbuffer, learned = judge_aware(small, train, validation, settings, steps=("clusters 8",), training_steps=5)

    assert (point.mode, point.steps, point.training_steps, point.size_bytes) == (AWARE, ("clusters 8",), 13, len(flatbuffer))
    assert not np.array_equal(learned.get_weights()[0], small.get_weights()[0])
    for name, stored in layer_weights(flatbuffer, kernels(small)).items():
        assert len(np.unique(stored)) <= 8
        assert (stored == 0).sum() >= (kernels(small)[name].numpy() == 0).sum() > 0


@pytest.fixture(scope="module")
def normalized():
    """A trained network with a normalization behind each of its hidden layers."""
    from tasks.methods.backend import keras
    from tasks.methods.networks.fit import FitSettings, fit

    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    hidden = keras.layers.Dense(16, name="dense")(inputs)
    hidden = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.8)(hidden))
    hidden = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.8)(keras.layers.Dense(8, name="next")(hidden)))
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax", name="head")(hidden))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 6)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    fit(model, (x[:200], y[:200]), (x[200:], y[200:]), FitSettings(epochs=15, learning_rate=1e-2, patience=15))
    return model, (x[:200], y[:200]), (x[200:], y[200:])


def test_attempt_measures_normalization_anew_before_it_trains(normalized, monkeypatch):
    from tasks.methods.backend import keras
    from tasks.methods.networks.fit import FitSettings
    from tasks.methods.planning import attempt as module

    model, train, validation = normalized
    seen = []
    monkeypatch.setattr(module, "fit", lambda small, *rest, **how: seen.append(small))
    small, _ = attempt(model, Candidate(channels=0.5), train, validation, FitSettings(epochs=1))
    norm = next(layer for layer in small.layers if isinstance(layer, keras.layers.BatchNormalization))
    before = keras.Model(small.inputs, norm.input)(train[0]).numpy()

    assert seen == [small]
    np.testing.assert_allclose(norm.moving_mean.numpy(), before.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(norm.moving_variance.numpy(), before.var(axis=0), rtol=1e-3)


def test_attempt_clusters_the_folded_network_so_that_clusters_are_served(normalized):
    from tasks.methods.networks.fit import FitSettings
    from tasks.methods.quantization.weights_of import layer_weights

    model, train, validation = normalized
    small, _ = attempt(model, Candidate(clusters=16), train, validation, FitSettings(epochs=1, batch_size=50))
    _, flatbuffer = judge(small, ["float32"], train[0], validation)["float32"]

    stored = layer_weights(flatbuffer, ["dense", "next", "head"])
    assert {name: len(np.unique(values)) <= 16 for name, values in stored.items()} == dict.fromkeys(stored, True)
    assert set(stored) == {"dense", "next", "head"}
