"""The preprocessing for few rows against the one that training uses: the same to the last bit, or none at all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.serving import columns
from deployments.serving.quick_table import QuickTable
from model_registry.errors import InputError
from tasks.data.transform import transform


def numeric(name, fill=None, fences=None, offset=0.0, scale=1.0):
    return {"name": name, "kind": "numeric", "fill": fill, "fences": fences, "offset": offset, "scale": scale}


def categorical(name, missing, fill=None):
    return {"name": name, "kind": "categorical", "categories": ["a", "b", "3"], "missing": missing, "fill": fill}


def state(*given):
    return {"format": "bequest-preprocessing", "format_version": 1, "modality": "tabular", "columns": list(given)}


MIXED = state(
    categorical("first", "category"),
    numeric("filled", fill=4.0, fences=[-3.0, 9.5], offset=0.1, scale=0.3),
    categorical("zeros", "zeros"),
    numeric("bare", offset=1e-3, scale=1e-3),
    categorical("filling", "fill", "b"),
    categorical("strict", "error"),
    numeric("fenced", fences=[0.0, 1.0]),
)
STATES = {
    "mixed": MIXED,
    "numeric": state(numeric("x", 1.5, None, 0.7, 0.3), numeric("y")),
    "fenced": state(numeric("x", 1.5, [-1, 1]), numeric("y", 2)),
    "one": state(categorical("c", "zeros"), numeric("x"), categorical("d", "category")),
    "categories": state(categorical("c", "zeros"), categorical("d", "error")),
}
CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False),
    st.sampled_from(["a", "b", "3", "", "1.5", "c"]),
)


@pytest.mark.parametrize("name", STATES)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_quick_table_agrees_with_transform_to_the_last_bit_or_leaves_it_alone(name, data):
    fitted = STATES[name]
    width = len(fitted["columns"])
    rows = data.draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=4))
    found = QuickTable(fitted).encode(rows)
    if found is None:
        return
    types = {each["name"]: "double" if each["kind"] == "numeric" else "string" for each in fitted["columns"]}
    expected = transform(fitted, columns.from_rows(types, None, rows))
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))


def test_quick_table_takes_plain_rows_itself():
    rows = [["a", 1, None, 0.5, "b", "3", 0.25], [None, None, "b", -2, None, "a", 7]]
    assert QuickTable(MIXED).encode(rows) is not None


@pytest.mark.parametrize(
    "row",
    [
        ["a", 1, None, 0.5, "b", None, 0],  # a category that may not be missing
        ["a", 1, None, None, "b", "a", 0],  # a number that may not be missing
        ["a", "1", None, 0, "b", "a", 0],  # text
        ["a", True, None, 0, "b", "a", 0],
        [3, 1, None, 0, "b", "a", 0],  # a category as a number
        ["a", 1, None, 1e37, "b", "a", 0],  # beyond float32
        ["a", 1, None, 0, "b", "a"],
    ],
)
def test_quick_table_leaves_what_is_not_plain_to_transform(row):
    assert QuickTable(MIXED).encode([row]) is None


def test_quick_table_leaves_an_infinity_to_transform_which_refuses_it():
    rows = [["a", float("inf"), None, 0, "b", "a", 0]]
    assert QuickTable(MIXED).encode(rows) is None
    types = {each["name"]: "double" if each["kind"] == "numeric" else "string" for each in MIXED["columns"]}
    with pytest.raises(InputError, match="finite"):
        transform(MIXED, columns.from_rows(types, None, rows))
