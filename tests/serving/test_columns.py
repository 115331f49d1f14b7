import numpy as np
from pandas._libs.parsers import STR_NA_VALUES

from deployments.serving.columns import MISSING, from_rows


def test_csv_reads_as_missing_what_pandas_does():
    assert MISSING == STR_NA_VALUES


def test_from_rows_gives_numbers_as_float64_and_the_rest_as_it_came():
    columns = from_rows({"a": "double", "b": "double", "c": "string"}, None, [[1, None, "x"], [2.5, 3, 4]])
    assert columns["a"].dtype == np.float64
    assert columns["b"].tolist() == [None, 3]
    assert columns["c"].tolist() == ["x", 4]
