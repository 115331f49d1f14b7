import json
from collections.abc import Callable

import pytest

from model_registry import gates, store, versions
from model_registry.blame import blame
from model_registry.errors import InputError
from model_registry.figures import deltas, lower_is_better
from model_registry.gates import Verdict
from model_registry.versions import Version
from tasks.methods.metrics import METRIC_NAMES, direction

Maker = Callable[..., Version]


def tag(version: Version, key: str, value: str) -> None:
    store.client().set_model_version_tag(version.name, str(version.version), key, value)


@pytest.fixture
def chain(make: Maker) -> Callable[..., Version]:
    """`chain({"a": 1}, {}, ...)`: versions with these facts, each made from the one before; returns the last."""

    def made(*facts: dict[str, object]) -> Version:
        parents: list[Version] = []
        for number, each in enumerate(facts):
            parents = [make(str(number), "trained" if not number else "pruned", parents)]
            tag(parents[0], "facts", json.dumps(each))
        return versions.get("digits", parents[0].version)

    return made


def test_blame_pins_a_regression_on_the_edge_that_made_it(chain: Callable[..., Version]):
    last = chain(*({"validation_accuracy": value} for value in (0.90, 0.95, 0.80, 0.82)))
    found = blame(last, "validation_accuracy")
    assert [(step.parent, step.child, round(step.delta, 6)) for step in found.steps] == [
        ("digits/2", "digits/3", -0.15),
        ("digits/3", "digits/4", 0.02),
        ("digits/1", "digits/2", 0.05),
    ]
    assert found.verdict == "validation_accuracy got worse most from digits/2 to digits/3 (pruned): -0.15."


def test_blame_calls_more_of_a_cost_worse(chain: Callable[..., Version]):
    found = blame(chain({"size_bytes": 100}, {"size_bytes": 50}, {"size_bytes": 70}), "size_bytes")
    assert [step.delta for step in found.steps] == [20, -50]
    assert blame(versions.get("digits", 2), "size_bytes").verdict == "No step made size_bytes worse."


def test_blame_compares_across_versions_that_lack_the_metric(chain: Callable[..., Version]):
    last = chain({"test_log_loss": 0.2}, {}, {"test_log_loss": True}, {"test_log_loss": 0.5})
    found = blame(last, "test_log_loss")
    assert len(found.steps) == 1
    step = found.steps[0]
    assert (step.parent, step.via, step.child, step.operations) == (
        "digits/1",
        ("digits/2", "digits/3"),
        "digits/4",
        ("pruned",) * 3,
    )
    assert found.unmeasured == ["digits/3", "digits/2"]


def test_blame_reads_what_the_test_split_said(make: Maker):
    first = make("a")
    second = make("b", "quantized", [make("between", "pruned", [first])])
    for version, accuracy in ((first, 0.9), (second, 0.7)):
        metrics = {"accuracy": accuracy, "auroc": accuracy / 2}
        gates.record(Verdict(candidate=version.ref, passed=True, rules=[], metrics=metrics, rows=10, run_id="r"))
    for metric, delta in (("test_accuracy", -0.2), ("accuracy", -0.2), ("auroc", -0.1)):
        found = blame(versions.get("digits", 3), metric)
        assert [round(step.delta, 6) for step in found.steps] == [delta]


def test_blame_warns_of_scores_on_other_data_and_names_the_worst_on_the_same(chain: Callable[..., Version]):
    last = chain(*({"validation_accuracy": value} for value in (0.9, 0.5, 0.4)))
    for number in (2, 3):
        tag(versions.get("digits", number), "data_sha256", "another")
    found = blame(last.model_copy(update={"data_sha256": "another"}), "validation_accuracy")
    assert [step.same_data for step in found.steps] == [False, True]
    assert "other data, whose scores are not comparable. On one data set, from digits/2 to digits/3: -0.1." in found.verdict


def test_blame_lists_the_metrics_that_exist_when_none_has_the_one_asked_for(chain: Callable[..., Version]):
    last = chain({"size_bytes": 1, "mode": "int8"}, {"sparsity": 0.5})
    with pytest.raises(InputError, match=r"has 'sise_bytes'\. Expected one of \['size_bytes', 'sparsity'\].*mean 'size_bytes'"):
        blame(last, "sise_bytes")


def test_blame_says_so_when_there_is_nothing_to_compare(chain: Callable[..., Version]):
    found = blame(chain({"sparsity": 0.5}, {}), "sparsity")
    assert (found.steps, found.verdict) == ([], "sparsity is known of digits/1 (0.5) alone: there is no step to compare.")


@pytest.mark.parametrize("name", sorted(METRIC_NAMES))
def test_lower_is_better_knows_every_metric(name: str):
    assert lower_is_better(name) == (direction(name) == "minimize")
    assert lower_is_better(f"validation_{name}") == lower_is_better(name)


def test_deltas_are_child_minus_parent_where_both_are_numbers(make: Maker):
    parent, child = make("a"), make("b")
    parent = parent.model_copy(update={"facts": {"size_bytes": 10, "sparsity": True, "parameters": float("nan")}})
    child = child.model_copy(update={"facts": {"size_bytes": 4, "sparsity": 0.5, "parameters": 3, "validation_accuracy": 1.0}})
    assert deltas(child, parent) == {"size_bytes": -6}
