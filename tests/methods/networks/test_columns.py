"""Tables' networks fitted to other columns: checked against what the network made of the raw values before."""

import json

import numpy as np
import pytest

from tasks.methods.backend import keras
from tasks.methods.fusion.combiners import LinearPool
from tasks.methods.networks.architectures import build
from tasks.methods.networks.columns import Column, align_columns, align_rows
from tasks.methods.networks.fuse import fuse_models
from tasks.methods.networks.graph import layers_with_weights
from tasks.methods.networks.predict import predict
from tasks.methods.networks.vet import refused
from tasks.methods.pruning.masks import Masks

layers = keras.layers
KNOWN = [Column("age", 40.0, 10.0), Column("pay", 5.0, 2.0), Column("job=clerk"), Column("job=cook")]
RESCALED = [Column("age", 52.0, 13.0), Column("pay", 4.0, 1.5), Column("job=clerk"), Column("job=cook")]
NEW = Column("job=nurse")


def mlp():
    return build("mlp", (4,), 3, [6], [], 0.1, seed=1)


def scaled():
    """Reads its input through Rescaling and Dropout, and has no bias to shift."""
    inputs = keras.Input((4,))
    hidden = layers.Dropout(0.2)(layers.Rescaling(0.5, offset=0.3)(inputs))
    hidden = layers.Dense(5, activation="tanh", use_bias=False)(hidden)
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(hidden))


def fused():
    return fuse_models([mlp(), scaled(), build("mlp", (4,), 3, [7], [], 0.0, seed=3)], LinearPool([1.0, 1.0, 2.0]))


def normalised():
    """Begins with a layer that treats every column differently."""
    inputs = keras.Input((4,))
    norm = layers.BatchNormalization()
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(norm(inputs)))
    norm.set_weights([np.array(row, np.float32) for row in ([1, 2, 3, 4], [0, 1, 0, 1], [3, 2, 1, 0], [1, 2, 1, 2])])
    return model


def forked():
    """Reads its input a second time, past the first layer."""
    inputs = keras.Input((4,))
    joined = layers.Concatenate()([layers.Dense(5)(inputs), inputs])
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(joined))


def twice():
    """One layer called on the input and on the input scaled."""
    inputs = keras.Input((4,))
    tower = layers.Dense(5, activation="tanh")
    joined = layers.Concatenate()([tower(inputs), tower(layers.Rescaling(-1.0)(inputs))])
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(joined))


NETWORKS = [mlp, scaled, fused, normalised, forked, twice]


def raw(n=6):
    """Values of each column by name."""
    rng = np.random.default_rng(5)
    job = rng.integers(0, 2, n)
    return {
        "age": rng.uniform(20, 70, n),
        "pay": rng.uniform(1, 9, n),
        "job=clerk": job * 1.0,
        "job=cook": 1.0 - job,
        "job=nurse": np.zeros(n),
        "height": np.zeros(n),
    }


def rows(columns):
    values = raw()
    return np.stack([(values[each.name] - each.offset) / each.scale for each in columns], axis=1).astype(np.float32)


@pytest.mark.parametrize("make", NETWORKS)
def test_align_columns_changes_nothing_when_the_columns_agree(make):
    model = make()
    aligned = align_columns(model, KNOWN, list(KNOWN), seed=0)

    np.testing.assert_array_equal(predict(aligned, rows(KNOWN)), predict(model, rows(KNOWN)))
    for before, after in zip(model.get_weights(), aligned.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_align_columns_moves_rows_of_the_kernel_by_name_worked_by_hand():
    inputs = keras.Input((2,))
    model = keras.Model(inputs, layers.Dense(1, name="only")(inputs))
    model.set_weights([np.array([[2.0], [3.0]], np.float32), np.array([0.5], np.float32)])
    given = [Column("b"), Column("c"), Column("a", offset=3.0, scale=4.0)]
    kernel, bias = align_columns(model, [Column("a", offset=1.0, scale=2.0), Column("b")], given, seed=0).get_weights()

    # a = 4 / 2 and b = (3 - 1) / 2: the kernel's row 2 becomes 4, and 2 * 1 goes to the bias.
    np.testing.assert_array_equal(kernel[[0, 2]], [[3.0], [4.0]])
    assert 0 < abs(kernel[1, 0]) < 2e-3
    np.testing.assert_array_equal(bias, [2.5])


@pytest.mark.parametrize("make", NETWORKS)
@pytest.mark.parametrize("known", [KNOWN, RESCALED], ids=["same scaling", "other scaling"])
def test_align_columns_keeps_what_the_network_makes_of_columns_in_another_order(make, known, tmp_path):
    model = make()
    given = [KNOWN[place] for place in (2, 0, 3, 1)]
    aligned = align_columns(model, known, given, seed=0)

    np.testing.assert_allclose(predict(aligned, rows(given)), predict(model, rows(known)), atol=1e-5)
    aligned.save(tmp_path / "aligned.keras")
    loaded = keras.models.load_model(tmp_path / "aligned.keras", safe_mode=True)
    np.testing.assert_array_equal(predict(loaded, rows(given)), predict(aligned, rows(given)))
    assert refused(json.loads(aligned.to_json())) == []


@pytest.mark.parametrize("make", [mlp, scaled, fused])
def test_align_columns_rescales_when_only_the_standardisation_differs(make):
    model = make()
    aligned = align_columns(model, RESCALED, KNOWN, seed=0)

    assert not np.allclose(predict(model, rows(KNOWN)), predict(model, rows(RESCALED)), atol=1e-3)
    np.testing.assert_allclose(predict(aligned, rows(KNOWN)), predict(model, rows(RESCALED)), atol=1e-5)
    assert [layer.name for layer in aligned.layers] == [layer.name for layer in model.layers]


@pytest.mark.parametrize("make", NETWORKS)
def test_align_columns_takes_a_new_category_and_lets_a_column_go(make):
    model = make()
    given = [NEW, KNOWN[3], KNOWN[0], Column("height", 170.0, 10.0), KNOWN[2]]
    aligned = align_columns(model, KNOWN, given, seed=0)
    x = rows(given)
    x[:, 3] = 0.0
    expected = rows(KNOWN)
    expected[:, 1] = 0.0  # gone: as if every row had its mean

    assert aligned.input_shape == (None, 5)
    np.testing.assert_allclose(predict(aligned, x), predict(model, expected), atol=1e-5)


def test_align_columns_makes_new_weights_small_and_none_of_them_a_pruned_zero():
    model = mlp()
    kernel = model.get_layer("dense_1").kernel
    kernel.assign(np.where(np.arange(24).reshape(4, 6) % 2, kernel.numpy(), 0))
    one, same, other = (align_columns(model, KNOWN, [*KNOWN, NEW], seed=seed) for seed in (0, 0, 1))
    found = one.get_layer("dense_1").kernel.numpy()

    np.testing.assert_array_equal(Masks.of(one).keep["dense_1"], [*(kernel.numpy() != 0), [True] * 6])
    assert np.abs(found[4]).max() < 2e-3
    np.testing.assert_array_equal(found, same.get_layer("dense_1").kernel.numpy())
    assert not np.array_equal(found, other.get_layer("dense_1").kernel.numpy())


def test_align_columns_adds_one_door_however_often_columns_change():
    model = normalised()
    once = align_columns(model, KNOWN, [*KNOWN, NEW], seed=0)
    again = align_columns(once, [*KNOWN, NEW], KNOWN[::-1], seed=0)

    assert [type(layer) for layer in layers_with_weights(again)] == [type(layer) for layer in layers_with_weights(once)]
    np.testing.assert_allclose(predict(again, rows(KNOWN[::-1])), predict(model, rows(KNOWN)), atol=1e-5)


@pytest.mark.parametrize("other", [Column("age", 0.04, 0.01), Column("age", 400.0, 10.0)], ids=["scale", "mean"])
def test_align_columns_keeps_standardised_weights_when_the_unit_changed(other):
    model = mlp()
    aligned = align_columns(model, KNOWN, [other, *KNOWN[1:]], seed=0)

    np.testing.assert_array_equal(predict(aligned, rows(KNOWN)), predict(model, rows(KNOWN)))


@pytest.mark.parametrize(
    ("known", "given", "why"),
    [
        (KNOWN, [NEW, Column("height")], "knows at least one: .*'age'.*Received: .*'height'"),
        (KNOWN[:3], KNOWN, "a name for each input"),
    ],
)
def test_align_columns_says_why_when_it_cannot(known, given, why):
    with pytest.raises(ValueError, match=why):
        align_columns(mlp(), known, given, seed=0)


def test_align_rows_gives_a_network_the_columns_it_knows():
    given = [KNOWN[3], NEW, Column("age", 52.0, 13.0)]
    x = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 2.0]], np.float32)

    found = align_rows(x, given, KNOWN)

    # 52 is (52 - 40) / 10 = 1.2 deviations above the known mean, 52 + 2 * 13 = 78 is 3.8; `pay` is not given: its mean.
    np.testing.assert_allclose(found, [[1.2, 0, 0, 1], [3.8, 0, 0, 0]], rtol=1e-6)
    assert found.dtype == np.float32


def test_align_rows_keeps_standardised_values_when_the_unit_changed():
    x = np.array([[0.5], [-1.0]], np.float32)
    np.testing.assert_array_equal(align_rows(x, [Column("age", 0.04, 0.01)], [KNOWN[0]]), x)


@pytest.mark.parametrize(
    ("x", "given"),
    [(np.zeros((2, 1)), [NEW]), (np.zeros((2, 3)), KNOWN[:2]), (np.zeros(4), KNOWN)],
    ids=["none", "few", "flat"],
)
def test_align_rows_says_why_when_it_cannot(x, given):
    with pytest.raises(ValueError, match=r"Invalid `given`\. Expected a name for each of"):
        align_rows(x, given, KNOWN)
