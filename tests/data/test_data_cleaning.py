import numpy as np
import pandas as pd
import pytest

from model_registry.errors import InputError
from tasks.data.cleaning import complete_rows, conflicts, fences_of, kept_of_duplicates, outlying_rows, refuse_gaps
from tasks.data.rawtable import RawTable
from tasks.recipe.data_schema import Missing, Preprocess

HASHES = np.array([7, 5, 7, 9, 5], dtype=np.uint64)
KINDS = {"n": "numeric", "c": "categorical"}
FRAME = pd.DataFrame({"n": [1.0, np.nan, np.inf, 4.0], "c": ["a", "b", "a", None]})


def table(*parts: int) -> RawTable:
    """Rows of f0, f1, ..., so many each, counted from 10."""
    part = np.repeat(np.arange(len(parts)), parts)
    row = np.concatenate([np.arange(10, 10 + count) for count in parts])
    return RawTable("tabular", "label", None, part, row, [f"f{i}" for i in range(len(parts))])


def test_kept_of_duplicates_keeps_the_first_of_each():
    assert kept_of_duplicates(HASHES, "drop", table(5)).tolist() == [True, True, False, True, False]
    assert kept_of_duplicates(HASHES, "keep", table(5)).all()


def test_kept_of_duplicates_names_the_rows_under_policy_error():
    with pytest.raises(InputError, match=r"Received: 2 duplicates, in rows \[12, 14\]"):
        kept_of_duplicates(HASHES, "error", table(5))
    with pytest.raises(InputError, match=r"2 duplicates, in rows \[12\] of f0, rows \[11\] of f1"):
        kept_of_duplicates(HASHES, "error", table(3, 2))
    assert kept_of_duplicates(HASHES[:2], "error", table(2)).all()


def test_conflicts_counts_rows_of_equal_values_and_different_labels():
    assert conflicts(HASHES, np.array(["a", "b", "b", "a", "b"], dtype=object)) == 2


def test_complete_rows_leaves_gaps_out_where_the_policy_says_drop():
    assert complete_rows(FRAME, KINDS, Missing(numeric="drop")).tolist() == [True, False, False, True]
    assert complete_rows(FRAME, KINDS, Missing(categorical="drop")).tolist() == [True, True, True, False]
    assert complete_rows(FRAME, KINDS, Missing()).all()


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"numeric": "error"}, r"f0: column 'n'.*2 rows, e.g. rows \[11\] of f0, rows \[10\] of f1"),
        ({"categorical": "error"}, r"f1: column 'c'.*1 row, e.g. rows \[11\] of f1"),
    ],
)
def test_refuse_gaps_names_column_and_rows(policy, message):
    with pytest.raises(InputError, match=message):
        refuse_gaps(FRAME, KINDS, Missing(**policy), table(2, 2))
    refuse_gaps(FRAME, KINDS, Missing(), table(2, 2))


def test_fences_lie_a_factor_of_the_quartiles_span_away():
    frame = pd.DataFrame({"n": [0.0, 1, 2, 3, 4, np.nan], "m": [5.0, 5, 5, 5, 9, 5]})
    options = Preprocess.model_validate({"outliers": {"method": "clip", "factor": 2}})
    fences = fences_of(frame, {"n": "numeric", "m": "numeric"}, options)
    assert fences == {"n": (-3.0, 7.0), "m": None}  # Q1 = 1, Q3 = 3; and equal quartiles give no fences
    assert fences_of(frame, {"n": "numeric"}, Preprocess()) == {}
    far = pd.DataFrame({"n": [-3.5, 0, 7.5, np.nan], "m": [1e9] * 4})
    assert outlying_rows(far, fences).tolist() == [True, False, True, False]
