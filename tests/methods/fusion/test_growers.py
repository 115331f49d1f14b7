"""Members grown on purpose: reweighting by hand, what each method changes, and what holds for all."""

from itertools import pairwise

import numpy as np
import pytest

from tasks.methods.fusion.combiners.logarithmic_pool import LogPool
from tasks.methods.fusion.growing import growers
from tasks.methods.fusion.growing.boosting import reweighted
from tasks.methods.networks.architectures import build
from tasks.methods.networks.fit import FitSettings
from tasks.methods.networks.fuse import fuse_models
from tasks.methods.networks.predict import predict

SETTINGS = FitSettings(epochs=6, learning_rate=5e-3, batch_size=32)


@pytest.fixture(scope="module")
def small(fewer_digits):
    """Rows of 64 numbers, and a network that has learned nothing yet."""
    rows = tuple((x.reshape(len(x), 64)[:150], y[:150]) for x, y in fewer_digits)
    return (*rows, build("mlp", (64,), 10, [8], [], 0.0, seed=0))


@pytest.fixture
def fits(monkeypatch):
    """What each call of `fit` was given; no training."""
    from tasks.methods.networks import fit as module

    def watch():
        seen = []

        def fit(model, train, validation, settings, **options):
            seen.append((model, train, settings, options))
            if "on_epoch" in options:
                options["on_epoch"](settings.epochs, {})

        monkeypatch.setattr(module, "fit", fit)
        return seen

    return watch


def test_reweighted_matches_the_hand_worked_case():
    # K = 3: (K - 1) / K z log p = 2/3 (ln p_y - (ln p_a + ln p_b) / 2), so w becomes w (sqrt(p_a p_b) / p_y)^(2/3).
    probabilities = np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]])
    y = np.array([0, 0])
    expected = np.array([1.0 * 0.5 ** (2 / 3), 3.0 * (np.sqrt(0.08) / 0.1) ** (2 / 3)])
    found = reweighted(np.array([1.0, 3.0]), probabilities, y)
    np.testing.assert_allclose(found, expected / expected.mean())
    half = np.array([1.0 * 0.5 ** (1 / 3), 3.0 * (np.sqrt(0.08) / 0.1) ** (1 / 3)])
    np.testing.assert_allclose(reweighted(np.array([1.0, 3.0]), probabilities, y, 0.5), half / half.mean())


def test_reweighted_keeps_a_surely_wrong_row_from_outweighing_all():
    probabilities = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    found = reweighted(np.ones(2), probabilities, np.array([0, 0]))
    # Floors of 0.01 / 2: each weight moves by sqrt(200), one down, one up.
    np.testing.assert_allclose(found[1] / found[0], 200, rtol=1e-9)


def test_bagging_hands_every_member_another_bootstrap_sample(small, fits):
    seen = fits()
    train, validation, start = small
    grown = growers.get("bagging")(start, train, validation, SETTINGS, 3, seed=5)
    rows = {each.tobytes(): index for index, each in enumerate(train[0])}
    drawn = [[rows[each.tobytes()] for each in x] for _, (x, _), _, _ in seen]
    for indices, (_, (_, y), settings, _) in zip(drawn, seen, strict=True):
        assert len(indices) == 150
        np.testing.assert_array_equal(y, train[1][indices])
        assert 0.5 < len(set(indices)) / 150 < 0.75  # 1 - 1/e of the rows
        assert settings.epochs == SETTINGS.epochs
    assert drawn[0] != drawn[1] != drawn[2]
    assert len({settings.seed for _, _, settings, _ in seen}) == 3
    np.testing.assert_allclose(grown.combiner.shares, 1 / 3)


def test_boosting_hands_every_member_the_weights_that_those_before_it_left(small, fits):
    seen = fits()
    train, validation, start = small
    growers.get("boosting")(start, train, validation, SETTINGS, 3, seed=5, rate=0.5)
    weights = np.ones(150)
    for model, (x, y), _, options in seen:
        np.testing.assert_allclose(options["row_weights"], weights)
        weights = reweighted(weights, predict(model, x), y, 0.5)
    assert weights.mean() == pytest.approx(1)
    assert weights.std() > 0


def test_boosting_adds_scores_as_the_paper_does(small):
    train, validation, start = small
    grown = growers.get("boosting")(start, train, validation, SETTINGS, 3, seed=0)
    assert isinstance(grown.combiner, LogPool)
    assert len(set(grown.combiner.weights)) == 1
    said = np.stack([predict(model, validation[0]) for model in grown.models]).astype(np.float64)
    floored = np.log(np.maximum(said, 0.01 / 10))
    scores = (9 * (floored - floored.mean(axis=2, keepdims=True))).sum(axis=0)
    np.testing.assert_array_equal(grown.combiner(said).argmax(axis=1), scores.argmax(axis=1))


def test_boosting_gains_on_members_that_are_too_small(fewer_digits):
    train, validation = ((x.reshape(len(x), 64), y) for x, y in fewer_digits)
    start = build("mlp", (64,), 10, [3], [], 0.0, seed=0)
    settings = FitSettings(epochs=20, learning_rate=1e-2, patience=20)
    grown = growers.get("boosting")(start, train, validation, settings, 5, seed=0)
    said = np.stack([predict(model, validation[0]) for model in grown.models])
    alone, together = ((each.argmax(axis=1) == validation[1]).mean() for each in (said[0], grown.combiner(said)))
    assert together > alone + 0.03


@pytest.mark.parametrize("rate", [0.0, 1.5])
def test_boosting_refuses_a_rate_that_is_no_share(small, rate):
    train, validation, start = small
    with pytest.raises(ValueError, match="`rate`"):
        growers.get("boosting")(start, train, validation, SETTINGS, 2, seed=0, rate=rate)


def test_snapshots_share_the_epochs_among_cycles_that_go_on_from_one_another(small, fits):
    seen = fits()
    train, validation, start = small
    growers.get("snapshots")(start, train, validation, FitSettings(epochs=8, patience=1), 3, seed=0)
    assert [settings.epochs for _, _, settings, _ in seen] == [3, 3, 2]
    assert all(settings.schedule == "cosine" and settings.patience > settings.epochs for _, _, settings, _ in seen)


def test_snapshots_are_what_each_cycle_ends_with(small):
    train, validation, start = small
    # A learning rate that overshoots: the lowest validation loss lies before the end of a cycle, or before all of it.
    grown = growers.get("snapshots")(start, train, validation, FitSettings(epochs=6, learning_rate=0.3, patience=1), 3, seed=0)
    weights = [start.get_weights(), *(model.get_weights() for model in grown.models)]
    for before, after in pairwise(weights):
        assert all(np.abs(a - b).max() > 0 for a, b in zip(before, after, strict=True))


def test_snapshots_leave_out_early_members_that_had_not_learned_enough(small):
    train, validation, start = small
    grown = growers.get("snapshots")(start, train, validation, FitSettings(epochs=12, learning_rate=5e-3), 4, seed=0)
    assert grown.combiner.shares[0] == 0
    assert grown.combiner.shares[-1] > 0.5


def test_snapshots_refuse_more_members_than_epochs(small):
    train, validation, start = small
    with pytest.raises(ValueError, match="epochs=6, count=7"):
        growers.get("snapshots")(start, train, validation, SETTINGS, 7, seed=0)


@pytest.mark.parametrize("name", growers.names())
def test_every_grower_makes_members_that_differ_repeat_themselves_and_fuse(small, name):
    train, validation, start = small
    before = start.get_weights()
    grown, same, other = (growers.get(name)(start, train, validation, SETTINGS, 2, seed=seed) for seed in (1, 1, 2))

    def flat(model):
        return np.concatenate([weight.ravel() for weight in model.get_weights()])

    assert len(grown.models) == 2
    assert not np.array_equal(flat(grown.models[0]), flat(grown.models[1]))
    for model, again, elsewhere in zip(grown.models, same.models, other.models, strict=True):
        np.testing.assert_array_equal(flat(model), flat(again))
        assert not np.array_equal(flat(model), flat(elsewhere))
    np.testing.assert_array_equal(grown.combiner.shares, same.combiner.shares)
    for a, b in zip(start.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)

    x = validation[0]
    said = np.stack([predict(model, x) for model in grown.models])
    np.testing.assert_allclose(predict(fuse_models(grown.models, grown.combiner), x), grown.combiner(said), atol=1e-5)


@pytest.mark.parametrize("name", growers.names())
def test_every_grower_augments_what_its_members_learn_from(small, name):
    train, validation, start = small
    seen = []

    def augment(x, rng):
        seen.append(len(x))
        return x

    growers.get(name)(start, train, validation, FitSettings(epochs=2), 2, seed=0, augment=augment)
    assert sum(seen) == (2 if name == "snapshots" else 4) * 150


@pytest.mark.parametrize("name", growers.names())
def test_every_grower_refuses_an_ensemble_of_nobody(small, name):
    train, validation, start = small
    with pytest.raises(ValueError, match="at least 1 member"):
        growers.get(name)(start, train, validation, SETTINGS, 0, seed=0)
