"""`bequest reproduce`: one edge of the family made once more, beside the registry, and compared."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from flows.cli import app
from flows.reproduce import reproduce
from model_registry import artifacts, lineage, stages, store, versions
from model_registry.errors import BequestError, InputError, IntegrityError
from model_registry.versions import Parent, Version
from tasks.convert import convert_model
from tasks.data.dataset import DataSet
from tasks.derive import DERIVED, KERAS_FILE
from tasks.likeness import likeness
from tasks.preprocess import prepare_data
from tasks.recipe.inherit import recipe_sha256
from tasks.recipe.schema import Recipe
from tasks.stage import Job
from tasks.transfer import from_scratch


@pytest.fixture(scope="module")
def source(shared_workspace: Path) -> Path:
    """A table of 240 rows, which a network of a few units tells apart."""
    values = np.random.default_rng(0).normal(size=(240, 3)).round(4)
    frame = pd.DataFrame(values, columns=["a", "b", "c"])
    path = shared_workspace.parent / "rows.csv"
    frame.assign(label=np.where(frame["a"] > 0, "high", "low")).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def family(source: Path) -> tuple[Version, Version]:
    """`trial/1` trained from scratch and `trial/2` converted from it, as the loop's stages make them."""
    recipe = Recipe.model_validate(
        {
            "name": "trial",
            "data": {"source": str(source), "target": "label"},
            "model": {"hidden": [6]},
            "transfer": {"stages": [{"unfreeze": "all", "epochs": 3, "learning_rate": 0.01}]},
            "compress": {"quantize": {"mode": "float32"}},
        }
    )
    experiment_id = store.experiment("trial").experiment_id
    job = Job(
        recipe=recipe,
        recipe_sha256=recipe_sha256(recipe),
        run_id=store.client().create_run(experiment_id).info.run_id,
        experiment_id=experiment_id,
        trigger={"kind": "manual"},
    )
    data = prepare_data(job, str(source.parent), None, {}, [], [])
    trained = from_scratch(job, "control-one", data)
    served = convert_model(job, "convert-one", trained, data)
    return versions.get("trial", trained.version), versions.get("trial", served.version)


@pytest.fixture
def bequest() -> Callable[..., Result]:
    return lambda *words: CliRunner().invoke(app, list(words), env={"COLUMNS": "300"})


@pytest.fixture
def twin(family: tuple[Version, Version], tmp_path: Path) -> Callable[..., Version]:
    """`twin(change, tags={...})`: the trained version registered once more, its weights and tags changed."""

    def made(change: Callable[[list[np.ndarray]], Any] | None = None, **tags: Any) -> Version:
        from tasks.methods.networks import store as networks

        first = family[0]
        folder = tmp_path / f"twin{len(list(tmp_path.iterdir()))}"
        shutil.copytree(artifacts.fetch(first), folder)
        if change is not None:
            model = networks.load(folder / KERAS_FILE)
            model.set_weights(change(model.get_weights()))
            networks.save(model, folder / KERAS_FILE)
        kept = {
            "operation": first.operation,
            "parents": [],
            "stage_key": first.stage_key,
            "recipe_sha256": first.recipe_sha256,
            "data_sha256": first.data_sha256,
            "data_uri": first.data_uri,
            "trigger": first.trigger,
            "facts": first.facts,
        }
        return versions.register("trial", folder, run_id=first.run_id, **kept | tags)

    return made


def test_every_edge_is_identical_and_nothing_is_registered_or_moved(family):
    before = {each.label: (each.sha256, each.aliases) for each in versions.search()}
    for version in family:
        found = reproduce(version, tolerance=0.0)
        assert (found.verdict, found.reasons, found.source) == ("identical", [], "same")
        assert found.likeness.weights_max_difference == 0
        assert found.likeness.metrics["validation_accuracy"].delta == 0
        kept = versions.get(version.name, version.version)
        assert [(each["verdict"], each["run_id"]) for each in kept.reproductions] == [("identical", found.run_id)]
        day = kept.reproductions[0]["at"][:10]
        assert lineage.summary(kept).endswith(f"reproduced {day}: identical")
        assert "reproduced" not in lineage.summary(kept, stages=False)  # a description stays
        run = store.client().get_run(found.run_id)
        assert (run.info.run_name, run.data.tags["bequest.reproduction"]) == (
            f"reproduce {version.label}: identical",
            "identical",
        )
        assert "reproduction.json" in {each.path for each in store.client().list_artifacts(found.run_id)}
    served = found.likeness
    assert served.flatbuffer_sha256[0] == served.flatbuffer_sha256[1] is not None
    assert served.flatbuffer_bytes.registered == family[1].facts["size_bytes"]
    assert {each.label: (each.sha256, each.aliases) for each in versions.search()} == before
    assert stages.champion("trial") is None
    assert not list((store.ensure().staging).glob("*"))


def test_weights_and_an_operation_that_are_others_are_told_and_the_command_ends_with_1(twin, bequest):
    other = twin(lambda weights: [-each for each in weights], operation="retrained")
    result = bequest("reproduce", other.label, "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["verdict"]) == (1, "differs")
    assert found["likeness"]["weights_max_difference"] > 0.1
    assert found["likeness"]["agreement"] < 1
    assert [each.split(":")[0] for each in found["reasons"]] == ["operation", "weights", "predictions"]
    shown = bequest("lineage", other.label).stdout
    assert "differs" in shown
    assert "differs" in bequest("card", other.label).stdout


def test_weights_that_are_a_rounding_off_are_equal_within_the_tolerance_and_no_further(family, twin):
    near = twin(lambda weights: [each + np.float32(1e-6) for each in weights])
    (artifacts.fetch(family[0]) / DERIVED).write_text(json.dumps({"operation": "trained", "facts": {}}))
    validation = DataSet.at(Path(near.data_uri)).split("validation")
    folders = artifacts.fetch(near), artifacts.fetch(family[0])
    found = likeness(near, *folders, validation, 1e-3)
    assert (found.verdict, found.agreement) == ("equal within tolerance", 1)
    assert 0 < found.max_difference < 1e-4
    assert likeness(near, *folders, validation, 0.0).verdict == "differs"


def test_source_that_changed_is_named_with_what_differs(family, source):
    kept = source.read_bytes()
    try:
        source.write_bytes(kept + b"9,9,9,high\n")
        found = reproduce(family[0], tolerance=1e-3)
    finally:
        source.write_bytes(kept)
    assert (found.verdict, found.source) == ("differs", "changed")
    assert found.likeness.verdict == "identical"  # the rows of then are kept
    assert any("rows_read: 240 then, 241 now" in each for each in found.reasons)


def test_source_that_is_gone_is_a_note_while_the_prepared_rows_stand(family, source):
    moved = source.rename(source.with_suffix(".away"))
    try:
        found = reproduce(family[0], tolerance=1e-3)
    finally:
        moved.rename(source)
    assert (found.verdict, found.source, found.reasons) == ("identical", "gone", [])
    assert any("expected a file or folder at" in each for each in found.notes)


def test_prepared_rows_that_are_gone_are_made_anew_and_missed_where_the_source_is_gone_too(family, source):
    folder = Path(family[0].data_uri)
    away = folder.rename(folder.with_suffix(".away"))
    try:
        assert reproduce(family[0], tolerance=0.0).verdict == "identical"
        moved = source.rename(source.with_suffix(".away"))
        try:
            with pytest.raises(IntegrityError, match=r"trial/1: the rows it learned from can't be had again.*Restore"):
                reproduce(family[0], tolerance=0.0)
        finally:
            moved.rename(source)
    finally:
        away.rename(folder)
    DataSet.at(folder)


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"operation": "inherited", "stage_key": "import-1"}, r"brought in from outside.*nothing to run again"),
        (
            {"stage_key": "handover-1", "trigger": {"received_from": "out.zip", "was": "digits/4"}},
            r"received from out\.zip.*`bequest reproduce digits/4` where it was made",
        ),
        ({"stage_key": "conjured-1"}, r"expected a version that a stage of `bequest run` made"),
        ({"recipe_sha256": "0" * 64}, r"expected its recipe, with sha256 0000.*Received: others"),
        ({"stage_key": "train-1"}, r"expected the parent that the step started from"),
        ({"stage_key": "fuse-1"}, r"expected the fact `members`"),
        (
            {"parents": [Parent(name="trial", version=999, sha256="0")]},
            r"its parent trial/999 \(weights\) was deleted",
        ),
    ],
)
def test_version_that_cannot_be_made_again_says_what_to_do(twin, tags, said):
    with pytest.raises(InputError, match=said):
        reproduce(twin(**tags), tolerance=1e-3)


def test_parent_that_is_another_is_named_with_both_hashes(family, twin):
    version = twin(parents=[Parent(name="trial", version=1, sha256="0" * 64)])
    with pytest.raises(BequestError, match=f"its parent trial/1 .*expected sha256 {'0' * 64}. Received: {family[0].sha256}"):
        reproduce(version, tolerance=1e-3)


def test_changed_file_of_the_version_is_told_before_anything_runs(twin):
    version = twin()
    (artifacts.fetch(version) / KERAS_FILE).write_bytes(b"x")
    with pytest.raises(IntegrityError, match=r"model\.keras was changed"):
        reproduce(version, tolerance=1e-3)


def test_recipe_of_a_pruned_ancestor_is_found_in_the_run_of_its_loop(family, twin):
    from tasks.made_with import made_with
    from tasks.recipe.inherit import dump
    from tasks.solution import Solution

    solution = Solution.read(artifacts.fetch(family[0]))
    target = Recipe.model_validate(solution.recipe | {"name": "target", "seed": 5})
    client, experiment_id = store.client(), store.experiment("trial").experiment_id
    loop = client.create_run(experiment_id).info.run_id
    client.log_text(loop, dump(target), "recipe.yaml")
    stage = client.create_run(experiment_id, tags={"mlflow.parentRunId": loop, "bequest.process": "far/7:1:0.5"}).info.run_id
    version = family[0].model_copy(update={"recipe_sha256": recipe_sha256(target), "run_id": stage})
    found = made_with(version, solution)
    assert (found.recipe.name, found.data_recipe.name, found.host) == ("target", "trial", "far")
