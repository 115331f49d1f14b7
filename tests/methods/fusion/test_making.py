"""One network of a family by every kind of way: what it is judged on, who has a share in it, and when there is none."""

from dataclasses import replace

import numpy as np
import pytest

from tasks.methods.backend import keras
from tasks.methods.fusion.choice import Limits
from tasks.methods.fusion.contest import beyond_budget, contest
from tasks.methods.fusion.making.base import Branch, Lessons, Members, NoFusion
from tasks.methods.fusion.making.combining import combined
from tasks.methods.fusion.making.distilling import shrunk
from tasks.methods.fusion.making.growing import grown
from tasks.methods.fusion.making.joining import joined
from tasks.methods.fusion.making.merging import merged
from tasks.methods.fusion.making.run import make
from tasks.methods.fusion.out_of_fold import out_of_fold
from tasks.methods.metrics.log_loss import row_losses
from tasks.methods.networks.fit import FitSettings
from tasks.methods.networks.predict import predict


def member(column: int, hidden: int = 4, scale: float = 2.0) -> keras.Model:
    """Tells positive from negative numbers of one column; of the others it knows nothing."""
    inputs = keras.Input((3,))
    features = keras.layers.Dense(hidden, activation="relu", name=f"hidden_{hidden}")
    head = keras.layers.Dense(2, activation="softmax", name="head")
    model = keras.Model(inputs, head(features(inputs)))
    kernel, top = np.zeros((3, hidden)), np.zeros((hidden, 2))
    kernel[column, :2], top[0], top[1] = (1, -1), (scale, -scale), (-scale, scale)
    model.set_weights([kernel, np.zeros(hidden), top, np.zeros(2)])
    return model


@pytest.fixture(scope="module")
def lessons() -> Lessons:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 3)).astype(np.float32)
    y = (x.sum(axis=1) + rng.normal(scale=0.5, size=500) < 0).astype(np.int64)
    settings = FitSettings(epochs=3, batch_size=32, learning_rate=1e-2, seed=1)
    return Lessons((x[:200], y[:200]), (x[200:], y[200:]), settings, count=2)


def family(lessons: Lessons, *models: keras.Model, branches: tuple[Branch, ...] = ()) -> Members:
    said = np.stack([predict(model, lessons.validation[0]) for model in models])
    return Members([f"m/{number}" for number in range(len(models))], models, said, branches)


@pytest.fixture(scope="module")
def members(lessons) -> Members:
    """Three that know a column each, from one origin that knows nothing."""
    models = [member(column) for column in range(3)]
    origin = member(0, scale=0.0)
    return family(lessons, *models, branches=(Branch("old/1", (0, 1, 2), origin),))


def test_combined_is_judged_out_of_fold_while_its_network_is_fitted_on_all(members, lessons):
    from tasks.methods.fusion.combiners import combiners

    fit = combiners.get("log_pool")
    made = combined("log_pool", members, lessons)
    apart = out_of_fold(fit, members.probabilities, lessons.y, lessons.settings.seed)
    np.testing.assert_array_equal(made.losses, row_losses(apart, lessons.y))
    whole = fit(members.probabilities, lessons.y, lessons.settings.seed)(members.probabilities)
    np.testing.assert_allclose(predict(made.model, lessons.validation[0]), whole, atol=1e-5)
    assert (made.contributions() > 0).all()


def test_combined_has_nothing_to_offer_where_all_weight_falls_to_one(members, lessons):
    with pytest.raises(NoFusion, match="best gives all weight to m/"):
        combined("best", members, lessons)


@pytest.mark.parametrize("name", ["uniform_soup", "ties", "interpolation"])
def test_merged_is_of_one_members_size_and_every_member_contributes(members, lessons, name):
    (made,) = merged(name, members, lessons)
    assert made.name == name
    assert made.model.count_params() == members.models[0].count_params()
    assert made.shares.sum() == pytest.approx(1)
    assert made.losses.mean() < members.losses(lessons.y).mean(axis=1).min()
    assert made.contributions().shape == (3,)


def test_merged_is_judged_on_rows_that_it_did_not_choose_by(members, lessons, monkeypatch):
    from tasks.methods.fusion.making import merging

    seen = []
    whole = merging.merge
    monkeypatch.setattr(merging, "merge", lambda *args: seen.append(args[4]) or whole(*args))
    merged("greedy_soup", members, lessons)  # chooses by validation loss
    assert [len(rows[1]) for rows in seen] == [300, 150, 150]
    assert not set(map(bytes, seen[1][0])) & set(map(bytes, seen[2][0]))
    seen.clear()
    merged("uniform_soup", members, lessons)  # reads no validation rows
    assert [len(rows[1]) for rows in seen] == [300]


def test_merged_makes_one_a_branch_and_counts_shares_among_all_members(lessons):
    models = [member(0), member(1), member(1), member(2), member(0)]
    origin = member(0, scale=0.0)
    found = family(lessons, *models, branches=(Branch("a/1", (0, 1), origin), Branch("b/1", (2, 3), origin)))
    first, second = merged("uniform_soup", found, lessons)
    assert (first.name, second.name) == ("uniform_soup of a/1", "uniform_soup of b/1")
    np.testing.assert_allclose(first.shares, [0.5, 0.5, 0, 0, 0])
    np.testing.assert_allclose(second.shares, [0, 0, 0.5, 0.5, 0])
    assert first.contributions()[2:].tolist() == [0, 0, 0]


def test_merged_leaves_a_member_of_another_architecture_in_the_branch_out(lessons):
    origin = member(0, scale=0.0)
    found = family(lessons, member(0), member(1, hidden=6), member(2), branches=(Branch("a/1", (0, 1, 2), origin),))
    (made,) = merged("uniform_soup", found, lessons)
    np.testing.assert_allclose(made.shares, [0.5, 0, 0.5])


def test_merged_refuses_members_without_an_origin_and_says_what_suits_them(members, lessons):
    with pytest.raises(NoFusion, match=r"uniform_soup merges nothing: there is no network that all members started from.*al"):
        merged("uniform_soup", replace(members, branches=()), lessons)


def test_mergers_that_can_merge_nothing_fall_back_to_an_ensemble_and_say_so(members, lessons):
    made, notes = make(["uniform_soup", "ties"], replace(members, branches=()), lessons)
    assert [each.name for each in made] == ["weighted_average"]
    assert [note.split(" merges nothing")[0] for note in notes[:2]] == ["uniform_soup", "ties"]
    assert notes[2] == "an ensemble by weighted_average is made instead"


def test_a_way_that_fails_is_told_and_the_others_go_on(members, lessons, monkeypatch):
    from tasks.methods.fusion.making import run

    def diverged(*_):
        raise ValueError("the loss is not a number any more")

    monkeypatch.setattr(run, "joined", diverged)
    asked = []
    made, notes = make(["gated", "mean"], members, lessons, asked.append)
    assert [each.name for each in made] == ["mean"]
    assert notes == ["gated makes nothing: the loss is not a number any more"]
    assert asked == ["gated", "mean"]


def test_nothing_is_made_of_one_member_but_what_is_grown(members, lessons):
    alone = family(lessons, members.models[0], branches=(Branch("old/1", (0,), member(0, scale=0.1)),))
    made, notes = make(["mean", "uniform_soup", "gated", "bagging"], alone, lessons)
    assert [each.name for each in made] == ["bagging"]
    assert notes == [f"{name} has nothing to fuse: there is one member alone" for name in ("mean", "uniform_soup", "gated")]


def test_grown_starts_from_the_origin_of_the_best_member_and_has_no_share_of_any(members, lessons):
    made = grown("snapshots", members, replace(lessons, count=2))
    assert made.grown_from is members.branches[0]
    assert not made.shares.any()
    assert made.contributions().tolist() == [0, 0, 0]
    assert made.what == "2 networks grown by snapshots from old/1"
    with pytest.raises(NoFusion, match=r"what m/. started from is not known"):
        grown("bagging", replace(members, branches=()), lessons)


def test_joined_reads_all_members_and_each_contributes(members, lessons):
    made = joined("concatenation", members, lessons)
    np.testing.assert_allclose(made.shares, [1 / 3] * 3)
    np.testing.assert_allclose(made.losses, row_losses(predict(made.model, lessons.validation[0]), lessons.y))
    assert (made.contributions() > 0).all()


def test_shrunk_has_one_members_size_and_beats_the_same_training_without_a_teacher(members, lessons):
    few = replace(lessons, train=(lessons.train[0][:40], lessons.train[1][:40]), settings=replace(lessons.settings, epochs=30))
    teacher = replace(joined("concatenation", members, lessons), name="joint")
    made = shrunk(teacher, members, few)
    assert (made.name, made.student) == ("joint, distilled", True)
    assert made.model.count_params() == members.models[0].count_params()
    assert made.losses.mean() < members.losses(lessons.y).mean(axis=1).min()
    assert "distilled into m/" in made.what


def test_shrunk_is_refused_where_more_epochs_alone_do_as_well(members, lessons, monkeypatch):
    from tasks.methods.fusion.making import distilling

    whole = distilling.distil_with_control
    monkeypatch.setattr(distilling, "distil_with_control", lambda *a, **more: replace(whole(*a, **more), kept="control"))
    with pytest.raises(NoFusion, match=r"mean teaches m/. nothing: validation loss"):
        shrunk(combined("mean", members, lessons), members, lessons)


def test_contest_takes_what_gains_within_the_budget_and_names_what_gains_beyond_it(members, lessons):
    made = [combined("log_pool", members, lessons), *merged("uniform_soup", members, lessons)]
    free = contest(members, made, lessons, Limits(), 0.0)
    assert free.taken is not None
    assert beyond_budget(free.choice, 0.0) is None
    small = contest(members, made[:1], lessons, Limits(size_bytes=1), 0.0)  # the fastest member may always be served
    assert small.taken is None
    assert members.labels[small.member] == small.choice.name
    assert beyond_budget(small.choice, 0.0) == "log_pool"
    assert beyond_budget(small.choice, 10.0) is None


def test_contest_leaves_out_what_has_no_form_for_serving(members, lessons, monkeypatch):
    from tasks.methods.fusion import contest as module

    whole = module.convert

    def picky(model, mode, rows):
        if model is made.model:
            raise ValueError("no operation")
        return whole(model, mode, rows)

    made = combined("mean", members, lessons)
    monkeypatch.setattr(module, "convert", picky)
    found = contest(members, [made], lessons, Limits(), 0.0)
    assert (found.taken, found.unservable) == (None, ("mean",))
