"""The gate, rule by rule, on networks whose answers are known: one reads column a, another column b."""

from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
import pytest

from model_registry import artifacts, gates, versions
from model_registry.errors import InputError
from model_registry.versions import Version
from tasks.convert import convert_model
from tasks.evaluate import judge_candidate
from tasks.gate_inputs import check_gate


def linear(**weights: float) -> Any:
    """A network over a, b, c and the two sites that takes the class `high` where the weighted sum is positive."""
    from tasks.methods.backend import keras

    kernel = np.zeros((5, 2), np.float32)
    for name, weight in weights.items():
        kernel["abc".index(name)] = (weight, -weight)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(2, activation="softmax", use_bias=False, name="head")])
    model.set_weights([kernel])
    return model


def table(rows: int, seed: int) -> pd.DataFrame:
    """In the north column a says the class, in the south column b."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 3)).round(4), columns=["a", "b", "c"])
    frame["site"] = np.where(rng.random(rows) < 0.5, "north", "south")
    return frame.assign(label=np.where(np.where(frame["site"] == "north", frame["a"], frame["b"]) > 0, "high", "low"))


@pytest.fixture
def trial(prepared, registered, job_of) -> tuple[Callable[..., Version], Callable[..., gates.Verdict], Any]:
    """`served(model)` registers a network with its bundle; `judged(candidate, gate, champion)` is the gate's verdict."""
    recipe, data = prepared(table(500, 0), data={"drop": []})
    keys = count()

    def served(model: Any) -> Version:
        job = job_of(recipe, compress={"quantize": {"mode": "float32"}})
        made = convert_model(job, f"convert-{next(keys)}", registered(recipe, data, model=model).ref, data)
        return versions.get(made.name, made.version)

    def judged(candidate: Version, gate: dict[str, Any], champion: Version | None = None) -> gates.Verdict:
        job = job_of(recipe, evaluate={"gate": {"champion": None} | gate, "bootstrap_samples": 100})
        beside = None if champion is None else champion.ref
        verdict = judge_candidate(job, f"evaluate-{next(keys)}", candidate.ref, data, beside, None)
        assert gates.read(candidate).rules == verdict.rules  # every line is stored with the version
        return verdict

    return served, judged, (recipe, data, job_of)


def lines(verdict: gates.Verdict) -> dict[str, gates.RuleOutcome]:
    return {f"{rule.rule} {rule.metric}": rule for rule in verdict.rules}


def test_slices_refuse_a_version_that_is_good_on_the_whole_and_bad_on_a_part(trial):
    served, judged, _ = trial
    candidate = served(linear(a=3.0))
    verdict = judged(candidate, {"floors": {"accuracy": 0.6}, "slices": {"by": {"site": {"accuracy": 0.7}}}})
    found = lines(verdict)
    assert found["floor accuracy"].passed
    assert found["slice accuracy[site=north]"].value > 0.9
    assert found["slice accuracy[site=north]"].outcome == "pass"
    assert 0.3 < found["slice accuracy[site=south]"].value < 0.7
    assert found["slice accuracy[site=south]"].outcome == "refused"
    assert not verdict.passed


def test_slices_of_few_rows_are_told_and_not_judged(trial):
    served, judged, _ = trial
    gate = {"slices": {"by_class": {"recall": 0.99}, "by": {"a": {"accuracy": 0.99}}, "min_rows": 1000}}
    verdict = judged(served(linear(a=3.0)), gate)
    assert len(verdict.rules) == 2 + 4  # two classes, and the quarters of a number
    assert {rule.outcome for rule in verdict.rules} == {"not judged"}
    assert all("fewer than min_rows 1000" in rule.note for rule in verdict.rules)
    assert verdict.passed


def test_noise_on_numbers_costs_what_reads_them_and_leaves_categories_alone(trial):
    served, judged, _ = trial
    candidate = served(linear(a=3.0))
    small = judged(candidate, {"robustness": {"noise": 0.001, "max_drop": 0.02}})
    large = judged(candidate, {"robustness": {"noise": 1.0, "max_drop": 0.02}})
    assert small.passed
    assert not large.passed
    (rule,) = large.rules
    assert (rule.rule, rule.metric, rule.limit) == ("robustness", "accuracy_drop[noise 1]", 0.02)
    assert rule.value > 0.05
    assert judged(candidate, {"robustness": {"noise": 1.0, "max_drop": 0.02}}).rules == large.rules  # seeded


def test_ratios_and_golden_rows_are_told_and_not_judged_when_nothing_stands_in_production(trial, tmp_path):
    served, judged, _ = trial
    table(20, 1).to_csv(tmp_path / "golden.csv", index=False)
    gate = {"ratios": {"latency": 0.001, "size_bytes": 0.001}, "golden": str(tmp_path / "golden.csv")}
    verdict = judged(served(linear(b=3.0)), gate)
    assert [(rule.rule, rule.metric, rule.outcome) for rule in verdict.rules] == [
        ("ratio", "latency", "not judged"),
        ("ratio", "size_bytes", "not judged"),
        ("golden", "lost_rows", "not judged"),
    ]
    assert verdict.passed
    assert verdict.champion is None


def test_ratios_are_of_the_version_in_production(trial):
    served, judged, _ = trial
    candidate, champion = served(linear(a=3.0)), served(linear(b=3.0))
    size = (artifacts.fetch(candidate) / "bundle" / "model.tflite").stat().st_size
    verdict = judged(candidate, {"ratios": {"latency": 1000.0, "size_bytes": 0.999}}, champion)
    found = lines(verdict)
    assert found["ratio latency"].passed
    assert found["ratio latency"].value > 0
    assert (found["ratio size_bytes"].value, found["ratio size_bytes"].outcome) == (1.0, "refused")
    assert found["ratio size_bytes"].note == f"{size:,} bytes to {size:,}"
    assert verdict.champion == champion.label


def test_golden_rows_that_the_champion_has_right_must_not_be_lost(trial, tmp_path):
    served, judged, _ = trial
    golden = pd.DataFrame(
        {
            "a": [1.0, -1.0, 1.0, 1.0],
            "b": [1.0, 1.0, -1.0, -1.0],
            "c": 0.0,
            "site": "north",
            "label": ["high", "low", "high", "low"],
            "remark": "not a feature",
        }
    )
    golden.to_csv(tmp_path / "golden.csv", index=False)
    reads_a, reads_b = served(linear(a=3.0)), served(linear(b=3.0))
    verdict = judged(reads_b, {"golden": str(tmp_path / "golden.csv")}, reads_a)
    (rule,) = verdict.rules
    # Column a is right on rows 0 to 2, column b on rows 0 and 3.
    assert (rule.value, rule.limit, rule.passed) == (2.0, 0.0, False)
    assert (
        rule.note == f"{reads_a.label} gets 3 of 4 rows right; lost: rows [1, 2] of {tmp_path / 'golden.csv'}, counted from 0"
    )
    assert judged(reads_a, {"golden": str(tmp_path / "golden.csv")}, reads_a).passed


def test_relative_rules_refuse_when_the_version_in_production_cannot_be_opened(trial, tmp_path):
    served, judged, _ = trial
    candidate, champion = served(linear(a=3.0)), served(linear(b=3.0))
    (artifacts.fetch(champion) / "bundle" / "model.tflite").write_bytes(b"damaged")
    verdict = judged(candidate, {"ratios": {"size_bytes": 2.0}}, champion)
    (rule,) = verdict.rules
    assert (rule.rule, rule.metric, rule.passed) == ("ratio", "champion_comparable", False)
    assert champion.uri in rule.note


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        ({"slices": {"by": {"sit": {"accuracy": 0.5}}}}, r"slices.by: expected feature columns of .*Did you mean 'site'\?"),
        ({"golden": "golden.csv"}, r"golden: .*golden.csv: expected labels among \['high', 'low'\]. Received: \['hihg'\]"),
        ({"golden": "unlabelled.csv"}, r"golden: .*expected a label in every row. Received: none in rows \[1\]"),
        ({"golden": "narrow.csv"}, r"golden: .*Missing: \['site'\]"),
    ],
)
def test_check_gate_says_what_is_wrong_before_anything_is_trained(trial, tmp_path, gate, message):
    _, _, (recipe, data, job_of) = trial
    rows = table(3, 2).assign(label=["high", "hihg", "low"])
    rows.to_csv(tmp_path / "golden.csv", index=False)
    rows.assign(label=["high", None, "low"]).to_csv(tmp_path / "unlabelled.csv", index=False)
    rows.assign(label=["high", "low", "low"]).drop(columns="site").to_csv(tmp_path / "narrow.csv", index=False)
    if "golden" in gate:
        gate = {"golden": str(tmp_path / gate["golden"])}
    with pytest.raises(InputError, match=message):
        check_gate(job_of(recipe, evaluate={"gate": gate}).recipe, data)


def test_check_gate_refuses_columns_with_pictures(prepared, job_of):
    recipe, data = prepared("bundled:digits")
    job = job_of(recipe, evaluate={"gate": {"slices": {"by": {"x": {"accuracy": 0.5}}}}})
    with pytest.raises(InputError, match="expected columns of numbers or text, not pictures"):
        check_gate(job.recipe, data)
