"""Heirs to one version: who its parents are, what it records, and when the best heir goes on alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from model_registry import versions
from model_registry.errors import BequestError
from tasks.fuse import fuse_heirs
from tasks.tracking import artifacts_of


def knows(column: int, scale: float = 3.0, hidden: int = 4):
    """A network that tells positive from negative numbers of one column."""
    from tasks.methods.backend import keras

    inputs = keras.Input((3,))
    features = keras.layers.Dense(hidden, activation="relu", name="features")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax", name="head")(features))
    kernel, top = np.zeros((3, hidden)), np.zeros((hidden, 2))
    kernel[column, :2], top[0], top[1] = (1, -1), (scale, -scale), (-scale, scale)
    model.set_weights([kernel, np.zeros(hidden), top, np.zeros(2)])
    return model


@pytest.fixture
def target(prepared):
    """A table whose label rests on three columns."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(900, 3)).round(4), columns=["a", "b", "c"])
    noise = rng.normal(scale=0.3, size=900)
    return prepared(frame.assign(label=np.where(frame.sum(axis=1) + noise < 0, "low", "high")))


@pytest.fixture
def heirs(target, registered):
    """Three that know a column each, heirs of one ancestor that knows nothing."""
    ancestor = registered(*target, model=knows(0, scale=0.0))
    return ancestor, [registered(*target, parents=(ancestor,), model=knows(column)) for column in range(3)]


def fused(job, key, heirs, data):
    ref = fuse_heirs(job, key, [heir.ref for heir in heirs], data)
    return versions.get(ref.name, ref.version)


def test_fused_version_has_all_members_as_parents_with_their_weights_and_contributions(heirs, target, job_of, stage_tags):
    recipe, data = target
    job = job_of(recipe, fuse={"method": "log_pool"})
    made = fused(job, "fuse-1", heirs[1], data)
    assert made.operation == "fused"
    assert {f"{each.name}/{each.version}" for each in made.parents} == {heir.label for heir in heirs[1]}
    assert made.facts["method"] == "log_pool"
    assert made.facts["gain_log_loss"] > made.facts["gain_log_loss_low"] > 0
    assert [each["version"] for each in made.facts["members"]] == [heir.label for heir in heirs[1]]
    assert all(each["contribution"] > 0 and each["weight"] > 0 for each in made.facts["members"])
    assert "more than chance" in stage_tags(job)["bequest.outcome"]
    again = fuse_heirs(job, "fuse-1", [heir.ref for heir in heirs[1]], data)
    assert again.version == made.version


def test_auto_tries_ways_of_several_kinds_and_leaves_a_table_and_a_picture(heirs, target, job_of):
    from model_registry import store

    recipe, data = target
    job = job_of(recipe, fuse={"method": "auto", "epochs": 2})
    made = fused(job, "fuse-2", heirs[1], data)
    assert made.operation == "fused"
    runs = store.client().search_runs([job.experiment_id], f"tags.`mlflow.parentRunId` = '{job.run_id}'")
    files = {file.path for file in store.client().list_artifacts(runs[0].info.run_id)}
    assert {"fusion.json", "fusion.png", "members.json"} <= files
    names = {each["name"] for each in pd.read_json(f"{artifacts_of(runs[0].info.run_id)}/fusion.json").to_dict("records")}
    assert {heirs[1][0].label, "weighted_average", "ties", "concatenation"} <= names


def test_budget_of_one_member_takes_a_merge_where_an_ensemble_would_gain_more(heirs, target, job_of):
    recipe, data = target
    budget = {"size_bytes": 4000}
    job = job_of(recipe, fuse={"method": ["log_pool", "uniform_soup"], "budget": budget, "distil": False})
    made = fused(job, "fuse-3", heirs[1], data)
    assert made.facts["method"] == "uniform_soup"
    assert made.facts["parameters"] == versions.get(heirs[1][0].name, heirs[1][0].version).facts.get("parameters", 26)


def test_ensemble_beyond_the_budget_is_distilled_into_the_best_heir(heirs, target, job_of, monkeypatch):
    from tasks.methods.fusion.making import distilling

    whole = distilling.distil_with_control  # who of the two wins is tested elsewhere
    monkeypatch.setattr(distilling, "distil_with_control", lambda *a, **more: replace(whole(*a, **more), kept="distilled"))
    recipe, data = target
    how = {"method": "log_pool", "budget": {"size_bytes": 3500}, "epochs": 30}
    job = job_of(recipe, fuse=how, train={"learning_rate": 0.01})
    made = fused(job, "fuse-4", heirs[1], data)
    assert made.operation == "distilled"
    assert sorted(parent.role for parent in made.parents) == ["teacher", "teacher", "weights"]
    assert made.facts["method"] == "log_pool, distilled"


def test_heirs_that_share_no_ancestor_are_not_averaged_and_the_run_says_why(target, registered, job_of, stage_tags):
    recipe, data = target
    strangers = [registered(recipe, data, parents=(registered(recipe, data, model=knows(n)),), model=knows(n)) for n in (0, 1)]
    job = job_of(recipe, fuse={"method": "uniform_soup"})
    made = fused(job, "fuse-5", strangers, data)
    assert made.facts["method"] == "weighted_average"
    said = stage_tags(job)["bequest.outcome"]
    assert "there is no network that all members started from" in said
    assert "an ensemble by weighted_average is made instead" in said


def test_best_heir_goes_on_alone_where_the_others_know_no_more(target, registered, job_of, stage_tags):
    recipe, data = target
    alike = [registered(recipe, data, model=knows(0)) for _ in range(2)]
    job = job_of(recipe, fuse={"method": "mean", "min_gain": 0})
    assert fused(job, "fuse-6", alike, data).label in {heir.label for heir in alike}
    assert "goes on alone: mean, the best of 1 fused models" in stage_tags(job)["bequest.outcome"]


def test_heir_that_gives_nan_is_left_out_and_named(heirs, target, registered, job_of, stage_tags):
    recipe, data = target
    broken = registered(recipe, data, model=knows(0, scale=3e38))  # finite, but what it says is not
    job = job_of(recipe, fuse={"method": "log_pool"})
    made = fused(job, "fuse-7", [*heirs[1], broken], data)
    assert f"{broken.label} is left out: it gives NaN on validation" in stage_tags(job)["bequest.outcome"]
    assert broken.label not in {f"{each.name}/{each.version}" for each in made.parents}
    with pytest.raises(BequestError, match=f"NaN or infinity from {broken.label}, {broken.label}"):
        fuse_heirs(job, "fuse-8", [broken.ref, broken.ref], data)


def test_grown_ensemble_has_the_ancestor_as_parent_not_the_heirs(heirs, target, job_of):
    recipe, data = target
    ancestor, found = heirs
    job = job_of(recipe, fuse={"method": "bagging", "members": 2, "epochs": 12}, train={"learning_rate": 0.02})
    made = fused(job, "fuse-9", found[:1], data)
    assert [f"{each.name}/{each.version}" for each in made.parents] == [ancestor.label]
    assert made.operation == "fused"
