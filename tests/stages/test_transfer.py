"""Heirs by objective: what they record, which rows of the ancestor's they learn from, and when there is none."""

import shutil

import numpy as np
import pytest

from model_registry import versions
from model_registry.reference import DataRef
from tasks.data.dataset import DataSet
from tasks.source_rows import source_rows, stand
from tasks.transfer import _stages, make_heir

BRIEF = {"stages": [{"unfreeze": "all", "epochs": 1, "learning_rate": 0.01}]}


@pytest.fixture
def given(measured, prepared, registered, network_of):
    """An ancestor with its data set, and the target's: other rows, of which one column has another mean and spread."""
    recipe, own = prepared(measured(seed=0))
    target = measured(seed=1)
    _, data = prepared(target.assign(b=3 * target["b"] + 2))
    return recipe, registered(recipe, own, model=network_of(8, 4)), data


@pytest.fixture
def heir_by(given, job_of):
    """`heir_by(objective, strength=...)`: the job, and the version that was made."""
    recipe, ancestor, data = given

    def made(objective: str, **transfer):
        job = job_of(recipe, transfer=BRIEF | {"objectives": [objective]} | transfer)
        ref = make_heir(job, "-".join(["transfer", objective, *transfer]), ancestor.ref, data, objective)
        return job, None if ref is None else versions.get(ref.name, ref.version)

    return made


def test_heir_records_its_objective_its_strength_the_penalty_at_the_end_and_its_cost(heir_by, given):
    _, heir = heir_by("l2_sp", strength=0.5)
    assert heir.operation == "fine-tuned"
    assert [f"{parent.name}/{parent.version}" for parent in heir.parents] == [given[1].label]
    assert (heir.facts["objective"], heir.facts["strength"]) == ("l2_sp", 0.5)
    assert 0 < heir.facts["penalty"] < 10
    assert heir.facts["cpu_seconds"] > 0
    assert heir.facts["epochs"] == 1
    assert heir.facts["head_kept"]
    assert "recalibrated_layers" not in heir.facts


def test_heir_by_fine_tuning_has_neither_strength_nor_penalty(heir_by):
    _, heir = heir_by("fine_tuning")
    assert heir.facts["objective"] == "fine_tuning"
    assert not {"strength", "penalty"} & set(heir.facts)


def test_heir_by_an_objective_of_source_rows_learns_from_the_ancestors_training_rows_alone(heir_by, given, monkeypatch):
    seen = []
    from tasks.methods.transfer import run

    whole = run.transfer
    monkeypatch.setattr(
        run, "transfer", lambda name, start, source, **more: seen.append(source) or whole(name, start, source, **more)
    )
    _, heir = heir_by("mmd", strength={"mmd": 2.0})
    ancestor, data = given[1:]
    own = DataSet.open(DataRef(uri=ancestor.data_uri, sha256=ancestor.data_sha256)).split("train")
    assert (heir.facts["objective"], heir.facts["strength"]) == ("mmd", 2.0)
    assert len(seen[0].rows[0]) == len(own.x)
    columns = {each["name"]: each for each in DataSet.open(data).preprocessing["columns"]}
    for position, name in enumerate(("a", "b", "c")):
        expected = (own.raw[name].to_numpy() - columns[name]["offset"]) / columns[name]["scale"]  # as the target's rows are
        np.testing.assert_allclose(seen[0].rows[0][:, position], expected, atol=1e-4)
    np.testing.assert_array_equal(seen[0].rows[1], own.y)


def test_no_heir_is_made_where_the_ancestors_rows_are_needed_and_gone(heir_by, given, stage_tags):
    shutil.rmtree(given[1].data_uri)
    job, heir = heir_by("joint")
    assert heir is None
    told = stage_tags(job)["bequest.outcome"]
    assert told == f"{given[1].label} has no heir by joint: the data set it was made on is not here"


def test_heir_is_made_without_the_ancestors_rows_where_they_are_of_use_but_not_needed(heir_by, given, stage_tags):
    shutil.rmtree(given[1].data_uri)
    job, heir = heir_by("l2_sp_fisher")
    assert heir.facts["objective"] == "l2_sp_fisher"
    told = stage_tags(job)["bequest.outcome"]
    assert told == "l2_sp_fisher on the target's rows, the data set it was made on is not here"


def test_source_rows_are_none_where_the_ancestor_was_made_on_these_very_rows(given):
    ancestor = given[1]
    own = DataRef(uri=ancestor.data_uri, sha256=ancestor.data_sha256)
    assert source_rows(ancestor, own, DataSet.open(own)) == (None, "it was made on these very rows")


def test_source_rows_are_none_where_they_were_changed_since(given):
    ancestor, data = given[1:]
    rows = f"{ancestor.data_uri}/rows.parquet"
    with open(rows, "ab") as file:
        file.write(b"more")
    assert stand(ancestor)
    found, why = source_rows(ancestor, data, DataSet.open(data))
    assert found is None
    assert why.startswith("its rows can't be used: ")
    assert "rows.parquet" in why


def test_source_rows_are_none_where_no_column_is_the_same(measured, prepared, registered):
    recipe, own = prepared(measured().rename(columns={"a": "x", "b": "y", "c": "z"}))
    _, data = prepared(measured(seed=1))
    found, why = source_rows(registered(recipe, own), data, DataSet.open(data))
    assert found is None
    assert "at least one of them of ['a', 'b', 'c']" in why


def test_statistics_are_measured_anew_where_the_recipe_asks(heir_by):
    heir, other = heir_by("linear_probing", recalibrate=True)[1], heir_by("linear_probing")[1]  # nothing else changes them
    assert heir.facts["recalibrated_layers"] == 1
    assert heir.facts["validation_log_loss"] != other.facts["validation_log_loss"]


def test_stages_carry_their_decay(given, job_of):
    stages = [{"unfreeze": "head", "epochs": 2}, {"unfreeze": 2, "decay": 0.5, "learning_rate": 0.01}]
    found = _stages(job_of(given[0], transfer={"stages": stages, "batch_size": 8, "patience": 3}))
    assert [(each.trainable, each.epochs, each.decay) for each in found] == [("head", 2, 1.0), (2, 10, 0.5)]
    assert {(each.batch_size, each.patience) for each in found} == {(8, 3)}
