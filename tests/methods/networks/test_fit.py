"""Training: what is learned, what stays, when it stops; checked on scikit-learn's digits with tiny networks."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tasks.methods.backend import keras, tf
from tasks.methods.fusion.combiners import LinearPool
from tasks.methods.networks.architectures import build
from tasks.methods.networks.fit import FitSettings, fit, predict, staged
from tasks.methods.networks.fuse import fuse_models
from tasks.methods.networks.graph import layers_with_weights
from tasks.methods.networks.rows import weights
from tasks.methods.networks.surgery import new_head


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    x, y = (data.images / 16).astype(np.float32)[..., np.newaxis], data.target.astype(np.int64)
    return (x[:600], y[:600]), (x[600:900], y[600:900])


def mlp(seed=0):
    return build("mlp", (8, 8, 1), 10, [16], [], 0.1, seed)


def moved(before, model):
    """Names of layers whose weights are not those of `before`."""
    now = {layer.name: layer.get_weights() for layer in layers_with_weights(model)}
    return {name for name in now if not all(np.array_equal(a, b) for a, b in zip(before[name], now[name], strict=True))}


def state(model):
    return {layer.name: layer.get_weights() for layer in layers_with_weights(model)}


def test_one_step_of_sgd_is_the_one_worked_by_hand():
    model = build("mlp", (2,), 2, [], [], 0.0, seed=0)
    kernel = np.array([[0.5, -0.5], [0.25, 0.0]], np.float32)
    model.set_weights([kernel, np.zeros(2, np.float32)])
    x, y = np.array([[1.0, 2.0]], np.float32), np.array([0])
    scores = np.exp(x @ kernel)
    gradient = scores / scores.sum() - np.array([[1.0, 0.0]])

    fit(model, (x, y), (x, y), FitSettings(epochs=1, batch_size=1, optimizer="sgd", learning_rate=0.1))

    np.testing.assert_allclose(model.get_weights()[0], kernel - 0.1 * x.T @ gradient, atol=1e-6)
    np.testing.assert_allclose(model.get_weights()[1], -0.1 * gradient[0], atol=1e-6)


def test_fit_learns_digits_and_reports_every_epoch(digits):
    seen = []
    model = mlp()
    history = fit(
        model, *digits, FitSettings(epochs=15, learning_rate=5e-3), on_epoch=lambda epoch, log: seen.append((epoch, log))
    )
    x, y = digits[1]

    assert (predict(model, x).argmax(axis=1) == y).mean() > 0.85
    assert [epoch for epoch, _ in seen] == list(range(1, history.epochs_run + 1))
    assert [log["validation_loss"] for _, log in seen] == history.validation_loss
    assert history.best_validation_loss == min(history.validation_loss)
    probabilities = predict(model, x)[np.arange(len(y)), y]
    assert -np.log(probabilities).mean() == pytest.approx(history.best_validation_loss, rel=1e-4)


def test_fit_gives_identical_weights_when_seeds_are_equal(digits):
    settings = FitSettings(epochs=2, seed=3)
    cnns = [build("cnn", (8, 8, 1), 10, [8], [4], 0.3, seed=1) for _ in range(3)]
    fit(cnns[0], *digits, settings)
    predict(cnns[1], digits[0][0])
    fit(cnns[1], *digits, settings)
    fit(cnns[2], *digits, FitSettings(epochs=2, seed=4))

    assert all(np.array_equal(a, b) for a, b in zip(cnns[0].get_weights(), cnns[1].get_weights(), strict=True))
    assert not np.array_equal(cnns[0].get_weights()[0], cnns[2].get_weights()[0])


def test_fit_keeps_the_weights_it_began_with_when_no_epoch_is_better(digits):
    model = mlp()
    fit(model, *digits, FitSettings(epochs=15, learning_rate=5e-3))
    before = state(model)
    history = fit(model, *digits, FitSettings(epochs=9, learning_rate=1.0, patience=2))

    assert history.best_epoch == 0
    assert history.epochs_run == 2
    assert moved(before, model) == set()


def test_fit_stops_after_patience_and_restores_the_best_epoch(digits):
    x, y = digits[0]
    wrong = np.random.default_rng(0).permutation(y[:60])
    model = build("mlp", (8, 8, 1), 10, [64], [], 0.0, seed=0)
    history = fit(model, (x[:60], wrong), digits[1], FitSettings(epochs=60, learning_rate=1e-2, patience=3, batch_size=8))

    assert history.epochs_run == history.best_epoch + 3 < 60
    probabilities = predict(model, digits[1][0])[np.arange(300), digits[1][1]]
    assert -np.log(np.maximum(probabilities, 1e-7)).mean() == pytest.approx(history.best_validation_loss, rel=1e-3)


@pytest.mark.parametrize(
    ("schedule", "share"),
    [
        ("constant", lambda done: 1.0),
        ("cosine", lambda done: (1 + np.cos(np.pi * done)) / 2),
        ("exponential", lambda done: 0.01**done),
    ],
)
def test_schedules_run_over_the_actual_number_of_steps(digits, schedule, share):
    settings = FitSettings(epochs=2, batch_size=50, learning_rate=0.1, schedule=schedule, optimizer="sgd")  # 24 steps

    expected = [0.1 * share(11 / 24), 0.1 * share(23 / 24)]
    assert fit(mlp(), *digits, settings).learning_rate == pytest.approx(expected, rel=1e-4)


def test_weights_balanced_are_inverse_to_class_frequency():
    np.testing.assert_allclose(weights(np.array([0, 0, 0, 2]), "balanced"), [2 / 3, 2 / 3, 2 / 3, 2])
    np.testing.assert_array_equal(weights(np.array([0, 2]), "none"), [1, 1])


def test_class_weights_lift_the_rare_class(digits):
    (x, y), known = digits
    rare = np.concatenate([np.flatnonzero(y != 1), np.flatnonzero(y == 1)[:4]])
    recalls = []
    for class_weight in ("none", "balanced"):
        model = mlp()
        fit(model, (x[rare], y[rare]), known, FitSettings(epochs=8, learning_rate=5e-3, class_weight=class_weight))
        recalls.append((predict(model, known[0][known[1] == 1]).argmax(axis=1) == 1).mean())

    assert recalls[1] > recalls[0]


@pytest.mark.parametrize(
    ("trainable", "expected"),
    [
        ("head", {"head"}),
        (1, {"head"}),
        (2, {"head", "dense_1"}),
        ("all", {"head", "dense_1", "conv_1"}),
        (("conv_1", "head"), {"conv_1", "head"}),
    ],
)
def test_fit_changes_only_the_layers_it_may(digits, trainable, expected):
    model = build("cnn", (8, 8, 1), 10, [8], [4], 0.0, seed=1)
    before = state(model)
    fit(model, *digits, FitSettings(epochs=1, trainable=trainable))

    assert moved(before, model) == expected
    assert all(layer.trainable for layer in model.layers)


def test_fit_head_of_a_fused_model_means_every_members_head(digits):
    model = fuse_models([mlp(1), mlp(2)], LinearPool([1, 1]))
    before = state(model)
    fit(model, *digits, FitSettings(epochs=1, trainable="head"))

    assert moved(before, model) == {"m0_head", "m1_head"}


def test_frozen_batch_norm_keeps_its_statistics_and_a_trained_one_does_not(digits):
    keras.utils.set_random_seed(1)  # from some weights no epoch is better, and `fit` keeps those it came with
    inputs = keras.Input((8, 8, 1))
    hidden = keras.layers.BatchNormalization(name="norm")(keras.layers.Conv2D(4, 3, name="conv")(inputs))
    hidden = keras.layers.GlobalAveragePooling2D()(hidden)
    model = new_head(keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(hidden)), 10, seed=0)
    before = state(model)

    fit(model, *digits, FitSettings(epochs=1, trainable="head"))
    assert moved(before, model) == {"head"}
    fit(model, *digits, FitSettings(epochs=1, trainable="all", learning_rate=1e-4))
    assert "norm" in moved(before, model)


def test_staged_trains_the_head_first_and_counts_epochs_on(digits):
    model = build("cnn", (8, 8, 1), 10, [8], [4], 0.1, seed=1)
    before, changed, epochs = state(model), [], []

    def on_epoch(epoch, log):
        epochs.append(epoch)
        changed.append(moved(before, model))

    histories = staged(
        model,
        [FitSettings(epochs=2, trainable="head"), FitSettings(epochs=1, trainable=2), FitSettings(epochs=1)],
        *digits,
        on_epoch=on_epoch,
    )

    assert epochs == [1, 2, 3, 4]
    assert changed == [{"head"}, {"head"}, {"head", "dense_1"}, {"head", "dense_1", "conv_1"}]
    assert [history.epochs_run for history in histories] == [2, 1, 1]


class Pull:
    """A lesson that pulls one variable to 1, and scores rows by their labels as training without a lesson does."""

    variables, specs = (), ()

    def __init__(self, model, variable, strength):
        self.model, self.variable, self.strength = model, variable, strength

    def targets(self, seen, index):
        return ()

    def losses(self, x, labels, targets):
        probabilities = self.model(x, training=True)
        term = self.strength * tf.reduce_sum(tf.square(self.variable - 1.0))
        return probabilities, keras.losses.sparse_categorical_crossentropy(labels, probabilities), term


def test_lesson_adds_its_term_once_a_step_and_keeps_it_out_of_the_loss(digits):
    model, plain = (build("mlp", (8, 8, 1), 10, [4], [], 0.0, seed=0) for _ in range(2))
    offset = model.get_layer("dense_1").bias
    settings = FitSettings(epochs=1, batch_size=600, optimizer="sgd", learning_rate=1e-3)
    seen = []
    lesson = Pull(model, offset, 5.0)
    weights = np.full(600, 3.0)  # row weights don't multiply it
    history = fit(
        model, *digits, settings, lesson=lesson, row_weights=weights, on_epoch=lambda *_: seen.append(offset.numpy().copy())
    )
    bare = fit(plain, *digits, settings, row_weights=weights, on_epoch=lambda *_: seen.append(plain.get_weights()[1]))

    np.testing.assert_allclose(seen[0] - seen[1], 1e-3 * 2 * 5.0, rtol=1e-4)  # biases start at 0
    assert history.loss == pytest.approx(bare.loss, rel=1e-6)


def test_staged_gives_each_stage_its_own_lesson(digits):
    model = mlp()
    bias = model.get_layer("dense_1").bias
    settings = FitSettings(epochs=1, learning_rate=1e-5)
    moves = []
    staged(
        model,
        [settings, settings],
        *digits,
        lessons=[None, Pull(model, bias, 1e6)],
        on_epoch=lambda *_: moves.append(bias.numpy().mean()),
    )
    assert moves[1] > moves[0] + 1e-4


def test_augment_sees_every_training_row_once_an_epoch(digits):
    seen = []

    def augment(x, rng):
        seen.append(x.copy())
        return x + rng.normal(0, 0.01, x.shape)

    fit(mlp(), *digits, FitSettings(epochs=2), augment=augment)

    for epoch in np.split(np.concatenate(seen), 2):
        assert sorted(epoch.sum(axis=(1, 2, 3)).tolist()) == sorted(digits[0][0].sum(axis=(1, 2, 3)).tolist())


def test_fit_gives_the_same_weights_whatever_the_chunks(digits, monkeypatch):
    models = [build("mlp", (8, 8, 1), 10, [16], [], 0.0, seed=0) for _ in range(2)]
    fit(models[0], *digits, FitSettings(epochs=2))
    monkeypatch.setattr("tasks.methods.networks.loop._CHUNK_BYTES", 64 * 4 * 32 * 3)  # three batches of 32 rows
    fit(models[1], *digits, FitSettings(epochs=2))

    assert all(np.array_equal(a, b) for a, b in zip(models[0].get_weights(), models[1].get_weights(), strict=True))


def test_fit_says_where_it_diverged_and_leaves_the_best_weights(digits):
    model = mlp()
    with pytest.raises(ValueError, match=r"diverged in epoch 1.*try 1e\+37") as error:
        fit(model, *digits, FitSettings(epochs=3, learning_rate=1e38, optimizer="sgd"))

    assert "learning_rate=1e+38" in str(error.value)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda x, y: (x[:0], y[:0]), "at least one row"),
        (lambda x, y: (x[:, :4], y), "rows of shape"),
        (lambda x, y: (np.where(x == x.max(), np.nan, x), y), "NaN or infinity in"),
        (lambda x, y: (x, y + 1), "labels in \\[0, 10\\)"),
    ],
)
def test_fit_refuses_rows_that_do_not_fit(digits, change, why):
    with pytest.raises(ValueError, match=why):
        fit(mlp(), change(*digits[0]), digits[1], FitSettings())


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"patience": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"optimizer": "lion"},
        {"schedule": "step"},
    ],
)
def test_settings_refuse_what_cannot_be(wrong):
    with pytest.raises(ValueError, match=f"Invalid `{next(iter(wrong))}`"):
        FitSettings(**wrong)


@pytest.mark.parametrize("trainable", ["tail", 0, True, ("head", "nowhere"), ()])
def test_fit_refuses_unknown_trainable(digits, trainable):
    with pytest.raises(ValueError, match="Invalid `trainable`"):
        fit(mlp(), *digits, FitSettings(trainable=trainable))
