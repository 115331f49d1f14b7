"""Moving statistics measured anew: their values worked by hand, and everything else left as it was."""

import numpy as np
import pytest

from tasks.methods.backend import keras
from tasks.methods.networks.batch_statistics import MAX_ROWS, keeping_pace, recalibrate
from tasks.methods.networks.graph import to_functional
from tasks.methods.networks.predict import predict


def network(units: int = 3, seed: int = 0) -> keras.Model:
    """Two normalisations, dropout and noise between them."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((4,))
    hidden = keras.layers.BatchNormalization(name="first", momentum=0.9)(inputs)
    hidden = keras.layers.Dropout(0.5, name="dropout")(hidden)
    hidden = keras.layers.GaussianNoise(2.0, name="noise")(hidden)
    hidden = keras.layers.Dense(units, name="dense")(hidden)
    hidden = keras.layers.BatchNormalization(name="second")(hidden)
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax", name="head")(hidden))


def rows(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal([5, -1, 0, 2], [1, 2, 3, 0.5], (count, 4)).astype(np.float32)


def statistics(model: keras.Model, name: str) -> list[np.ndarray]:
    layer = model.get_layer(name)
    return [layer.moving_mean.numpy(), layer.moving_variance.numpy()]


def test_statistics_are_those_of_the_rows_where_they_fit_one_batch():
    model, x = network(), rows(100)
    assert recalibrate(model, x, seed=0) == 2
    mean, variance = statistics(model, "first")
    np.testing.assert_allclose(mean, x.mean(axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(variance, x.var(axis=0), rtol=1e-4)
    normalised = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-3)  # epsilon of the layer; no dropout, no noise
    hidden = normalised @ model.get_layer("dense").kernel.numpy()
    mean, variance = statistics(model, "second")
    np.testing.assert_allclose(mean, hidden.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(variance, hidden.var(axis=0), rtol=1e-3)


def test_statistics_are_the_mean_over_whole_batches_of_256():
    model, x = network(), rows(600)
    recalibrate(model, x, seed=3)
    order = np.random.default_rng(3).permutation(600)
    batches = [x[order[:256]], x[order[256:512]]]
    mean, variance = statistics(model, "first")
    np.testing.assert_allclose(mean, np.mean([each.mean(axis=0) for each in batches], axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(variance, np.mean([each.var(axis=0) for each in batches], axis=0), rtol=1e-4)


def test_statistics_of_feature_maps_are_over_rows_and_positions():
    inputs = keras.Input((2, 2, 3))
    hidden = keras.layers.BatchNormalization(name="norm")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(hidden)))
    x = rows(90).repeat(3, axis=0).reshape(-1, 2, 2, 3)
    recalibrate(model, x, seed=0)
    mean, variance = statistics(model, "norm")
    np.testing.assert_allclose(mean, x.mean(axis=(0, 1, 2)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(variance, x.var(axis=(0, 1, 2)), rtol=1e-2)  # the fused kernel divides by n - 1


def test_everything_but_the_statistics_is_as_it_was():
    model = network()
    model.get_layer("dense").trainable = False
    model.get_layer("second").trainable = False
    layers = list(model._flatten_layers(include_self=True, recursive=True))
    kept = ("trainable", "momentum", "rate", "stddev")
    before = [[getattr(layer, name, None) for name in kept] for layer in layers]
    weights = {each.name: each.numpy() for each in model.weights if "moving" not in each.name}
    recalibrate(model, rows(50), seed=0)

    assert [[getattr(layer, name, None) for name in kept] for layer in layers] == before
    for each in model.weights:
        if "moving" not in each.name:
            np.testing.assert_array_equal(each.numpy(), weights[each.name])
    x = rows(20, seed=1)
    np.testing.assert_array_equal(predict(model, x), model(x, training=False).numpy())  # inference mode, as before


def test_frozen_layers_are_measured():
    frozen, free = network(), network()
    frozen.trainable = False
    for model in (frozen, free):
        recalibrate(model, rows(50), seed=0)
    for name in ("first", "second"):
        np.testing.assert_allclose(statistics(frozen, name), statistics(free, name))


@pytest.mark.parametrize("flat", [False, True])
def test_layers_of_a_nested_model_that_is_called_in_inference_mode_are_measured(flat):
    inner, alone = network(), network()
    inputs = keras.Input((4,))
    model = keras.Model(inputs, inner(inputs, training=False))
    model = to_functional(model) if flat else model
    assert recalibrate(model, rows(50), seed=0) == 2
    recalibrate(alone, rows(50), seed=0)
    for name in ("first", "second"):
        np.testing.assert_allclose(statistics(model if flat else inner, name), statistics(alone, name))
    x = rows(10, seed=2)
    np.testing.assert_allclose(model(x, training=True), model(x, training=False))  # still in inference mode


def test_seed_draws_the_rows_where_there_are_too_many():
    x = rows(MAX_ROWS + 500)
    found = []
    for seed in (0, 0, 1):
        model = network()
        recalibrate(model, x, seed)
        found.append(statistics(model, "first")[0])
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_network_without_normalisation_is_left_alone():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, activation="softmax")])
    assert recalibrate(model, rows(1), seed=0) == 0


def test_one_row_is_refused():
    with pytest.raises(ValueError, match=r"Expected at least 2 rows, a variance needs them\. Received: 1"):
        recalibrate(network(), rows(1), seed=0)


def momenta(model: keras.Model) -> list[float]:
    return [layer.momentum for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]


@pytest.mark.parametrize(("steps", "most"), [(1, 0.9), (200, 0.9), (400, 0.95), (100_000, 0.99)])
def test_statistics_keep_pace_with_short_epochs_and_momenta_are_put_back(steps: int, most: float):
    model = network()
    with keeping_pace(model, steps):
        assert momenta(model) == pytest.approx([min(0.9, most), most])
    assert momenta(model) == [0.9, 0.99]


def test_training_judges_weights_by_their_own_statistics():
    from tasks.methods.networks.fit import FitSettings, fit

    inputs = keras.Input((4,))
    hidden = keras.layers.BatchNormalization(name="first")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax", name="head")(hidden))
    x = rows(320)
    y = (x[:, 0] > 5).astype(np.int64)
    fit(model, (x, y), (x, y), FitSettings(epochs=3, batch_size=8))  # 120 steps: a momentum of 0.99 is 70 % there
    mean, variance = statistics(model, "first")
    np.testing.assert_allclose(mean, x.mean(axis=0), atol=0.8)
    np.testing.assert_allclose(variance[:3], x.var(axis=0)[:3], rtol=0.6)
