import numpy as np
import pandas as pd
import pytest

from model_registry.errors import InputError
from tasks.data.columns import arrays_of, kinds_of, normalised


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (pd.Series([1, 2]), "numeric"),
        (pd.Series([True, False]), "numeric"),
        (pd.Series([True, None], dtype=object), "numeric"),
        (pd.array([1, None], dtype="Int64"), "numeric"),
        (pd.Series([np.nan, np.nan]), "numeric"),
        (pd.Series(["a", None]), "categorical"),
        (pd.Categorical(["a", "b"]), "categorical"),
        (pd.Series(["0", "1", "2", "3+"] * 9), "categorical"),
        (pd.Series([*map(str, range(30)), "n/k"]), "numeric"),
        (pd.Series([*map(str, range(30)), *("abcdefghijklmnopqrstuvwxyz" * 2)]), "categorical"),
    ],
)
def test_kinds_of_tells_numbers_from_categories(cells, kind):
    assert kinds_of(pd.DataFrame({"a": cells}), {}, "f") == {"a": kind}


def test_kinds_of_lets_an_inherited_kind_win():
    assert kinds_of(pd.DataFrame({"a": [1, 2]}), {"a": "categorical"}, "f") == {"a": "categorical"}


@pytest.mark.parametrize(
    ("cells", "found"), [([b"x"], "bytes"), (pd.to_datetime(["2020-01-01"]), "Timestamp"), ([[1]], "list"), ([{}], "dict")]
)
def test_kinds_of_refuses_what_is_neither(cells, found):
    with pytest.raises(InputError, match=f"column 'a': expected numbers or text. Received: {found}"):
        kinds_of(pd.DataFrame({"a": cells}), {}, "f")


def test_normalised_gives_floats_and_text_and_keeps_broken_cells():
    frame = pd.DataFrame({"n": pd.array([1, None], dtype="Int64"), "c": [1, 2.0], "m": pd.Series(["1", "x"])})
    cells = arrays_of(normalised(frame, {"n": "numeric", "c": "categorical", "m": "numeric"}))
    np.testing.assert_array_equal(cells["n"], [1.0, np.nan])
    assert cells["c"].tolist() == ["1", "2"]
    assert cells["m"].tolist() == [1.0, "x"]
