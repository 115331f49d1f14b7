"""Gradual pruning by every criterion, budget, schedule and pattern."""

import numpy as np
import pytest

from tasks.methods.backend import keras
from tasks.methods.networks.architectures import build
from tasks.methods.networks.fit import FitSettings, fit, predict
from tasks.methods.pruning.budgets import budgets
from tasks.methods.pruning.criteria import criteria
from tasks.methods.pruning.gradients import MAX_ROWS, Gradients
from tasks.methods.pruning.gradual import prune
from tasks.methods.pruning.m_by_n import m_by_n_mask
from tasks.methods.pruning.masks import kernels, output_axes, overall, sparsity
from tasks.methods.pruning.scores import layer_scores


@pytest.fixture(scope="module")
def trained(flat_digits):
    model = build("mlp", (64,), 10, [24], [], 0.0, seed=0)
    fit(model, *flat_digits, FitSettings(epochs=12, learning_rate=5e-3, schedule="cosine"))
    return model


def pruned(model, flat_digits, asked, epochs=3, **how):
    return prune(model, asked, *flat_digits, epochs=epochs, batch_size=50, learning_rate=3e-3, seed=0, **how)


def accuracy(model, flat_digits):
    x, y = flat_digits[1]
    return (predict(model, x).argmax(axis=1) == y).mean()


def test_gradients_are_the_root_mean_square_over_batches():
    model = build("mlp", (3,), 2, [], [], 0.0, seed=0)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 3)).astype(np.float32), rng.integers(0, 2, 64)
    order = np.random.default_rng(5).permutation(64)
    batches = [(x[part], predict(model, x[part]) - np.eye(2)[y[part]]) for part in (order[:32], order[32:])]
    expected = np.sqrt(np.mean([(inputs.T @ errors / 32) ** 2 for inputs, errors in batches], axis=0))

    np.testing.assert_allclose(Gradients(model)((x, y), np.random.default_rng(5))["head"], expected, rtol=1e-4)


def test_gradients_see_frozen_layers_and_change_nothing(trained, flat_digits):
    inputs = keras.Input((64,))
    hidden = keras.layers.BatchNormalization()(keras.layers.Dense(4, name="frozen", trainable=False)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax", name="head")(keras.layers.Dropout(0.5)(hidden)))
    before = model.get_weights()
    first, second = (Gradients(model)(flat_digits[0], np.random.default_rng(1)) for _ in range(2))

    assert (first["frozen"] > 0).any()
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))


def test_gradients_take_few_rows_and_very_many(trained, flat_digits):
    many = tuple(np.resize(part, (MAX_ROWS + 40, *part.shape[1:])) for part in flat_digits[0])
    few = tuple(part[:3] for part in flat_digits[0])
    for rows in (few, many):
        assert all(np.isfinite(size).all() for size in Gradients(trained)(rows, np.random.default_rng(0)).values())


def test_layer_scores_let_zeros_go_first_and_ask_for_gradients_only_where_needed(trained):
    model = keras.models.clone_model(trained)
    kernel = np.ones(model.get_layer("head").kernel.shape)
    kernel[3, 4] = 0
    model.get_layer("head").kernel.assign(kernel)

    def gradients():
        asked.append(1)
        return {name: np.ones(kernel.shape) for name, kernel in kernels(model).items()}

    for name in criteria:
        asked = []
        scores = layer_scores(model, name, gradients, np.random.default_rng(0))["head"]
        assert scores[3, 4] == -np.inf
        assert np.isfinite(np.delete(scores.ravel(), 3 * 10 + 4)).all()
        assert len(asked) == (name == "taylor")


def test_output_axes_know_transposed_convolutions():
    inputs = keras.Input((4, 4, 2))
    outputs = keras.layers.Conv2D(3, 1, name="conv")(keras.layers.Conv2DTranspose(5, 2, name="up")(inputs))
    model = keras.Model(inputs, outputs)
    axes = output_axes(model)

    assert axes == {"up": -2, "conv": -1}
    assert {name: kernel.shape[axes[name]] for name, kernel in kernels(model).items()} == {"up": 5, "conv": 3}


@pytest.mark.parametrize("criterion", [name for name in criteria.names() if name != "magnitude"])
def test_every_criterion_reaches_the_asked_sparsity_in_every_kernel(trained, flat_digits, criterion):
    seen = []
    found = pruned(trained, flat_digits, 0.8, criterion=criterion, on_epoch=lambda _, log: seen.append(log["sparsity"]))

    assert sparsity(found) == pytest.approx({"dense_1": 0.8, "head": 0.8}, abs=1e-3)
    assert seen == sorted(seen)
    assert seen[0] < seen[1] == seen[2] == overall(found)
    assert overall(trained) == 0


@pytest.mark.parametrize("budget", budgets.names())
def test_every_budget_reaches_the_asked_sparsity_overall(trained, flat_digits, budget):
    found = pruned(trained, flat_digits, 0.8, budget=budget)
    shares = sparsity(found)

    assert overall(found) == pytest.approx(0.8, abs=1e-3)
    assert (abs(shares["dense_1"] - shares["head"]) > 0.05) == (budget == "global")


def test_magnitude_keeps_more_accuracy_than_random(trained, flat_digits):
    informed, control = (pruned(trained, flat_digits, 0.8, criterion=name, budget="global") for name in ("magnitude", "random"))

    assert accuracy(informed, flat_digits) > accuracy(control, flat_digits) + 0.02
    assert accuracy(informed, flat_digits) > accuracy(trained, flat_digits) - 0.1


@pytest.mark.parametrize("criterion", ["magnitude", "importance"])
def test_named_layers_get_their_own_sparsity_and_others_stay_dense(trained, flat_digits, criterion):
    found = pruned(trained, flat_digits, {"dense_1": 0.75}, criterion=criterion)

    assert sparsity(found) == pytest.approx({"dense_1": 0.75, "head": 0.0}, abs=1e-3)


@pytest.mark.parametrize("criterion", ["magnitude", "importance"])
def test_constant_schedule_is_at_full_sparsity_from_the_first_epoch(trained, flat_digits, criterion):
    seen = []
    pruned(
        trained,
        flat_digits,
        0.8,
        schedule="constant",
        criterion=criterion,
        on_epoch=lambda _, log: seen.append(log["sparsity"]),
    )

    assert seen == pytest.approx([0.8] * 3, abs=1e-3)


def test_two_by_four_has_two_zeros_in_every_four_inputs(trained, flat_digits):
    found = pruned(trained, flat_digits, 0.5, m_by_n=(2, 4), criterion="taylor")

    for kernel in kernels(found).values():
        zeros = (kernel.numpy() == 0).reshape(-1, 4, kernel.shape[-1]).sum(axis=1)
        np.testing.assert_array_equal(zeros, 2)
    assert accuracy(found, flat_digits) > accuracy(trained, flat_digits) - 0.1


def test_two_by_four_leaves_single_channels_dense(flat_digits):
    inputs = keras.Input((64,))
    pictures = keras.layers.Reshape((8, 8, 1))(inputs)
    maps = keras.layers.Conv2D(6, 3, strides=2, activation="relu", name="conv")(pictures)
    model = keras.Model(inputs, keras.layers.Dense(10, "softmax", name="head")(keras.layers.Flatten()(maps)))
    found = pruned(model, flat_digits, 0.5, epochs=1, m_by_n=(2, 4))

    # 54 inputs: 13 groups of four, and two more that are left as they are
    assert sparsity(found) == pytest.approx({"conv": 0.0, "head": 26 / 54})
    head = found.get_layer("head").kernel.numpy()
    assert (head[~m_by_n_mask(np.where(head == 0, -np.inf, np.abs(head)))] == 0).all()


def test_layers_that_wrap_others_are_left_as_they_are(flat_digits):
    inputs = keras.Input((64,))
    rows = keras.layers.TimeDistributed(keras.layers.Dense(4, name="inner"), name="rows")(keras.layers.Reshape((8, 8))(inputs))
    model = keras.Model(inputs, keras.layers.Dense(10, "softmax", name="head")(keras.layers.Flatten()(rows)))
    found = pruned(model, flat_digits, 0.5, epochs=1)

    assert sparsity(found) == {"head": 0.5}
    assert not np.array_equal(found.get_layer("rows").get_weights()[0], model.get_layer("rows").get_weights()[0])


@pytest.fixture(scope="module")
def sparse(trained, flat_digits):
    return pruned(trained, flat_digits, 0.7, epochs=1)


@pytest.mark.parametrize("how", [{"criterion": "random", "budget": "global"}, {"m_by_n": (2, 4)}])
def test_what_is_zero_stays_zero(sparse, flat_digits, how):
    again = pruned(sparse, flat_digits, 0.5, epochs=1, **how)

    for name, kernel in kernels(sparse).items():
        assert (kernels(again)[name].numpy()[kernel.numpy() == 0] == 0).all()
    if "m_by_n" not in how:  # 2 by 4 asks for zeros elsewhere as well
        assert overall(again) == pytest.approx(0.7, abs=1e-3)


def test_weights_are_identical_when_seeds_are_equal(trained, flat_digits):
    first, second = (pruned(trained, flat_digits, 0.6, epochs=1, criterion="taylor", budget="global") for _ in range(2))

    assert all(np.array_equal(a, b) for a, b in zip(first.get_weights(), second.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("asked", "how", "message"),
    [
        (50, {"criterion": "importance"}, "Did you mean 0.5"),
        ({"dense_11": 0.5}, {}, "Did you mean 'dense_1'"),
        ({"head": 50}, {}, r"sparsity\['head'\].*Did you mean 0.5"),
        ({"head": 0.5}, {"budget": "global"}, "budget='global'"),
        (0.5, {"criterion": "magnitud"}, "Did you mean 'magnitude'"),
        (0.5, {"budget": "globl"}, "Did you mean 'global'"),
        (0.5, {"schedule": "polynom"}, "Did you mean 'polynomial'"),
        (0.7, {"m_by_n": (2, 4)}, "Expected 0.5 .*sparsity=0.7"),
        (0.5, {"m_by_n": (2, 4), "budget": "global"}, "budget='global'"),
        (0.5, {"m_by_n": (4, 4)}, "1 <= m < n"),
    ],
)
def test_bad_settings_get_a_clear_error(trained, flat_digits, asked, how, message):
    with pytest.raises(ValueError, match=message):
        pruned(trained, flat_digits, asked, **how)
