import json

import numpy as np
import pandas as pd
import pytest

from model_registry.errors import InputError
from tasks.data.contract import Form, enforce, profile
from tasks.data.contract_suite import Heir, completed, inherited, load_suite

FORM = Form("tabular", "label", ["a", "b"], {"age": "numeric", "job": "categorical"})


def rows(n: int = 40, **changed) -> pd.DataFrame:
    frame = {"age": np.linspace(20, 60, n), "job": ["cook", "clerk"] * (n // 2), "label": ["a", "b"] * (n // 2)}
    return pd.DataFrame(frame | changed)


def heir(frame, appended=0, **options):
    mask = np.arange(len(frame)) >= len(frame) - appended
    return Heir(**{"left_out": [], "chosen": False, "reshaped": False, "appended": mask, "max_failing": 0.05} | options)


@pytest.fixture(scope="module")
def suite():
    return profile(rows(), FORM)


def config_of(suite, column, kind):
    return next(c for c in suite["expectations"] if c["kwargs"].get("column") == column and c["type"].endswith(kind))


def test_inherited_suite_holds_for_like_rows_of_other_classes(suite):
    frame = rows(label=["x", "y"] * 20)
    form = Form("tabular", "label", ["x", "y"], FORM.kinds)
    handed_down, notes = inherited(suite, frame, form, heir(frame))
    assert enforce(frame, handed_down).success
    assert notes == []
    assert config_of(handed_down, "label", "in_set")["kwargs"]["value_set"] == ["x", "y"]


def test_inherited_suite_finds_broken_rows_and_notes_them(suite):
    frame = rows(age=[999.0, *np.linspace(20, 60, 39)], job=["pilot", *["cook"] * 39])
    handed_down, notes = inherited(suite, frame, FORM, heir(frame))
    assert list(enforce(frame, handed_down).failing_rows) == [0]
    assert "'age' is 999 to 999 in 1 of 40 rows, outside the inherited 0 to 80" in notes[0]
    assert "'job' has new categories ['pilot'] in 1 of 40 rows" in notes[1]


def test_inherited_suite_moves_only_where_appended_rows_ask_for_it(suite):
    frame = rows(age=[999.0, *np.linspace(20, 60, 19), *np.linspace(100, 120, 20)], job=["cook"] * 20 + ["pilot"] * 20)
    handed_down, notes = inherited(suite, frame, FORM, heir(frame, appended=20))
    assert list(enforce(frame, handed_down).failing_rows) == [0]
    assert config_of(handed_down, "age", "between")["kwargs"]["max_value"] == pytest.approx(130)
    assert all("the contract now allows them" in note for note in notes)
    assert config_of(suite, "age", "between")["kwargs"]["max_value"] == 80  # the ancestor's own is as it was


def test_inherited_suite_keeps_strays_of_appended_rows_out(suite):
    frame = rows(age=[*np.linspace(20, 60, 39), 999.0])
    handed_down, _ = inherited(suite, frame, FORM, heir(frame, appended=30))
    assert list(enforce(frame, handed_down).failing_rows) == [39]


GAPS = [*["cook", "clerk"] * 12, *["cook", None] * 8]  # 16 appended rows, half of them without a job


def test_inherited_suite_lets_gaps_in_where_appended_rows_bring_them_and_they_are_filled(suite):
    frame = rows(job=GAPS)
    options = {"appended": 16, "filled": frozenset({"categorical"})}
    handed_down, notes = inherited(suite, frame, FORM, heir(frame, **options))
    assert enforce(frame, handed_down).success
    assert "'job' lacks a value in 50% of the appended rows; the contract now allows that" in notes[0]
    assert config_of(suite, "job", "not_be_null")["kwargs"].get("mostly", 1) == 1


@pytest.mark.parametrize(
    ("job", "options"),
    [
        (GAPS, {"appended": 16, "filled": frozenset({"numeric"})}),  # the policy for categories fills nothing
        (GAPS, {"appended": 0, "filled": frozenset({"categorical"})}),  # not appended
        ([None, "cook", *GAPS[2:]], {"appended": 16, "filled": frozenset({"categorical"})}),  # the other rows have gaps too
        (["cook"] * 39 + [None], {"appended": 30, "filled": frozenset({"categorical"})}),  # a stray
    ],
)
def test_inherited_suite_keeps_other_gaps_out(suite, job, options):
    frame = rows(job=job)
    handed_down, _ = inherited(suite, frame, FORM, heir(frame, **options))
    assert list(enforce(frame, handed_down).failing_rows) == [row for row, value in enumerate(job) if value is None]


def test_inherited_suite_takes_new_columns_in_and_misses_old_ones(suite):
    frame = rows(pay=np.arange(40.0)).drop(columns="age")
    form = Form("tabular", "label", ["a", "b"], {"job": "categorical", "pay": "numeric"})
    handed_down, notes = inherited(suite, frame, form, heir(frame))
    assert {failure.column for failure in enforce(frame, handed_down).table_failures} == {"", "age"}
    assert notes == ["contract: new columns ['pay'], profiled from these rows"]
    for on_purpose in ({"left_out": ["age"]}, {"chosen": True}):
        handed_down, notes = inherited(suite, frame, form, heir(frame, **on_purpose))
        assert enforce(frame, handed_down).success
        assert "left out by the recipe" in notes[0]


def test_inherited_suite_about_other_columns_is_replaced(suite):
    frame = pd.DataFrame({"height": [1.0, 2.0], "label": ["a", "b"]})
    form = Form("tabular", "label", ["a", "b"], {"height": "numeric"})
    handed_down, notes = inherited(suite, frame, form, heir(frame))
    assert handed_down == profile(frame, form)
    assert "profiled a new one" in notes[0]


def test_completed_adds_what_any_contract_must_say():
    own = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "age", "min_value": 0, "max_value": 130}}
    suite = completed({"name": "mine", "expectations": [own], "meta": {"owner": "me"}}, rows(), FORM)
    broken = rows().astype({"age": object})
    broken.loc[0, "age"] = "old"
    broken.loc[1, "label"] = "z"
    broken.loc[2, "age"] = 131
    assert list(enforce(broken, suite).failing_rows) == [0, 1, 2]
    assert suite["name"] == "mine"
    assert suite["meta"]["owner"] == "me"


def test_completed_refuses_infinity_where_the_user_set_no_range():
    own = {"type": "expect_column_to_exist", "kwargs": {"column": "age"}}
    suite = completed({"name": "mine", "expectations": [own], "meta": {}}, rows(), FORM)
    result = enforce(rows(age=[np.inf, *np.linspace(20, 60, 39)]), suite)
    assert "age: expected finite numbers" in result.failing_rows[0][0]


def test_load_suite_reads_what_gx_writes(tmp_path, suite):
    (tmp_path / "suite.json").write_text(json.dumps(suite))
    assert load_suite(tmp_path, "suite.json")["expectations"] == suite["expectations"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no such file. Did you mean 'suit.json'"),
        ("{", "expected a great-expectations suite"),
        ("[]", "Received: list"),
        ('{"expectations": []}', "with a list `expectations`"),
        ('{"expectations": [{"expectation_type": "expect_column_to_exist"}]}', "as GX 1.x writes them"),
    ],
)
def test_load_suite_says_what_is_wrong(tmp_path, text, message):
    (tmp_path / ("suit.json" if text is None else "suite.json")).write_text(text or "")
    with pytest.raises(InputError, match=f"preprocess.contract.path.*{message}"):
        load_suite(tmp_path, "suite.json")
