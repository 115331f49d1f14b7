import io

import numpy as np
import pandas as pd
import pytest
from pandas._libs.parsers import STR_NA_VALUES

from deployments.serving.columns import MISSING, csv_rows, from_csv, from_rows
from deployments.serving.errors import RequestError
from tasks.data.values import as_number


def test_csv_reads_as_missing_what_pandas_does():
    assert MISSING == STR_NA_VALUES


def test_from_rows_gives_numbers_as_float64_and_the_rest_as_it_came():
    columns = from_rows({"a": "double", "b": "double", "c": "string"}, None, [[1, None, "x"], [2.5, 3, 4]])
    assert columns["a"].dtype == np.float64
    assert columns["b"].tolist() == [None, 3]
    assert columns["c"].tolist() == ["x", 4]


def test_from_csv_reads_booleans_as_1_and_0_where_the_column_holds_numbers():
    types = {"active": "double", "note": "string"}
    columns = from_csv(types, ["note", "active"], [["True", "True"], ["false", "FALSE"], ["x", "true"], ["y", "0.5"]])
    assert columns["note"].tolist() == ["True", "false", "x", "y"]
    numbers, bad = as_number(columns["active"])
    assert numbers.tolist() == [1, 0, 1, 0.5]
    assert not bad.any()


def test_from_csv_agrees_with_the_reader_of_the_training_data_on_booleans():
    text = 'active\nTrue\nFALSE\n""\ntrue\n'
    served = from_csv({"active": "double"}, *csv_rows(text.encode()))["active"]
    trained = pd.read_csv(io.StringIO(text), skip_blank_lines=False)["active"]
    np.testing.assert_array_equal(as_number(served)[0], as_number(trained.to_numpy())[0])


def test_from_csv_names_the_row_when_it_has_another_length():
    with pytest.raises(RequestError, match="row 1: expected a list of 1 values"):
        from_csv({"active": "double"}, ["active"], [["True"], ["True", "False"]])
