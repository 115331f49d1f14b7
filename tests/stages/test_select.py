"""Candidates are ranked on the target's rows, raced against a network from scratch, and left out with their reasons."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_registry import artifacts, gates, store, versions
from model_registry.gates import Verdict
from tasks.ranking_contracts import held_to_contracts
from tasks.select import rank

STAGES = {"stages": [{"unfreeze": "all", "epochs": 2, "learning_rate": 0.01}]}
RACE = {"contestants": 3, "epochs": 2}


def copied(model: Any, change: Any) -> Any:
    """A copy of a network, each of its weights changed."""
    from tasks.methods.backend import keras

    other = keras.models.clone_model(model)
    other.set_weights([change(weight) for weight in model.get_weights()])
    return other


@pytest.fixture
def knowing(network_of) -> Any:
    """Tells the classes of `measured` rows apart."""
    return network_of(16, 8)


@pytest.fixture
def dead(knowing) -> Any:
    """The same without a weight or bias: every row comes out alike, and no gradient finds a way back."""
    return copied(knowing, np.zeros_like)


@pytest.fixture
def guessing(knowing) -> Any:
    """The same with weights out of a hat, in another form of the first layer's."""
    rng = np.random.default_rng(7)
    return copied(knowing, lambda weight: rng.permutation(weight.ravel()).reshape(weight.shape).astype(np.float32))


@pytest.fixture
def target(measured, prepared):
    """A recipe over rows that no ancestor has seen, and its data set."""
    return prepared(measured(400, seed=5))


@pytest.fixture
def ranked(job_of, target):
    """`ranked(versions, **inherit)`: the ranking of versions on the target, and the job."""

    def run(versions: list[Any], **inherit: Any):
        recipe, data = target
        settings = {"ancestors": "auto", "race": RACE} | inherit
        job = job_of(recipe, inherit=settings, transfer=STAGES, model={"hidden": [16, 8], "dropout": 0.0})
        return rank(job, "select-1", [version.ref for version in versions], data), job

    return run


@pytest.fixture
def earlier(measured, prepared, registered):
    """`earlier(model, frame)`: a version made on rows of its own."""

    def made(model: Any, frame: Any = None, **more: Any):
        recipe, data = prepared(measured() if frame is None else frame)
        return registered(recipe, data, model=model, **more)

    return made


def test_the_ancestor_that_knows_the_rows_is_chosen_with_its_reason_and_beats_the_control(
    ranked, earlier, knowing, guessing, stage_tags
):
    none, best = earlier(guessing), earlier(knowing)
    ranking, job = ranked([none, best], max_ancestors=1)

    assert [entry.version for entry in ranking.entries] == [best.label, none.label]
    assert ranking.chosen == [best.ref]
    first, second = ranking.entries
    assert (first.rank, first.chosen, second.rank, second.chosen) == (1, True, 2, False)
    assert first.scores["all_layers"] > second.scores["all_layers"]
    assert first.race.lead > 2 * first.race.error
    assert not first.race.beaten
    assert first.reason.startswith("1st of 2 by all_layers (")
    assert "; it loses 0." in first.reason
    assert first.reason.endswith(" less untrained than a network from scratch after 2 epochs")
    assert (first.race.epochs, first.race.control_epochs, ranking.control.epochs) == (0, 2, 2)
    assert ranking.reasons == {best.label: first.reason}
    assert ranking.control.loss > first.race.loss
    assert ranking.verdict == f"chosen: {best.uri}, of 2 that can be used on these rows" + (
        f"; a network from scratch is ahead of {none.label}" if second.race.beaten else ""
    )
    tags = stage_tags(job)
    assert tags["bequest.outcome"] == ranking.verdict
    assert tags["bequest.chosen"] == best.label
    run = store.client().get_run(ranking.run_id)
    files = {file.path for file in store.client().list_artifacts(ranking.run_id)}
    assert files == {"ranking.json", "ranking.md", "ranking.png", "race.json"}
    assert [each.model_id for each in run.inputs.model_inputs] == [best.model_id]
    kept = json.loads((Path(run.info.artifact_uri.removeprefix("file://")) / "ranking.json").read_text())
    assert kept == json.loads(ranking.model_dump_json())


def test_an_ancestor_races_from_the_best_head_on_what_it_knows_whatever_a_short_training_does_to_it(
    earlier, knowing, measured, target, job_of
):
    recipe, data = target
    others = earlier(knowing, measured().replace({"high": "up", "low": "down"}))  # other classes: it needs a new head
    stages = [{"unfreeze": "head", "epochs": 1}, {"unfreeze": "all", "epochs": 1, "learning_rate": 20.0}]
    job = job_of(recipe, inherit={"ancestors": "auto", "race": RACE}, transfer={"stages": stages}, model={"hidden": [16, 8]})
    ranking = rank(job, "select-1", [others.ref], data)
    assert ranking.chosen == [others.ref]
    assert ranking.entries[0].race.loss < 0.3


def test_nobody_is_chosen_when_the_control_is_ahead_of_the_best(ranked, earlier, dead, stage_tags):
    ranking, job = ranked([earlier(dead), earlier(dead)])

    assert ranking.chosen == []
    assert all(entry.race.beaten and not entry.chosen for entry in ranking.entries)
    assert "a network from scratch loses" in ranking.entries[0].reason
    assert ranking.entries[0].reason.endswith("what it has learned is in the way")
    assert "starting fresh: no ancestor helps" in ranking.verdict
    assert ranking.verdict.endswith("the best of 2 (negative transfer)")
    assert stage_tags(job)["bequest.chosen"] == "none"


def test_whoever_the_control_is_ahead_of_is_left_behind_alone(ranked, earlier, knowing, dead):
    best, worst = earlier(knowing), earlier(dead)
    ranking, _ = ranked([worst, best], max_ancestors=2)
    assert ranking.chosen == [best.ref]
    assert ranking.verdict.endswith(f"a network from scratch is ahead of {worst.label}")


def test_without_a_race_the_order_of_scores_holds(ranked, earlier, dead, guessing):
    versions = [earlier(dead), earlier(guessing)]
    ranking, _ = ranked(versions, race=None, max_ancestors=2)
    assert ranking.chosen == [versions[1].ref, versions[0].ref]
    assert (ranking.control, ranking.entries[0].race) == (None, None)
    assert ranking.entries[0].reason == f"1st of 2 by all_layers ({ranking.entries[0].scores['all_layers']:.3g})"
    alone, _ = ranked(versions, race=None, max_ancestors=1)
    assert alone.entries[1].reason.endswith("; others come first")


def test_several_selectors_rank_by_their_mean_and_one_that_cannot_judge_ranks_last(ranked, earlier, knowing, guessing):
    from tasks.methods.backend import keras

    features = keras.Model(knowing.inputs, knowing.get_layer("second").output)
    versions = [earlier(guessing), earlier(features), earlier(knowing)]
    ranking, _ = ranked(versions, selector=["leep", "knn"], race=None)
    by_label = {entry.version: entry for entry in ranking.entries}
    assert ranking.selectors == ["leep", "knn"]
    assert by_label[versions[1].label].scores["leep"] is None
    assert by_label[versions[1].label].scores["knn"] == by_label[versions[2].label].scores["knn"]
    assert by_label[versions[2].label].mean_rank == (1 + 1.5) / 2
    assert by_label[versions[1].label].mean_rank == (3 + 1.5) / 2
    assert ranking.entries[0].reason.startswith("1st of 3 by mean rank over leep, knn (1.25)")


@pytest.mark.parametrize("method", ["linear_probe", "logme", "nce", "mmd"])
def test_every_kind_of_evidence_reaches_its_selector(ranked, earlier, knowing, guessing, method):
    ranking, _ = ranked([earlier(guessing), earlier(knowing)], selector=method, race=None)
    assert all(np.isfinite(entry.scores[method]) for entry in ranking.entries)
    assert len(ranking.chosen) == 2


def test_relevance_is_told_where_rows_stand_and_unknown_where_they_are_gone(
    ranked, earlier, measured, knowing, target, registered
):
    recipe, data = target
    apart = measured(seed=2)
    apart[["a", "b", "c"]] += 3
    same, like, far = registered(recipe, data, model=knowing), earlier(knowing), earlier(knowing, apart)
    gone = earlier(knowing, measured(seed=3))
    shutil.rmtree(gone.data_uri)
    ranking, _ = ranked([same, like, far, gone], race=None, max_ancestors=4)
    found = {entry.version: entry.relevance for entry in ranking.entries}
    assert found[same.label] == pytest.approx(0.0, abs=0.3)
    assert found[same.label] >= found[like.label] - 0.3 > found[far.label]
    assert found[gone.label] is None
    untold, _ = ranked([like], relevance=None, race=None)
    assert untold.entries[0].relevance is None


def test_candidates_that_cannot_take_the_rows_or_are_damaged_are_left_out_with_the_reason(
    ranked, earlier, measured, knowing, stage_tags
):
    other = measured().rename(columns={"a": "x", "b": "y", "c": "z"})
    foreign, damaged, good = earlier(knowing, other), earlier(knowing), earlier(knowing)
    (artifacts.fetch(damaged) / "model.keras").write_bytes(b"damaged")
    ranking, job = ranked([foreign, damaged, good])

    assert ranking.chosen == [good.ref]
    by_label = {entry.version: entry for entry in ranking.entries}
    assert ranking.entries[0].version == good.label
    assert by_label[foreign.label].rank is None
    assert by_label[foreign.label].reason.startswith("left out: ")
    assert "columns of which" in by_label[foreign.label].reason
    assert by_label[foreign.label].solution.level == "no"
    assert by_label[damaged.label].solution is None
    assert "left out, as it is damaged" in stage_tags(job)["bequest.outcome"]

    none, job = ranked([foreign])
    assert (none.chosen, none.control) == ([], None)
    assert none.verdict == "chosen: none, starting fresh: none of the registry's candidates (1) can be used on these rows"


def test_latency_is_that_of_the_verdict(ranked, earlier, knowing):
    judged = earlier(knowing)
    verdict = Verdict(candidate=judged.ref, passed=True, rules=[], metrics={"latency_ms": 0.25}, rows=10, run_id="r")
    gates.record(verdict)
    ranking, _ = ranked([versions.get(judged.name, judged.version), earlier(knowing)], race=None)
    assert {entry.version: entry.latency_ms for entry in ranking.entries}[judged.label] == 0.25
    assert [entry.latency_ms for entry in ranking.entries].count(None) == 1


def test_an_empty_registry_starts_fresh(ranked):
    ranking, _ = ranked([])
    assert (ranking.entries, ranking.chosen) == ([], [])
    assert ranking.verdict == "chosen: none, starting fresh: the registry holds no version of another project"


def test_contracts_are_held_against_the_rows_of_the_chosen_alone(ranked, earlier, measured, knowing, guessing, target):
    narrow = measured()
    narrow[["b", "c"]] = narrow[["b", "c"]] / 100  # its contract allows no other
    best, other = earlier(knowing, narrow), earlier(guessing, narrow)
    ranking, _ = ranked([other, best], race=None, max_ancestors=1)
    assert [entry.solution.level for entry in ranking.entries] == ["fits", "fits"]
    first, second = held_to_contracts(ranking, target[1]).entries
    assert (first.version, first.solution.level) == (best.label, "partly")
    assert first.solution.differs[0].startswith("its contract does not allow: ")
    assert second == ranking.entries[1]


def test_relevance_that_cannot_be_told_is_no_reason_to_leave_a_candidate_out(ranked, earlier, knowing, monkeypatch):
    from tasks import candidates

    def one_row(*_: Any, **__: Any) -> Any:
        return (np.zeros((1, 3), np.float32), np.zeros(1, np.int64)), ""

    monkeypatch.setattr(candidates, "source_rows", one_row)
    ranking, _ = ranked([earlier(knowing)], race=None)
    assert (ranking.entries[0].rank, ranking.entries[0].relevance) == (1, None)


def test_those_behind_a_beaten_winner_are_passed_over_with_that_reason(ranked, earlier, dead):
    ranking, _ = ranked([earlier(dead), earlier(dead), earlier(dead)], max_ancestors=1, race={"contestants": 1, "epochs": 2})
    assert ranking.chosen == []
    raced, *others = ranking.entries
    assert raced.race is not None
    assert all(entry.race is None for entry in others)
    assert others[0].reason.endswith("; the network from scratch is ahead of the winner")
