"""A network trained a few epochs at a time."""

import numpy as np
import pytest

from tasks.methods.backend import keras
from tasks.methods.networks.architectures import build
from tasks.methods.networks.racing import Racer
from tasks.methods.pruning.masks import Masks


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 4)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64)
    return (x[:80], y[:80]), (x[80:], y[80:])


def racer(rows, model=None, **settings):
    model = model or build("mlp", (4,), 2, hidden=[8], filters=[], dropout=0.2, seed=0)
    return model, Racer(model, *rows, **({"batch_size": 16, "learning_rate": 0.01, "seed": 0} | settings))


def test_racer_gives_the_loss_of_each_row_and_goes_on_from_there(rows):
    model, run = racer(rows)
    first = run(1)
    expected = keras.losses.sparse_categorical_crossentropy(rows[1][1], model(rows[1][0], training=False)).numpy()
    np.testing.assert_allclose(first, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(run(0), first)
    second = run(4)
    assert second.mean() < first.mean()
    _, whole = racer(rows)
    np.testing.assert_allclose(whole(5), second, rtol=1e-5)  # one optimizer, one order of rows, whatever the pauses


def test_racer_keeps_the_best_loss_so_far_as_training_keeps_the_best_weights(rows):
    model, run = racer(rows)
    start = run(5)
    ruined, wild = racer(rows, model, learning_rate=50.0)
    np.testing.assert_allclose(wild(1), start, rtol=1e-5)
    assert keras.losses.sparse_categorical_crossentropy(rows[1][1], ruined(rows[1][0])).numpy().mean() > start.mean()


def test_racer_trains_the_named_layers_alone_and_leaves_flags_as_they_were(rows):
    model, run = racer(rows, trainable="head")
    before = [weight.numpy() for weight in model.weights]
    run(1)
    after = [weight.numpy() for weight in model.weights]
    changed = [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    assert changed == [False, False, True, True]
    assert all(layer.trainable for layer in model.layers)


def test_racer_keeps_zeros(rows):
    model = build("mlp", (4,), 2, hidden=[8], filters=[], dropout=0.0, seed=0)
    kernel = model.get_layer("dense_1").kernel
    kernel.assign(np.where(np.arange(8) % 2, kernel.numpy(), 0))
    _, run = racer(rows, model, masks=Masks.of(model))
    run(2)
    assert (kernel.numpy()[:, ::2] == 0).all()


def test_racer_shows_a_diverged_network_by_losses_that_are_not_finite(rows):
    (x, y), validation = rows
    _, run = racer(((x * 1e20, y), validation), learning_rate=1e20)
    assert not np.isfinite(run(3)).all()


def test_racer_refuses_rows_that_do_not_fit(rows):
    (x, y), validation = rows
    with pytest.raises(ValueError, match="Invalid `train`"):
        racer(((x[:, :3], y), validation))
