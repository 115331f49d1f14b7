import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from model_registry.errors import InputError
from tasks.data.contract import Form, enforce, profile
from tasks.data.contract_gx import check_expectations
from tasks.data.contract_profile import widened
from tasks.data.facts import picture_facts

FORM = Form("tabular", "label", ["a", "b"], {"age": "numeric", "job": "categorical"})


def rows(n: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"age": rng.uniform(20, 60, n), "job": rng.choice(["cook", "clerk"], n), "label": ["a", "b"] * (n // 2)}
    )


@pytest.fixture(scope="module")
def suite():
    return profile(rows(), FORM)


def types(suite, column):
    return {c["type"].removeprefix("expect_column_"): c for c in suite["expectations"] if c["kwargs"].get("column") == column}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([10, 20], (5, 25)),
        ([1, 11], (0, 16)),
        ([-4, 4], (-8, 8)),
        ([0.003, 0.003], (0, 1.003)),
        ([-7, -7], (-14, 0)),
        ([1, np.inf, 2, np.nan], (0.5, 2.5)),
    ],
)
def test_widened_leaves_room_on_both_sides(values, expected):
    assert widened(pd.Series(values)) == pytest.approx(expected)


def test_profile_says_what_each_column_is(suite):
    assert set(types(suite, "age")) == {
        "to_exist",
        "values_to_be_in_type_list",
        "values_to_not_be_null",
        "values_to_be_between",
    }
    assert types(suite, "job")["values_to_be_in_set"]["kwargs"]["value_set"] == ["clerk", "cook"]
    assert types(suite, "label")["values_to_be_in_set"]["severity"] == "critical"
    assert suite["meta"]["bequest"]["kinds"] == {"age": "numeric", "job": "categorical"}


def test_profile_is_plain_json_and_the_same_every_time(suite):
    assert json.dumps(suite, allow_nan=False) == json.dumps(profile(rows(), FORM), allow_nan=False)


def test_profile_lets_gaps_be_where_gaps_were():
    frame = rows().assign(age=[None] * 10 + [30.0] * 30)
    assert types(profile(frame, FORM), "age")["values_to_not_be_null"]["kwargs"]["mostly"] == pytest.approx(0.45)


def test_enforce_holds_for_the_rows_that_were_profiled(suite):
    result = enforce(rows(), suite)
    assert result.success
    assert result.failing_rows == {}
    assert result.statistics["evaluated"] == len(suite["expectations"])


def test_enforce_gives_each_failing_row_its_reasons(suite):
    frame = rows().astype({"age": object})
    frame.loc[1, "age"] = 999
    frame.loc[2, "age"] = "old"
    frame.loc[3, "job"] = "pilot"
    frame.loc[4, "label"] = None
    frame.loc[5, ["age", "label"]] = [None, "c"]
    frame.loc[6, "age"] = np.inf
    result = enforce(frame.set_index(np.arange(100, 140)), suite)
    assert sorted(result.failing_rows) == [1, 2, 3, 4, 5, 6]
    reasons = {row: " ".join(why) for row, why in result.failing_rows.items()}
    assert "age: expected values from" in reasons[1]
    assert "Received: 999" in reasons[1]
    assert "age: expected numbers (expect_column_values_to_be_in_type_list). Received: old" in reasons[2]
    assert "job: expected one of ['clerk', 'cook']" in reasons[3]
    assert "label: expected a value in every row" in reasons[4]
    assert len(result.failing_rows[5]) == 2
    assert "Received: inf" in reasons[6]
    assert sorted(result.rows_failing(("critical",))) == [2, 4, 5]
    assert not result.table_failures
    assert json.loads(json.dumps(result.to_json()))["statistics"]["failing_rows"] == 6


def test_enforce_fails_the_table_when_a_column_is_missing(suite):
    result = enforce(rows().drop(columns="age"), suite)
    assert [failure.type for failure in result.table_failures] == [
        "expect_table_columns_to_match_set",
        "expect_column_to_exist",
    ]
    assert result.table_failures[0].found == "missing columns ['age']"


def test_enforce_fails_the_table_when_an_expectation_cannot_be_evaluated(suite):
    own = {
        "type": "expect_column_values_to_be_between",
        "kwargs": {"column": "nowhere", "min_value": 0},
        "severity": "critical",
    }
    result = enforce(rows(), {**suite, "expectations": [own]})
    assert result.table_failures[0].found.startswith("not evaluated:")


def test_enforce_takes_expectations_on_several_columns_and_on_the_table(suite):
    frame = rows(4).assign(low=[1.0, 2, 3, 9], high=[2.0, 3, 4, 5])
    pair = {"type": "expect_column_pair_values_a_to_be_greater_than_b", "kwargs": {"column_A": "high", "column_B": "low"}}
    count = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 10}}
    mean = {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "low", "max_value": 1}}
    result = enforce(frame, {"expectations": [pair, count, mean]})
    assert list(result.failing_rows) == [3]
    assert [failure.type for failure in result.table_failures] == [count["type"], mean["type"]]


def test_enforce_holds_wide_tables_in_parts(suite, monkeypatch):
    monkeypatch.setattr("tasks.data.contract_gx.COLUMNS_AT_ONCE", 1)
    frame = rows()
    frame.loc[3, "age"] = 999
    result = enforce(frame, suite)
    assert list(result.failing_rows) == [3]
    assert result.statistics["evaluated"] == len(suite["expectations"])


def test_profile_of_pictures_holds_shape_and_brightness():
    pictures = np.random.default_rng(0).uniform(0.2, 0.8, (20, 4, 4, 1)).astype(np.float32)
    form = Form("image", "label", ["a", "b"], pixel_max=1.0)
    labels = {"label": ["a", "b"] * 10}
    suite = profile(picture_facts(pictures).assign(**labels), form)
    assert enforce(picture_facts(pictures).assign(**labels), suite).success
    pictures[0] = 0  # blank
    pictures[1, 0, 0, 0] = np.nan
    pictures[2] *= 255
    result = enforce(picture_facts(pictures).assign(**labels), suite)
    assert list(result.failing_rows) == [0, 1, 2]
    assert list(result.rows_failing(("critical",))) == [1, 2]
    other = np.zeros((2, 5, 4, 1))
    assert "height: expected one of [4.0]" in enforce(picture_facts(other).assign(label="a"), suite).failing_rows[0][0]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"kwargs": {}}, "expected `type` and `kwargs`"),
        ({"type": "expect_column_to_exists", "kwargs": {}}, "Did you mean 'expect_column_to_exist'"),
        ({"type": "expect_column_values_to_be_between", "kwargs": {"colum": "a"}}, r"expectations\[0\].*field required"),
    ],
)
def test_check_expectations_names_the_one_that_gx_cannot_build(config, message):
    with pytest.raises(InputError, match=message):
        check_expectations([config], "suite.json")


def test_contract_prints_nothing_and_leaves_nothing_on_disk(tmp_path):
    code = (
        "import pandas as pd; from tasks.data.contract import *\n"
        "form = Form('tabular', 'y', ['a', 'b'], {'x': 'numeric'})\n"
        "frame = pd.DataFrame({'x': [1.0, 2.0], 'y': ['a', 'b']})\n"
        "assert enforce(frame, profile(frame, form)).success"
    )
    run = subprocess.run(
        [sys.executable, "-W", "default", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert run.stdout + run.stderr == ""
    assert list(tmp_path.iterdir()) == []
