"""What holds for every objective, on a tiny pruned network; then what each one does."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from tasks.methods.backend import keras
from tasks.methods.litert import LiteRunner
from tasks.methods.networks import store
from tasks.methods.networks.fit import FitSettings
from tasks.methods.networks.graph import features, to_functional
from tasks.methods.networks.loop import Loop
from tasks.methods.networks.predict import predict
from tasks.methods.networks.surgery import new_head
from tasks.methods.quantization.convert import convert
from tasks.methods.transfer.adapters import MARK, adapter_layers, with_adapters
from tasks.methods.transfer.objectives import Source, Start, Unsuited, objectives
from tasks.methods.transfer.run import Transferred, transfer

WEIGHED = [name for name in objectives if objectives.get(name).strength is not None]
ONE_STAGE = FitSettings(epochs=3, learning_rate=3e-3, patience=3)


STRONG = {"l2_sp": 1e4, "l2_sp_fisher": 1e4, "delta": 1e4, "coral": 10.0, "mmd": 10.0, "joint": 10.0}


@pytest.fixture(scope="module")
def heirs(ancestor, low_digits, high_digits):
    """`heirs(name, strength, again)`: what an objective made of the ancestor; each is made once, and once more with `again`."""

    @functools.cache
    def made(name: str, strength: float | None = None, again: bool = False) -> Transferred:
        heir = Start(new_head(ancestor, 5, seed=0, dropout=0.1), False, *high_digits, (ONE_STAGE,))
        source = Source(to_functional(ancestor), low_digits)
        found = transfer(name, heir, source, strength=strength)
        for one, other in zip(source.model.get_weights(), ancestor.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)  # no objective changes its source
        return found

    return made


def loss(model, rows) -> float:
    x, y = rows
    return float(-np.log(np.maximum(predict(model, x)[np.arange(len(y)), y], 1e-30)).mean())


def distance(one, other) -> float:
    """Between the weights that two networks share, without their heads and without statistics."""
    pairs = zip(one.trainable_variables[:-2], other.trainable_variables[:-2], strict=True)
    return float(np.sqrt(sum(np.square(a.numpy() - b.numpy()).sum() for a, b in pairs)))


@pytest.mark.parametrize("name", objectives.names())
def test_every_objective_gives_a_plain_network_that_has_learned(heirs, high_digits, name, start, tmp_path):
    heir = heirs(name)
    x = high_digits[1][0]
    found = predict(heir.model, x)
    assert tuple(heir.model.inputs[0].shape[1:]) == (8, 8, 1)
    assert len(heir.model.outputs) == 1
    assert found.shape == (80, 5)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    assert loss(heir.model, high_digits[1]) < loss(start().model, high_digits[1])
    assert sum(history.epochs_run for history in heir.histories) <= 3
    assert all(np.isfinite(history.loss).all() for history in heir.histories)
    store.save(heir.model, tmp_path / "heir.keras")
    np.testing.assert_array_equal(predict(store.load(tmp_path / "heir.keras"), x), found)  # built-in layers alone


@pytest.mark.parametrize("name", objectives.names())
def test_every_objective_gives_equal_weights_to_equal_seeds(heirs, name):
    for one, other in zip(heirs(name).model.get_weights(), heirs(name, None, True).model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", objectives.names())
def test_every_objective_keeps_what_was_pruned_at_zero(heirs, ancestor, name):
    before, after = (model.get_layer("dense").kernel.numpy() for model in (ancestor, heirs(name).model))
    assert 0.35 < (before == 0).mean() < 0.45
    assert (after[before == 0] == 0).all()


@pytest.mark.parametrize("name", objectives.names())
def test_every_objective_goes_on_from_a_kept_head_and_reads_source_rows_only_where_it_needs_them(
    start, source, high_digits, name
):
    heir = start(replace(ONE_STAGE, epochs=1), kept=True)
    before = loss(heir.model, high_digits[1])
    given = source if objectives.get(name).needs_rows else Source(source.model)
    assert loss(transfer(name, heir, given).model, high_digits[1]) < before


@pytest.mark.parametrize("name", WEIGHED)
def test_every_weighed_objective_reports_a_finite_penalty_and_its_strength(heirs, name):
    assert heirs(name).strength == objectives.get(name).strength > 0
    assert np.isfinite(heirs(name).penalty)


@pytest.mark.parametrize("name", WEIGHED)
def test_every_weighed_objective_is_fine_tuning_at_strength_0(heirs, name):
    plain, weighed = heirs("fine_tuning").model, heirs(name, 0.0).model
    for one, other in zip(plain.get_weights(), weighed.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-6)


@pytest.mark.parametrize("name", WEIGHED)
def test_every_weighed_objective_ends_with_a_smaller_term_when_it_is_strong(heirs, name):
    assert heirs(name, STRONG[name]).penalty < heirs(name, 0.0).penalty


@pytest.mark.parametrize("name", [name for name in objectives if objectives.get(name).needs_rows])
def test_objectives_that_need_source_rows_say_so(start, source, name):
    for rows in (None, (np.zeros((0, 8, 8, 1), np.float32), np.zeros(0, np.int64))):
        with pytest.raises(Unsuited, match="Expected the ancestor's training rows"):
            transfer(name, start(), Source(source.model, rows))


def test_objectives_name_their_sources():
    assert all(objectives.references[name] for name in objectives)
    assert {name for name in objectives if objectives.get(name).reads_rows} == {"coral", "joint", "l2_sp_fisher", "mmd"}


@pytest.mark.parametrize(("name", "strength"), [("l2_sp", -1.0), ("mmd", float("nan")), ("fine_tuning", 1.0)])
def test_transfer_refuses_a_strength_that_means_nothing(start, source, name, strength):
    with pytest.raises(ValueError, match="Invalid `strength`"):
        transfer(name, start(), source, strength=strength)


def test_loop_is_traced_once_whatever_the_term(monkeypatch, start, source):
    loops = []
    made = Loop.__init__
    monkeypatch.setattr(Loop, "__init__", lambda self, *args, **kwargs: (loops.append(self), made(self, *args, **kwargs))[1])
    for name in ("delta", "joint"):
        transfer(name, start(replace(ONE_STAGE, batch_size=30)), source)
    assert [each._train.experimental_get_tracing_count() for each in loops] == [1, 1]


def test_terms_of_features_cost_nothing_while_the_head_learns_alone(monkeypatch, start, source):
    given = {}
    monkeypatch.setattr("tasks.methods.transfer.run.staged", lambda *_, lessons, **__: given.update({name: lessons}) or [])
    for name in ("fine_tuning", "l2_sp", "mmd", "joint"):
        transfer(name, start(), source)
    known = {name: [lesson is not None for lesson in lessons] for name, lessons in given.items()}
    assert known == {"fine_tuning": [False, False], "l2_sp": [True, True], "mmd": [False, True], "joint": [True, True]}


def test_l2_sp_keeps_the_weights_near_the_sources_when_it_is_strong(heirs, ancestor):
    free, held = (heirs("l2_sp", each).model for each in (0.0, STRONG["l2_sp"]))
    assert distance(held, ancestor) < 0.3 * distance(free, ancestor)


def test_fisher_lets_weights_go_that_the_source_does_not_rest_on(start, source, ancestor):
    kernel = source.model.get_layer("classes").kernel
    kernel.assign(kernel.numpy() * (np.arange(24)[:, None] >= 12))  # the source's head reads half of the units
    held = transfer("l2_sp_fisher", start(ONE_STAGE), source, strength=1e4).model
    ways = np.abs(held.get_layer("dense").kernel.numpy() - ancestor.get_layer("dense").kernel.numpy()).mean(axis=0)
    assert ways[:12].mean() > 3 * ways[12:].mean()


def test_delta_keeps_the_features_near_the_sources_when_it_is_strong(heirs, ancestor, high_digits):
    x = high_digits[0][0]
    free, held = (heirs("delta", each).model for each in (0.0, STRONG["delta"]))
    known = features(ancestor, x)
    assert np.abs(features(held, x) - known).mean() < 0.6 * np.abs(features(free, x) - known).mean()


def test_source_rows_leave_no_statistics_behind(start, source):
    white = Source(source.model, (np.full_like(source.rows[0], 50.0), source.rows[1]))  # nothing like the heir's rows
    plain, beside = (
        transfer(name, start(replace(ONE_STAGE, learning_rate=1e-12)), given).model.get_layer("norm").get_weights()[2:]
        for name, given in (("fine_tuning", source), ("mmd", white))
    )
    for one, other in zip(plain, beside, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3)


def test_linear_probing_changes_the_head_alone_and_lp_ft_goes_on_from_it(heirs, ancestor, high_digits):
    probed = heirs("linear_probing")
    assert probed.histories == []
    assert distance(probed.model, ancestor) == 0
    assert distance(heirs("lp_ft").model, ancestor) > 0
    assert loss(heirs("lp_ft").model, high_digits[1]) <= loss(probed.model, high_digits[1]) + 1e-6


def test_linear_probing_puts_one_head_on_a_fused_network(high_digits, ancestor):
    from tasks.methods.fusion.combiners import LinearPool
    from tasks.methods.networks.fuse import fuse_models

    fused = fuse_models([ancestor, ancestor], LinearPool([1, 2]))
    found = transfer("linear_probing", Start(fused, True, *high_digits, (ONE_STAGE,)), Source(fused))
    assert found.model.layers[-1].name == "head"
    assert loss(found.model, high_digits[1]) < loss(fused, high_digits[1])


def test_lp_ft_leaves_out_stages_of_the_head_and_trains_all_layers_where_none_is_left(start, source):
    head = FitSettings(epochs=2, trainable="head")
    found = [objectives.get("lp_ft")(start(*stages), source).stages for stages in ((head, ONE_STAGE), (head,))]
    assert found == [(ONE_STAGE,), (replace(head, trainable="all"),)]


def test_gradual_unfreezing_frees_a_layer_an_epoch_and_slows_the_lower_ones(start, source):
    stages = objectives.get("gradual_unfreezing")(start(replace(ONE_STAGE, epochs=10)), source).stages
    assert [stage.trainable for stage in stages] == [1, 2, 3, "all"]  # head, dense, norm, conv
    assert [stage.epochs for stage in stages] == [1, 1, 1, 7]
    assert all(stage.decay == pytest.approx(1 / 2.6) for stage in stages)
    assert len({stage.seed for stage in stages}) == 4


@pytest.mark.parametrize(("epochs", "trained"), [(1, ["all"]), (2, [2, "all"]), (4, [1, 3, "all"])])
def test_gradual_unfreezing_frees_layers_in_groups_when_epochs_are_few(start, source, epochs, trained):
    stages = objectives.get("gradual_unfreezing")(start(replace(ONE_STAGE, epochs=epochs)), source).stages
    assert [stage.trainable for stage in stages] == trained
    assert sum(stage.epochs for stage in stages) == epochs


def test_gradual_unfreezing_takes_the_recipes_decay_where_it_has_one(start, source):
    stages = objectives.get("gradual_unfreezing")(start(replace(ONE_STAGE, epochs=10, decay=0.9)), source).stages
    assert {stage.decay for stage in stages} == {0.9}


def test_adapters_start_as_the_network_and_learn_while_it_stays(heirs, start, ancestor, high_digits):
    heir = start()
    x = high_digits[0][0]
    adapted = with_adapters(heir.model, seed=0)
    np.testing.assert_allclose(predict(adapted, x), predict(heir.model, x), atol=1e-2)
    assert {name for name in adapter_layers(adapted) if MARK not in name} == {"norm", "head"}
    grown = adapted.count_params() - heir.model.count_params()
    assert grown == 6 * 4 + 4 + 4 * 6 + 6 + 24 * 4 + 4 + 4 * 24 + 24  # bottlenecks of 4 behind 6 and 24 channels
    model = heirs("adapters").model
    for name in ("conv", "dense"):
        np.testing.assert_array_equal(model.get_layer(name).kernel, ancestor.get_layer(name).kernel)
    down = f"{MARK}dense_down"
    assert np.abs(model.get_layer(down).kernel.numpy() - adapted.get_layer(down).kernel.numpy()).max() > 1e-4


def test_adapters_are_not_put_on_twice(start, source):
    heir = start(replace(ONE_STAGE, epochs=1))
    once = transfer("adapters", heir, source).model
    twice = with_adapters(new_head(once, 5, seed=1), seed=1)
    assert sum(MARK in layer.name for layer in twice.layers) == sum(MARK in layer.name for layer in once.layers)


def test_adapters_are_converted_with_the_network(heirs, high_digits):
    model, x = heirs("adapters").model, high_digits[1][0]
    np.testing.assert_allclose(LiteRunner(convert(model, "float32", x)).run(x), predict(model, x), atol=1e-4)


def test_adapters_behind_layers_that_are_called_twice_are_shared():
    inputs = keras.Input((3,))
    dense = keras.layers.Dense(3, name="twice")
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(dense(dense(inputs))))
    found = with_adapters(model, seed=0)
    assert sorted(layer.name for layer in found.layers if MARK in layer.name) == [
        f"{MARK}twice_add",
        f"{MARK}twice_down",
        f"{MARK}twice_up",
    ]
