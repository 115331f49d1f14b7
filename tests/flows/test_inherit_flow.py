from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.datasets import load_breast_cancer

from flows import feedback as flows_feedback
from flows.feedback import feedback
from flows.inherit import inherit
from flows.outcome import Outcome
from flows.plan import plan
from model_registry import artifacts, gates, stages, store, versions
from model_registry.errors import InputError
from model_registry.reference import DataRef
from model_registry.versions import Version
from tasks.data.dataset import DataSet
from tasks.feedback_history import seen
from tasks.solution import Solution

SMALL: dict[str, Any] = {
    "data": {"source": "bundled:breast_cancer", "rows": {"start": 0.4, "end": 0.85}},
    "model": {"hidden": [16]},
    "compress": {"prune": None, "quantize": {"max_drop": 0.2}},
    "transfer": {"stages": [{"unfreeze": "head", "epochs": 2}, {"unfreeze": "all", "epochs": 3, "learning_rate": 0.01}]},
    "train": {"epochs": 3, "search": {"trials": 0}},
    "evaluate": {"gate": {"floors": {"accuracy": 0.6}}},
    "deploy": {"to": "production", "max_disagreement": 0.2},
}


def write_recipe(folder: Path, name: str, **changes: Any) -> Path:
    """A small recipe that trains in a second or two."""
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(SMALL | {"name": name} | changes))
    return path


def run(recipe: Path, **arguments: Any) -> Outcome:
    return inherit(str(recipe), **arguments)


def of(name: str) -> list[Version]:
    return versions.search(f"name = '{name}'")


@pytest.fixture(scope="module")
def family(flows: Path) -> Outcome:
    """A project whose ancestor was made first, by the recipe under `inherit.prepare`."""
    write_recipe(flows, "pilot", data={"source": "bundled:breast_cancer", "rows": {"start": 0.0, "end": 0.4}})
    return run(
        write_recipe(
            flows,
            "cancer",
            inherit={"ancestors": ["models:/pilot@production"], "prepare": ["pilot.yaml"]},
            compress={"prune": {"epochs": 4, "max_drop": 0.2}, "quantize": {"max_drop": 0.2}},
            train={"epochs": 3, "search": {"trials": 2}},
        )
    )


def batch(path: Path, *, factor: float = 1.0, labels: bool = True) -> Path:
    """Rows that no recipe here uses, their measurements multiplied."""
    frame = load_breast_cancer(as_frame=True).frame
    rows = np.random.default_rng(0).permutation(len(frame))[round(0.85 * len(frame)) :]
    taken = frame.iloc[rows].assign(target=lambda each: np.where(each["target"] == 0, "malignant", "benign"))
    measured = taken.columns.drop("target")
    taken[measured] = taken[measured] * factor
    taken.drop(columns=[] if labels else ["target"]).to_csv(path, index=False)
    return path


def test_loop_inherits_derives_judges_and_deploys(family: Outcome):
    assert family.gate == "passed"
    assert family.production == family.version
    assert family.considered == ["pilot/3"]
    assert family.inherited == [label for label in family.considered if label in family.tree]
    assert "evaluate.bootstrap_samples" in family.inherited_keys
    assert "train.epochs" not in family.inherited_keys  # stated by the recipe itself
    assert all(version.ready for version in versions.search())
    logged = {file.path for file in store.client().list_artifacts(family.run_id)}
    assert {"lineage.txt", "lineage.svg", "lineage.html"} <= logged
    version = versions.resolve(family.version)
    text = store.client().get_model_version(version.name, str(version.version)).description
    assert all(f"{each.name}/{each.version}  " in text for each in version.parents)
    assert "Gate: **passed**" in text
    served = versions.resolve("cancer@production")
    assert (served.operation, served.stage, served.gate) == ("quantized", "Production", "passed")
    pruned = next(version for version in of("cancer") if version.operation == "pruned")
    assert [f"{parent.name}/{parent.version}" for parent in pruned.parents] == ["pilot/3"]
    assert 0.45 < pruned.facts["sparsity"] < 0.55
    folder = artifacts.fetch(served)
    assert {"model.keras", "bundle", "reference", "solution", "MLmodel"} <= {path.name for path in folder.iterdir()}
    verdict = gates.read(served)
    assert verdict is not None
    assert verdict.metrics["accuracy"] == family.verdict.metrics["accuracy"]


def test_five_lines_reproduce_the_whole_recipe_of_an_ancestor_on_new_rows(family: Outcome, flows: Path):
    batch(flows / "east.csv")
    few = flows / "east.yaml"
    few.write_text("name: east\ninherit: models:/cancer@production\ndata:\n  source: east.csv\n  target: target\n")
    ancestor = Solution.read(artifacts.fetch(versions.resolve("cancer@production"))).recipe
    own = {"name", "description", "inherit", "data", "deploy"}  # how far it may go is each project's own decision

    merged = plan(few, prepare=pytest.fail).recipe.model_dump(mode="json")
    assert {key: value for key, value in merged.items() if key not in own} == {
        key: value for key, value in ancestor.items() if key not in own
    }

    alone = {"inherit": [], "name": "east", "data": {"source": "east.csv", "target": "target"}}
    few.write_text(yaml.safe_dump(alone))
    assert plan(few, prepare=pytest.fail).recipe.train.epochs != merged["train"]["epochs"]
    whole = flows / "whole.yaml"
    whole.write_text(yaml.safe_dump(merged | alone))
    assert plan(whole, prepare=pytest.fail).recipe.model_dump(mode="json") == merged | {
        "inherit": plan(whole, prepare=pytest.fail).recipe.inherit.model_dump(mode="json")
    }
    assert len(whole.read_text().splitlines()) > 20 * 5


def test_loop_never_tests_on_rows_an_ancestor_was_trained_on(family: Outcome, flows: Path):
    overlapping = write_recipe(
        flows,
        "overlapping",
        inherit=["models:/pilot@production"],
        data={"source": "bundled:breast_cancer", "rows": {"start": 0.2, "end": 0.7}},
    )
    run(overlapping)
    pilot, heir = (DataSet.open(data_of(f"{name}@production")) for name in ("pilot", "overlapping"))
    trained = set(pilot.split("train").row_hash.tolist())
    for split in ("validation", "test"):
        assert not trained & set(heir.split(split).row_hash.tolist())
    assert trained & set(heir.split("train").row_hash.tolist())


def data_of(address: str) -> DataRef:
    version = versions.resolve(address)
    return DataRef(uri=version.data_uri, sha256=version.data_sha256)


def test_loop_skips_every_stage_when_nothing_changed(family: Outcome, flows: Path):
    before = len(versions.search())
    again = run(flows / "cancer.yaml")
    assert again.unchanged
    assert again.version == family.version
    assert len(versions.search()) == before


def test_loop_nests_a_run_for_each_stage_with_pictures_and_inputs(family: Outcome):
    client = store.client()
    runs = client.search_runs([store.experiment("cancer").experiment_id], f"tags.`mlflow.parentRunId` = '{family.run_id}'")
    stages_run = {found.data.tags["bequest.stage"] for found in runs}
    assert stages_run == {"preprocess", "compress", "transfer", "fuse", "train", "convert", "evaluate", "deploy"}
    assert {found.info.status for found in runs} == {"FINISHED"}
    judged = next(client.get_run(found.info.run_id) for found in runs if found.data.tags["bequest.stage"] == "evaluate")
    logged = {file.path for file in client.list_artifacts(judged.info.run_id)}
    assert {"confusion_matrix.png", "reliability.png", "verdict.json"} <= logged
    assert judged.inputs.dataset_inputs
    assert judged.inputs.model_inputs


def test_version_is_an_mlflow_pyfunc_that_takes_raw_rows(family: Outcome, flows: Path):
    import mlflow

    loaded = mlflow.pyfunc.load_model("models:/cancer@production")
    rows = pd.read_csv(batch(flows / "pyfunc.csv", labels=False))
    answers = loaded.predict(rows)
    assert len(answers) == len(rows)
    assert set(answers[0]["probabilities"]) == {"malignant", "benign"}


def test_loop_judges_a_new_version_when_only_the_gate_changed_and_leaves_what_was_rolled_back(flows: Path):
    first = run(write_recipe(flows, "judged"))
    second = run(write_recipe(flows, "judged", evaluate={"gate": {"floors": {"accuracy": 0.65}}}))
    assert second.done == ["convert", "evaluate", "deploy"]
    assert second.verdict.champion == first.version
    assert second.production == second.version
    again = run(flows / "judged.yaml", refresh="evaluate")
    assert (again.done, again.version) == (["evaluate", "deploy"], second.version)

    stages.rollback("judged", reason="a hunch")
    nightly = run(flows / "judged.yaml")
    assert nightly.production == first.version
    assert nightly.deployment.stage == "Archived"
    assert "stood in production before and was taken out" in nightly.notes[-1]


def test_loop_compares_with_the_champion_only_on_rows_it_has_not_learned_from(flows: Path):
    first = run(write_recipe(flows, "reseeded"))
    second = run(write_recipe(flows, "reseeded", seed=1, evaluate={"gate": {"champion": {"margin": 0.5}}}))
    assert second.verdict.champion == first.version
    assert 0 < second.verdict.champion_rows < second.verdict.rows
    assert "left out of the comparison" in " ".join(second.notes)


def test_loop_refuses_when_the_champion_cannot_predict_the_rows_unless_told_to_judge_without_it(flows: Path):
    run(write_recipe(flows, "narrower"))
    narrower = SMALL["data"] | {"drop": ["mean area"]}
    refused = run(write_recipe(flows, "narrower", data=narrower))
    assert refused.gate == "refused"
    assert "mean area" in " ".join(refused.notes)
    passed = run(write_recipe(flows, "narrower", data=narrower, evaluate={"gate": {"champion": None}}))
    assert passed.gate == "passed"


def test_loop_leaves_production_alone_when_the_gate_refuses(flows: Path):
    first = run(write_recipe(flows, "refused"))
    second = run(write_recipe(flows, "refused", seed=1, evaluate={"gate": {"floors": {"accuracy": 1.1}}}))
    assert second.gate == "refused"
    assert second.deployment.stage == "None"
    assert versions.resolve("refused@production").label == first.version
    assert versions.resolve(second.version).gate == "refused"


def test_loop_makes_a_version_again_when_its_files_were_changed(flows: Path):
    outcome = run(write_recipe(flows, "damaged", deploy={"to": "none", "max_disagreement": 0.2}))
    trained = versions.resolve(outcome.version).parents[0]
    folder = artifacts.fetch(versions.get(trained.name, trained.version))
    (folder / "model.keras").write_bytes(b"damaged")
    again = run(flows / "damaged.yaml")
    assert "train" in again.done
    assert "preprocess" in again.reused


@pytest.mark.parametrize("method", ["linear_probe", pytest.param("knn", marks=pytest.mark.slow)])
def test_loop_lets_the_registry_choose_when_ancestors_are_auto(family: Outcome, flows: Path, method: str):
    name = f"auto-{method}"
    recipe = write_recipe(
        flows,
        name,
        data={"source": "bundled:breast_cancer", "rows": {"start": 0.0, "end": 0.6}},
        inherit={"ancestors": "auto", "selector": method, "max_ancestors": 1},
    )
    outcome = run(recipe)
    assert len(outcome.considered) == 1
    assert outcome.considered[0] in {version.label for version in versions.search() if version.name != name}
    chosen, heir = (DataSet.open(data_of(each)) for each in (outcome.considered[0], outcome.version))
    learned = set(chosen.split("train").row_hash.tolist())
    assert not learned & set(heir.split("test").row_hash.tolist())
    assert run(recipe).unchanged


def test_loop_registers_nothing_when_the_data_is_wrong(flows: Path):
    pd.DataFrame({"a": [1.0, 2.0, 3.0], "label": ["x", "x", "x"]}).to_csv(flows / "one.csv", index=False)
    with pytest.raises(InputError, match="expected at least two classes"):
        run(write_recipe(flows, "wrong", data={"source": "one.csv", "target": "label"}))
    assert of("wrong") == []


def test_loop_names_the_ancestor_when_it_does_not_stand(flows: Path):
    with pytest.raises(InputError, match="no such model in the registry"):
        run(write_recipe(flows, "orphan", inherit={"ancestors": ["models:/nobody@production"]}))


def test_feedback_retrains_with_production_as_parent_once_for_each_batch(flows: Path, monkeypatch: pytest.MonkeyPatch):
    noted: list[bool] = []
    monkeypatch.setattr(flows_feedback, "_asked_by_event", lambda _: noted.append(seen("watched")[-1].past.retrained))
    first = run(write_recipe(flows, "watched"))
    calm = feedback("watched", str(batch(flows / "calm.csv")))
    assert calm.action == "reported, and kept for the next retraining"
    drifted = batch(flows / "drifted.csv", factor=0.5)
    watched = feedback("watched", str(drifted))
    assert watched.report.drifted
    assert watched.action == "retrained"
    assert noted == [True]  # before anyone is asked
    assert Path(watched.report.page).is_file()
    retrained = next(version for version in of("watched") if version.operation == "retrained")
    assert retrained.parents[0].role == "solution"
    assert f"{retrained.parents[0].name}/{retrained.parents[0].version}" == first.version
    assert retrained.trigger["kind"] in ("drift", "degradation")
    learned = Solution.read(artifacts.fetch(retrained)).recipe["data"]["append"]
    assert [len(pd.read_parquet(each)) for each in learned] == [
        len(pd.read_csv(flows / f"{x}.csv")) for x in ("calm", "drifted")
    ]

    count = len(of("watched"))
    again = feedback("watched", str(drifted))
    assert "answered before" in again.action or again.report.decision != "retrain"
    assert len(of("watched")) == count


def test_feedback_asks_for_labels_when_an_unlabelled_batch_drifted(family: Outcome, flows: Path):
    watched = feedback("cancer", str(batch(flows / "unlabelled.csv", factor=0.5, labels=False)))
    assert watched.report.decision == "label"
    assert watched.outcome is None


def test_feedback_reports_alone_when_the_batch_is_like_the_reference(family: Outcome, flows: Path):
    watched = feedback("cancer", str(batch(flows / "same.csv")))
    assert not watched.report.drifted, watched.report
    assert watched.action == "reported, and kept for the next retraining", watched.report


def test_feedback_says_so_when_nothing_stands_in_production(flows: Path):
    run(write_recipe(flows, "staged", deploy={"to": "staging", "max_disagreement": 0.2}))
    with pytest.raises(InputError, match="nothing stands there"):
        feedback("staged", str(batch(flows / "staged.csv")))
