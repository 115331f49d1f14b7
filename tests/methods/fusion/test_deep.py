"""Deep fusion: what each way computes, what training starts from, and that the whole network computes the same."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tasks.methods.backend import keras
from tasks.methods.fusion.deep.joins import joins
from tasks.methods.fusion.deep.run import HEAD, fuse_features
from tasks.methods.litert import LiteRunner
from tasks.methods.networks import store
from tasks.methods.networks.architectures import build
from tasks.methods.networks.fit import FitSettings, fit
from tasks.methods.networks.graph import backbone
from tasks.methods.networks.predict import predict
from tasks.methods.quantization.convert import convert

STILL = FitSettings(epochs=1, learning_rate=1e-9)


@pytest.fixture(scope="module")
def rows():
    digits = load_digits(n_class=4)
    x, y = (digits.images[..., np.newaxis] / 16).astype(np.float32), digits.target.astype(np.int64)
    return (x[:120], y[:120]), (x[120:240], y[120:240])


@pytest.fixture(scope="module")
def members(rows):
    settings = FitSettings(epochs=3, learning_rate=3e-3)
    made = []
    for seed, (architecture, hidden) in enumerate((("mlp", [12]), ("cnn", [8]), ("mlp", [6, 5]))):
        model = build(architecture, (8, 8, 1), 4, hidden=hidden, filters=[4], dropout=0.2, seed=seed)
        fit(model, *rows, settings)
        made.append(model)
    return made


def joined(name, features, units):
    """What a way makes of given features, with the weights it starts from."""
    inputs = [keras.Input((each.shape[1],)) for each in features]
    model = keras.Model(inputs, joins.get(name)(inputs, units, seed=0))
    return model, model([np.asarray(each, np.float32) for each in features]).numpy()


def features():
    rng = np.random.default_rng(0)
    return [rng.normal(size=(5, width)) for width in (3, 2)]


def softmax(values, axis):
    raised = np.exp(values - values.max(axis=axis, keepdims=True))
    return raised / raised.sum(axis=axis, keepdims=True)


def weights(model, name):
    return model.get_layer(f"fusion_{name}").get_weights()


def placed(model, given):
    return [each @ w + b for each, (w, b) in zip(given, (weights(model, f"place_{i}") for i in range(len(given))), strict=True)]


def test_concatenation_sets_features_side_by_side():
    given = features()
    _, found = joined("concatenation", given, 4)
    np.testing.assert_allclose(found, np.concatenate(given, axis=1), rtol=1e-6)


def test_addition_adds_in_one_space():
    given = features()
    model, found = joined("addition", given, 4)
    np.testing.assert_allclose(found, np.maximum(sum(placed(model, given)), 0), rtol=1e-5, atol=1e-6)


def test_gates_share_each_joint_feature_among_the_members():
    given = features()
    model, found = joined("gated", given, 4)
    w, b = weights(model, "gates")
    gates = softmax((np.concatenate(given, axis=1) @ w + b).reshape(5, 2, 4), axis=1)
    expected = (gates * np.tanh(np.stack(placed(model, given), axis=1))).sum(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_attention_shares_a_row_among_the_members():
    given = features()
    model, found = joined("attention", given, 4)
    members = np.stack(placed(model, given), axis=1)
    (u, c), (v, s) = weights(model, "look"), weights(model, "score")
    shares = softmax(np.tanh(members @ u + c) @ v + s, axis=1)
    np.testing.assert_allclose(found, (shares * members).sum(axis=1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", joins.names())
def test_every_way_learns_and_is_one_network_like_any_other(name, rows, members, tmp_path):
    train, validation = rows
    made = fuse_features(name, members, train, validation, FitSettings(epochs=12, learning_rate=1e-2, patience=12), units=8)
    again = fuse_features(name, members, train, validation, FitSettings(epochs=12, learning_rate=1e-2, patience=12), units=8)
    found = predict(made.model, validation[0])
    assert made.joined.best_validation_loss < made.joined.validation_loss[0]
    np.testing.assert_array_equal(predict(again.model, validation[0]), found)
    loss = -np.log(found[np.arange(len(found)), validation[1]]).mean()
    assert loss == pytest.approx(made.joined.best_validation_loss, rel=1e-3)  # the whole computes what its top was trained to
    for number, member in enumerate(members):  # who stand as they were
        own = [w for layer in made.model.layers if layer.name.startswith(f"m{number}_") for w in layer.get_weights()]
        for kept, given in zip(own, backbone(member).get_weights(), strict=True):
            np.testing.assert_array_equal(kept, given)

    store.save(made.model, tmp_path / "model.keras")
    np.testing.assert_allclose(predict(store.load(tmp_path / "model.keras"), validation[0]), found, atol=1e-6)
    np.testing.assert_allclose(LiteRunner(convert(made.model, "float32")).run(validation[0]), found, atol=1e-4)
    served = LiteRunner(convert(made.model, "int8", train[0])).run(validation[0])
    assert (served.argmax(axis=1) == found.argmax(axis=1)).mean() > 0.95


def test_concatenation_starts_as_the_geometric_mean_of_the_members(rows, members):
    train, validation = rows
    made = fuse_features("concatenation", members, train, validation, STILL)
    logs = np.mean([np.log(predict(member, validation[0])) for member in members], axis=0)
    np.testing.assert_allclose(predict(made.model, validation[0]), softmax(logs, axis=1), atol=1e-4)


def test_the_backbone_of_a_fusion_network_gives_its_joint_features(rows, members):
    made = fuse_features("gated", members, *rows, STILL, units=8)
    assert backbone(made.model).outputs[0].shape[-1] == 8
    assert made.model.layers[-1].name == HEAD


def test_tuning_changes_the_members_too(rows, members):
    train, validation = rows
    made = fuse_features("addition", members, train, validation, FitSettings(epochs=2), tune=FitSettings(epochs=4), units=8)
    assert made.tuned.best_validation_loss <= made.joined.best_validation_loss + 1e-6
    assert made.tuned.best_epoch > 0
    before, after = members[0].get_weights()[0], made.model.get_layer("m0_" + members[0].layers[2].name).get_weights()[0]
    assert np.abs(before - after).max() > 0


def test_members_that_do_not_fit_together_are_refused(rows, members):
    other = build("mlp", (8, 8, 1), 3, hidden=[4], filters=[], dropout=0.0, seed=0)
    with pytest.raises(ValueError, match=r"same output shape.*\[\(4,\), \(3,\)\]"):
        fuse_features("addition", [members[0], other], *rows, STILL)
    with pytest.raises(ValueError, match="at least two"):
        fuse_features("addition", members[:1], *rows, STILL)
    with pytest.raises(ValueError, match="expected one of"):
        fuse_features("addtion", members, *rows, STILL)
