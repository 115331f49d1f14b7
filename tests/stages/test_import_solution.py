"""Recipes and runs of other projects as solutions without weights."""

from pathlib import Path

import pytest

from model_registry import artifacts, store, versions
from model_registry.errors import InputError
from tasks.bring_in import bring_in_recipe, bring_in_run
from tasks.derive import KERAS_FILE
from tasks.inference_only import is_solution_only, require_network
from tasks.solution import Solution


def solution(version) -> Solution:
    return Solution.read(artifacts.fetch(version))


def run_with(**params: str) -> str:
    client = store.client()
    run = client.create_run(store.experiment("other").experiment_id, run_name="their best")
    for key, value in params.items():
        client.log_param(run.info.run_id, key.replace("__", "."), value)
    client.log_metric(run.info.run_id, "val_accuracy", 0.9)
    client.log_metric(run.info.run_id, "loss", float("nan"))
    return run.info.run_id


def test_a_part_of_a_recipe_is_brought_in_under_its_new_name(workspace: Path, tmp_path: Path):
    (tmp_path / "rows.csv").write_text("a,label\n1,x\n")
    (tmp_path / "r.yaml").write_text(
        "name: theirs\ndescription: x\ninherit: [models:/gone@production]\ndata: {source: rows.csv, target: label}\n"
        "train: {epochs: 7}\ndeploy: {to: production}\n"
    )

    version, notes = bring_in_recipe(tmp_path / "r.yaml", "way", source="a colleague", licence="MIT")

    assert notes == ()
    assert solution(version).recipe == {
        "name": "way",
        "data": {"source": str(tmp_path / "rows.csv"), "target": "label"},  # absolute: heirs stand in other folders
        "train": {"epochs": 7},
    }
    assert version.operation == "inherited"
    assert version.facts["hands_down"] == ["name", "data.source", "data.target", "train.epochs"]
    assert version.facts["source"] == "a colleague"
    assert is_solution_only(version)
    assert not (artifacts.fetch(version) / KERAS_FILE).exists()
    again, _ = bring_in_recipe(tmp_path / "r.yaml", "way")
    assert again.label == version.label


def test_what_is_wrong_with_a_recipe_is_told_at_once_and_nothing_is_registered(workspace: Path, tmp_path: Path):
    (tmp_path / "r.yaml").write_text("tranfer: {}\ntrain:\n  epochs: many\n")
    (tmp_path / "empty.yaml").touch()
    (tmp_path / "list.yaml").write_text("- a\n")

    with pytest.raises(InputError) as error:
        bring_in_recipe(tmp_path / "r.yaml", "way")
    assert "r.yaml:1: tranfer: expected one of the keys" in str(error.value)
    assert "r.yaml:3: train.epochs: expected" in str(error.value)
    for name, why in (("empty.yaml", "an empty file"), ("list.yaml", "no keys"), ("absent.yaml", "No such file")):
        with pytest.raises(InputError, match=why):
            bring_in_recipe(tmp_path / name, "way")
    with pytest.raises(InputError, match="--name: expected lower case letters"):
        bring_in_recipe(tmp_path / "r.yaml", "A Way")
    assert versions.names() == []


def test_a_runs_parameters_are_keys_of_a_recipe_or_facts(workspace: Path):
    run_id = run_with(
        train__learning_rate="0.002",
        train__epochs="12",
        model__hidden="[8, 4]",
        transfer__control="false",
        train__optimizer="rmsprop",
        train__momentum="0.9",
        deploy__to="production",
        lr="0.1",
    )

    version, notes = bring_in_run(run_id, "way")

    assert solution(version).recipe == {
        "name": "way",
        "train": {"learning_rate": 0.002, "epochs": 12},
        "model": {"hidden": [8, 4]},
        "transfer": {"control": False},
    }
    assert version.facts["param.lr"] == "0.1"
    assert version.facts["param.train.momentum"] == "0.9"
    assert version.facts["param.train.optimizer"] == "rmsprop"
    assert version.facts["param.deploy.to"] == "production"  # how far versions may be moved is never handed down
    assert version.facts["metric.val_accuracy"] == 0.9
    assert "metric.loss" not in version.facts
    assert version.facts["source"] == f"runs:/{run_id}"
    assert len(notes) == 1
    assert notes[0].startswith("train.optimizer: expected one of ['adam', 'sgd']. Received: 'rmsprop'")


def test_runs_without_such_parameters_and_unknown_ones_are_refused(workspace: Path):
    with pytest.raises(InputError, match=r"expected parameters named as a recipe's keys.*Received: \['lr'\]"):
        bring_in_run(run_with(lr="0.1"), "way")
    with pytest.raises(InputError, match="--run 0123: no such run in this store"):
        bring_in_run("0123", "way")
    assert versions.names() == []


def test_a_solution_alone_is_no_network(workspace: Path, tmp_path: Path):
    (tmp_path / "r.yaml").write_text("train: {epochs: 7}\n")
    version, _ = bring_in_recipe(tmp_path / "r.yaml", "way")

    with pytest.raises(InputError, match=r"train\.distil\.teachers: way/1 is a solution alone.* Leave it out"):
        require_network(version, named_in="train.distil.teachers")
