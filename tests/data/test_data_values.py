import numpy as np
import pandas as pd
import pytest

from tasks.data.values import as_number, as_text, is_missing


@pytest.mark.parametrize("value", [None, float("nan"), np.float32("nan"), pd.NA, pd.NaT])
def test_is_missing_is_true_for_every_kind_of_nothing(value):
    assert is_missing(value)


@pytest.mark.parametrize("value", [0, 0.0, "", False, "nan"])
def test_is_missing_is_false_for_values_that_are_there(value):
    assert not is_missing(value)


def test_as_text_names_equal_numbers_alike():
    assert as_text(np.array([3, 3.0, "3", True, None, np.nan, 2.5], dtype=object)).tolist() == [
        "3", "3", "3", "True", None, None, "2.5",
    ]  # fmt: skip


def test_as_number_reads_text_and_marks_what_is_no_number():
    numbers, bad = as_number(np.array([1, "2.5", None, "x", True], dtype=object))
    np.testing.assert_array_equal(numbers, [1, 2.5, np.nan, np.nan, 1])
    assert bad.tolist() == [False, False, False, True, False]


def test_as_number_keeps_float32_and_integers_as_float64():
    assert as_number(np.array([1, 2], dtype=np.int8))[0].dtype == np.float64
    assert as_number(np.array(["1", "2"]))[0].tolist() == [1.0, 2.0]
