"""Every formula worked by hand, or in numpy, on a few numbers."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from tasks.methods.backend import keras, tf
from tasks.methods.networks.architectures import build
from tasks.methods.networks.predict import predict
from tasks.methods.transfer.attention import attention, loss_increases
from tasks.methods.transfer.feature_maps import FeatureMaps, matched_layers
from tasks.methods.transfer.fisher import fisher_diagonal, importance
from tasks.methods.transfer.lesson import Step
from tasks.methods.transfer.objectives.base import Unsuited
from tasks.methods.transfer.objectives.coral import coral_distance
from tasks.methods.transfer.objectives.mmd import mmd_distance, squared_distances
from tasks.methods.transfer.probe import solve_head
from tasks.methods.transfer.source_task import SourceTask
from tasks.methods.transfer.start_point import HEAD_SHARE, FromStart


def tiny() -> keras.Model:
    """Two inputs, one hidden unit, two classes."""
    model = build("mlp", (2,), 2, [1], [], 0.0, seed=0)
    model.set_weights([np.array([[1.0], [2.0]]), np.array([0.5]), np.array([[0.3, -0.4]]), np.array([0.1, 0.2])])
    return model


def regression(kernel: np.ndarray) -> keras.Model:
    """A softmax regression without hidden layers."""
    model = build("mlp", (kernel.shape[0],), kernel.shape[1], [], [], 0.0, seed=0)
    model.set_weights([kernel, np.zeros(kernel.shape[1])])
    return model


def of_weights(term: FromStart) -> float:
    return float(term(Step(None, [], [])))


def test_l2_sp_is_half_the_squared_way_and_a_tenth_of_the_new_heads_weights():
    model = tiny()
    term = FromStart(model, head_kept=False)
    head = 0.3**2 + 0.4**2 + 0.1**2 + 0.2**2
    assert of_weights(term) == pytest.approx(HEAD_SHARE * head / 2)
    model.get_layer("dense_1").kernel.assign([[1.5], [1.0]])  # 0.5 and -1 away
    assert of_weights(term) == pytest.approx((0.25 + 1.0 + HEAD_SHARE * head) / 2)


def test_l2_sp_gradient_is_the_way_itself():
    model = tiny()
    term, kernel = FromStart(model, head_kept=True), model.get_layer("dense_1").kernel
    kernel.assign([[1.5], [1.0]])
    model.get_layer("head").bias.assign([0.1, 0.7])
    with tf.GradientTape() as tape:
        found = term(Step(None, [], []))
    assert float(found) == pytest.approx((0.25 + 1.0 + 0.25) / 2)  # a head that is kept has a start, too
    gradients = tape.gradient(found, [kernel, model.get_layer("head").bias])
    np.testing.assert_allclose(gradients[0], [[0.5], [-1.0]])
    np.testing.assert_allclose(gradients[1], [0.0, 0.5], atol=1e-7)


def test_l2_sp_fisher_weighs_each_way():
    model = tiny()
    weights = [np.array([[3.0], [0.5]]), np.array([2.0])]
    term = FromStart(model, head_kept=False, importance=weights)
    before = of_weights(term)
    model.get_layer("dense_1").kernel.assign([[1.5], [1.0]])
    assert of_weights(term) - before == pytest.approx((3.0 * 0.25 + 0.5 * 1.0) / 2)


def test_fisher_diagonal_of_a_softmax_regression_is_the_closed_form():
    # d log p_k / d v_dj = x_d (1[j = k] - p_j), so F_dj = E[x_d^2 p_j (1 - p_j)], and without x for the bias.
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(40, 3)).astype(np.float32), rng.normal(size=(3, 4))
    model = regression(kernel)
    p = softmax(x @ kernel, axis=1)
    found = fisher_diagonal(model, x, model.trainable_variables, seed=0)
    np.testing.assert_allclose(found[0], (x**2).T @ (p * (1 - p)) / 40, rtol=1e-4)
    np.testing.assert_allclose(found[1], (p * (1 - p)).mean(axis=0), rtol=1e-4)


def test_fisher_diagonal_estimates_the_same_from_one_drawn_class_when_there_are_many():
    rng = np.random.default_rng(1)
    x, kernel = rng.normal(size=(256, 2)).astype(np.float32), 0.3 * rng.normal(size=(2, 12))
    model = regression(kernel)
    p = softmax(x @ kernel, axis=1)
    found = fisher_diagonal(model, x, model.trainable_variables, seed=0)
    assert found[1].sum() == pytest.approx((p * (1 - p)).mean(axis=0).sum(), rel=0.05)
    np.testing.assert_array_equal(found[0], fisher_diagonal(model, x, model.trainable_variables, seed=0)[0])


def test_importance_is_scaled_to_mean_1_over_the_inherited_weights():
    model = tiny()
    model.layers[1].kernel.assign([[1.0], [0.1]])
    x = np.abs(np.random.default_rng(0).normal(size=(20, 2))).astype(np.float32)
    found = importance(model, model, False, x, seed=0)
    assert [each.shape for each in found] == [(2, 1), (1,)]
    assert sum(each.sum() for each in found) == pytest.approx(3)
    raw = fisher_diagonal(model, x, model.trainable_variables[:2], seed=0)
    np.testing.assert_allclose(found[0] / found[1], raw[0] / raw[1], rtol=1e-6)


def test_importance_refuses_a_network_without_probabilities():
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Dense(2)(inputs)))
    with pytest.raises(Unsuited, match="Expected a classifier with a softmax"):
        importance(model, model, False, np.ones((4, 2), np.float32), seed=0)


def test_importance_refuses_a_network_that_came_without_its_head_as_unsuited_not_as_a_mismatch():
    inputs = keras.Input((2,))
    hidden = keras.layers.Dense(3)(keras.layers.Dense(2)(inputs))
    heir = keras.Model(inputs, keras.layers.Dense(4, activation="softmax")(hidden))
    with pytest.raises(Unsuited, match="Expected a classifier with a softmax"):
        importance(keras.Model(inputs, hidden), heir, False, np.ones((4, 2), np.float32), seed=0)


def test_coral_is_the_squared_difference_of_covariances():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(7, 3)), 2 * rng.normal(size=(5, 3))
    expected = np.square(np.cov(a.T) - np.cov(b.T)).sum() / (4 * 3**2)
    assert float(coral_distance(tf.constant(a, tf.float32), tf.constant(b, tf.float32))) == pytest.approx(expected, rel=1e-4)


def test_coral_of_two_rows_each_is_the_one_worked_by_hand():
    # Covariances of {0, 2} and {0, 4}: 2 and 8; (2 - 8)^2 / 4 = 9.
    a, b = tf.constant([[0.0], [2.0]]), tf.constant([[0.0], [4.0]])
    assert float(coral_distance(a, b)) == pytest.approx(9.0)
    assert float(coral_distance(a, a + 5)) == pytest.approx(0.0)  # where the mean is makes no difference


def test_mmd_of_two_rows_each_is_the_one_worked_by_hand():
    # Bandwidth 2: k = exp(-d^2 / 2). Within {0, 1} and {0, 2}: exp(-0.5), exp(-2); between: 1, exp(-2), exp(-0.5), exp(-0.5).
    a, b = tf.constant([[0.0], [1.0]]), tf.constant([[0.0], [2.0]])
    expected = np.exp(-0.5) + np.exp(-2) - 2 * (1 + np.exp(-2) + 2 * np.exp(-0.5)) / 4
    assert float(mmd_distance(a, b, [2.0])) == pytest.approx(expected, rel=1e-5)


def test_mmd_averages_over_its_kernels_and_tells_samples_apart():
    rng = np.random.default_rng(0)
    a, b, far = (tf.constant(rng.normal(shift, 1, (200, 3)), tf.float32) for shift in (0, 0, 1))
    both = float(mmd_distance(a, far, [1.0, 4.0]))
    assert both == pytest.approx((float(mmd_distance(a, far, [1.0])) + float(mmd_distance(a, far, [4.0]))) / 2, rel=1e-4)
    assert both > 0.05 > abs(float(mmd_distance(a, b, [1.0, 4.0])))


@pytest.mark.parametrize("distance", [coral_distance, lambda a, b: mmd_distance(a, b, [1.0])])
def test_distances_are_zero_and_finite_where_a_batch_has_one_row(distance):
    one, many = tf.Variable([[1.0, 2.0]]), tf.constant([[0.0, 1.0], [3.0, 1.0]])
    with tf.GradientTape() as tape:
        found = distance(many, one)
    assert float(found) == 0.0
    assert np.isfinite(tape.gradient(found, one, unconnected_gradients="zero").numpy()).all()


def test_squared_distances_match_numpy():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(4, 3)), rng.normal(size=(6, 3))
    expected = np.square(a[:, None] - b[None]).sum(axis=2)
    np.testing.assert_allclose(squared_distances(tf.constant(a), tf.constant(b)), expected, rtol=1e-6)


def test_attention_is_the_softmax_of_the_losses_increase():
    np.testing.assert_allclose(attention(np.array([0.0, np.log(3.0)])), [0.25, 0.75])


def test_loss_increases_are_those_of_networks_without_a_channel():
    rng = np.random.default_rng(0)
    model, x, y = build("mlp", (3,), 2, [4], [], 0.0, seed=0), rng.normal(size=(20, 3)).astype(np.float32), np.arange(20) % 2
    model.get_layer("dense_1").bias.assign(rng.normal(size=4))
    before = model.get_weights()
    kernel, bias, head, offset = before
    hidden = np.maximum(x @ kernel + bias, 0)

    def loss(kept: np.ndarray) -> float:
        p = softmax((hidden * kept) @ head + offset, axis=1)
        return float(-np.log(p[np.arange(20), y]).mean())

    expected = [loss(1 - np.eye(4)[channel]) - loss(np.ones(4)) for channel in range(4)]
    np.testing.assert_allclose(loss_increases(model, "dense_1", (x, y), seed=0), expected, atol=1e-5)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_delta_is_the_attended_distance_of_feature_maps_in_units_of_their_variance():
    model = build("mlp", (3,), 2, [4], [], 0.0, seed=0)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 3)).astype(np.float32), np.arange(30) % 2
    weights = attention(loss_increases(model, "dense_1", (x, y), seed=1))
    term = FeatureMaps(model, model, (x, y), seed=1)
    kernel, bias = model.get_layer("dense_1").get_weights()
    maps = np.maximum(x @ kernel + bias, 0)
    assert float(term(Step(x, [tf.constant(maps)], []))) == pytest.approx(0.0, abs=1e-10)
    moved = maps + np.array([0.5, 0.0, -1.0, 2.0])
    expected = (weights * np.array([0.25, 0.0, 1.0, 4.0])).sum() / maps.var(axis=0).mean()
    assert float(term(Step(x, [tf.constant(moved, tf.float32)], []))) == pytest.approx(expected, rel=1e-4)


def test_delta_matches_four_layers_spread_over_the_depth_and_the_last():
    assert matched_layers(build("mlp", (3,), 2, [4] * 8, [], 0.0, seed=0)) == ["dense_2", "dense_4", "dense_6", "dense_8"]
    assert matched_layers(build("mlp", (3,), 2, [4] * 2, [], 0.0, seed=0)) == ["dense_1", "dense_2"]
    linear = build("mlp", (3,), 2, [], [], 0.0, seed=0)
    with pytest.raises(Unsuited, match="with a hidden layer"):
        FeatureMaps(linear, linear, (np.ones((4, 3)), np.array([0, 1, 0, 1])), seed=0)


def test_solve_head_finds_the_optimum_that_sklearn_finds():
    rng = np.random.default_rng(0)
    x = rng.normal([3, -1, 0, 8], [1, 5, 0.1, 2], (120, 4))
    y = (x @ [0.5, 0.3, -4, 0.1] + rng.normal(size=120) > 2).astype(np.int64) + (x[:, 1] > 2)
    kernel, bias = solve_head((x[:80], y[:80]), (x[80:], y[80:]), 3)
    mean, spread = x[:80].mean(axis=0), x[:80].std(axis=0)
    losses = {}
    for l2 in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5):  # sklearn weighs the sum of losses, so C = 1 / (n l2)
        known = LogisticRegression(C=1 / (80 * l2), max_iter=2000, tol=1e-8).fit((x[:80] - mean) / spread, y[:80])
        p = known.predict_proba((x - mean) / spread)
        losses[-np.log(p[80:][np.arange(40), y[80:]]).mean()] = p
    np.testing.assert_allclose(softmax(x @ kernel + bias, axis=1), losses[min(losses)], atol=5e-3)


def test_solve_head_holds_masked_weights_at_zero():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 5)), np.arange(60) % 3
    keep = rng.random((5, 3)) > 0.4
    kernel, _ = solve_head((x[:40], y[:40]), (x[40:], y[40:]), 3, keep=keep)
    assert (kernel[~keep] == 0).all()
    assert (kernel[keep] != 0).all()


def test_source_task_is_cross_entropy_under_a_head_that_starts_as_the_best_linear_one():
    model = build("mlp", (3,), 2, [6], [], 0.0, seed=0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64) + (x[:, 1] > 0)  # three classes, where the heir has two
    term = SourceTask(model, (x, y), seed=0)
    features = predict(keras.Model(model.inputs, model.get_layer("dense_1").output), x)
    p = softmax(features @ term.variables[0].numpy() + term.variables[1].numpy(), axis=1)
    expected = -np.log(p[np.arange(80), y]).mean()
    assert float(term(Step(x, [], [tf.constant(features)], tf.constant(y)))) == pytest.approx(expected, rel=1e-4)
    assert expected < 0.7 * np.log(3)
