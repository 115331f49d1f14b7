"""Every combiner as a network: the same as in numpy, and still a network that can be kept, shrunk, trained and served."""

import json

import numpy as np
import pytest

from tasks.methods.backend import keras
from tasks.methods.clustering.cluster import cluster
from tasks.methods.fusion.combiners import LinearPool, combiners
from tasks.methods.litert import LiteRunner
from tasks.methods.networks.architectures import build
from tasks.methods.networks.fit import FitSettings, fit
from tasks.methods.networks.fold import fold_batch_normalization
from tasks.methods.networks.fuse import fuse_models
from tasks.methods.networks.graph import backbone, head_layers, to_functional
from tasks.methods.networks.natural_log import NaturalLog
from tasks.methods.networks.predict import predict
from tasks.methods.networks.store import load, save
from tasks.methods.networks.surgery import new_head
from tasks.methods.networks.vet import refused
from tasks.methods.pruning.channels import prune_channels
from tasks.methods.pruning.gradual import prune
from tasks.methods.pruning.masks import sparsity
from tasks.methods.quantization.aware import qat
from tasks.methods.quantization.convert import MODES, convert
from tasks.methods.quantization.partial import layer_errors, partial_int8

FEATURES = 7 + 5 + 6
# One of each kind of graph that is not a plain sum.
OWN_LAYERS = ("dempster_shafer", "k_of_n", "log_pool", "majority", "stacking")


def rows(n, classes, seed):
    """Blobs, one a class, well mixed."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(size=(classes, 8, 8, 1))
    y = rng.integers(0, classes, n)
    return (0.5 * centres[y] + rng.normal(size=(n, 8, 8, 1))).astype(np.float32), y


def members(classes):
    made = [
        build("mlp", (8, 8, 1), classes, [7], [], 0.1, seed=1),
        build("cnn", (8, 8, 1), classes, [5], [3], 0.0, seed=2),
        build("mlp", (8, 8, 1), classes, [6], [], 0.0, seed=3),
    ]
    for seed, model in enumerate(made):
        fit(model, rows(80, classes, seed), rows(80, classes, 9), FitSettings(epochs=6, learning_rate=1e-2, seed=seed))
    return made


@pytest.fixture(scope="module")
def family():
    """Classes -> trained members, validation labels, and what the members say of these rows."""
    found = {}
    for classes in (2, 3):
        models, (x, y) = members(classes), rows(120, classes, 20)
        found[classes] = (models, y, np.stack([predict(model, x) for model in models]))
    return found


@pytest.fixture(scope="module")
def fused(family):
    """Name of a combiner, classes -> the combiner and the network of it."""
    made = {}
    for name in combiners:
        for classes in (2,) if name == "any" else (2, 3):
            models, y, said = family[classes]
            combiner = combiners.get(name)(said, y)
            made[name, classes] = (combiner, fuse_models(models, combiner))
    return made


CASES = [(name, classes) for name in combiners for classes in ((2,) if name == "any" else (2, 3))]


@pytest.mark.parametrize(("name", "classes"), CASES)
def test_every_fused_network_says_what_its_combiner_says(family, fused, name, classes, tmp_path):
    combiner, model = fused[name, classes]
    x = rows(200, classes, 30)[0]
    expected = combiner(np.stack([predict(member, x) for member in family[classes][0]]))

    np.testing.assert_allclose(predict(model, x), expected, atol=1e-5)
    assert len(model.inputs) == 1
    assert not any(isinstance(layer, keras.Model) for layer in model.layers)
    for index, share in enumerate(combiner.shares):
        single = np.count_nonzero(combiner.shares) == 1
        assert any(layer.name.startswith(f"m{index}_") for layer in model.layers) == (share > 0 and not single)
    assert refused(json.loads(model.to_json())) == []

    save(model, tmp_path / "model.keras")
    again = load(tmp_path / "model.keras")
    np.testing.assert_array_equal(predict(again, x), predict(model, x))
    np.testing.assert_allclose(LiteRunner(convert(again, "float32")).run(x), expected, atol=1e-4)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", OWN_LAYERS)
def test_fused_networks_convert_in_every_mode(family, fused, name, mode):
    model, x = fused[name, 3][1], rows(200, 3, 30)[0]
    served = LiteRunner(convert(model, mode, x[:50])).run(x)
    agreement = (served.argmax(axis=1) == predict(model, x).argmax(axis=1)).mean()
    assert agreement >= (0.99 if mode in ("float16", "float32") else 0.85)
    np.testing.assert_allclose(served.sum(axis=1), 1, atol=0.05)


@pytest.mark.parametrize("form", ["m.h5", "saved"])
@pytest.mark.parametrize("name", OWN_LAYERS)
def test_fused_networks_are_read_from_every_form_keras_writes(fused, name, form, tmp_path):
    model, x = fused[name, 3][1], rows(20, 3, 30)[0]
    model.save(tmp_path / form, save_format="h5" if form.endswith("h5") else "tf")
    np.testing.assert_allclose(predict(load(tmp_path / form), x), predict(model, x), atol=1e-6)


@pytest.mark.parametrize("name", OWN_LAYERS)
def test_fused_networks_are_flattened_folded_cut_and_given_new_heads(fused, name):
    model, x = fused[name, 3][1], rows(20, 3, 30)[0]
    np.testing.assert_array_equal(predict(to_functional(model), x), predict(model, x))
    np.testing.assert_allclose(predict(fold_batch_normalization(model), x), predict(model, x), atol=1e-6)
    assert backbone(model).output_shape == (None, FEATURES)
    heads = [layer.name for layer in head_layers(model)]
    assert heads == ["m0_head", "m1_head", "m2_head", *(["fused"] if name == "stacking" else [])]
    assert new_head(model, 5, seed=0).output_shape == (None, 5)


@pytest.mark.parametrize("name", OWN_LAYERS)
def test_fused_networks_lose_channels_of_their_members_and_stay_sound(fused, name):
    model, x = fused[name, 3][1], rows(20, 3, 30)[0]
    smaller = prune_channels(model, 0.4)
    units = {layer.name: layer.units for layer in smaller.layers if isinstance(layer, keras.layers.Dense)}
    assert units == {
        "m0_dense_1": 5, "m1_dense_1": 3, "m2_dense_1": 4, "m0_head": 3, "m1_head": 3, "m2_head": 3,
    } | ({"fused": 3} if name == "stacking" else {})  # fmt: skip
    np.testing.assert_allclose(predict(smaller, x).sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(  # every layer that any of them has
    "name",
    ["stacking", pytest.param("dempster_shafer", marks=pytest.mark.slow), pytest.param("k_of_n", marks=pytest.mark.slow)],
)
def test_fused_networks_are_trained_pruned_clustered_and_made_ready_for_int8(fused, name):
    model, train, validation = fused[name, 3][1], rows(64, 3, 40), rows(64, 3, 41)
    x = validation[0]
    history = fit(to_functional(model), train, validation, FitSettings(epochs=2, learning_rate=1e-3))
    assert all(np.isfinite([*history.loss, *history.validation_loss]))

    sparse = prune(model, 0.5, train, validation, 1, 32, 1e-3, 0)
    assert all(value == pytest.approx(0.5, abs=0.05) for value in sparsity(sparse).values())
    for changed in (sparse, cluster(model, 8, train, validation, 1, 32, 1e-3, 0)):
        assert [layer.name for layer in changed.layers] == [layer.name for layer in to_functional(model).layers]
        np.testing.assert_allclose(predict(changed, x).sum(axis=1), 1, atol=1e-5)

    aware = qat(model, train, validation, 1, 32, 1e-4, 0)
    served = LiteRunner(aware.flatbuffer).run(x)
    assert (served.argmax(axis=1) == predict(aware.model, x).argmax(axis=1)).mean() >= 0.85

    errors = layer_errors(model, x[:20])
    assert {"m0_dense_1", "m1_conv_1", "m2_head"} <= set(errors)
    assert LiteRunner(partial_int8(model, x[:20], ["m0_dense_1"])).run(x).shape == (64, 3)


def test_fused_networks_can_be_members_again(family, fused):
    models, y, said = family[3]
    x = rows(30, 3, 50)[0]
    combiner = combiners.get("log_pool")(np.stack([said[0], fused["stacking", 3][0](said), said[2]]), y)
    again = fuse_models([models[0], fused["stacking", 3][1], models[2]], combiner)
    expected = combiner(np.stack([predict(models[0], x), predict(fused["stacking", 3][1], x), predict(models[2], x)]))
    np.testing.assert_allclose(predict(again, x), expected, atol=1e-5)


def test_fuse_models_finds_other_names_where_a_member_has_those_of_the_fusion():
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(3, activation="relu", name="weight")(inputs)
    member = keras.Model(inputs, keras.layers.Dense(2, activation="softmax", name="log")(hidden))
    model = fuse_models([member, member], combiners.get("geometric_mean")(np.full((2, 1, 2), 0.5), np.array([0])))
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    np.testing.assert_allclose(predict(model, x), predict(member, x), atol=1e-6)


def test_fuse_models_refuses_no_members():
    with pytest.raises(ValueError, match="at least one"):
        fuse_models([], LinearPool(np.ones(2)))


def test_natural_log_is_the_logarithm_from_its_floor_on():
    found = NaturalLog(0.1)(np.array([[0.0, 0.1, 1.0, np.e]], np.float32)).numpy()
    np.testing.assert_allclose(found, [[np.log(0.1), np.log(0.1), 0, 1]], atol=1e-6)
    assert np.isnan(NaturalLog(0.1)(np.array([[np.nan]], np.float32)).numpy()).all()
    assert NaturalLog.from_config(NaturalLog(0.25, name="l").get_config()).floor == 0.25


@pytest.mark.parametrize("floor", [0.0, -1.0, float("nan")])
def test_natural_log_refuses_a_floor_that_has_none(floor):
    with pytest.raises(ValueError, match="a number > 0"):
        NaturalLog(floor)


@pytest.mark.parametrize(
    ("name", "module", "registered"),
    [
        ("NaturalLog", "os", "bequest>NaturalLog"),
        ("NaturalLog", "tasks.methods.networks.natural_log", "other>NaturalLog"),
        ("NaturalLog", "tasks.methods.networks.store", "bequest>NaturalLog"),
        ("Lambda", "tasks.methods.networks.natural_log", "bequest>NaturalLog"),
        ("bequest>Other", None, None),
        ("NaturalLog", None, None),
    ],
)
def test_nothing_passes_for_a_layer_of_our_own_under_a_false_name(name, module, registered):
    assert refused({"class_name": name, "module": module, "registered_name": registered, "config": {"floor": 0.1}})


def test_what_stands_inside_a_layer_of_our_own_is_vetted_all_the_same():
    config = {"floor": 0.1, "activity_regularizer": {"class_name": "Lambda", "config": {}}}
    assert refused({"class_name": "bequest>NaturalLog", "config": config}) == ["a Lambda layer, 'Lambda', which carries code"]
