import numpy as np
import pandas as pd
import pytest

from tasks.data.quarantine import quarantined
from tasks.data.rawtable import RawTable, Rejected

NAMES = ["source", "row", "reason", "file"]


@pytest.mark.parametrize("target", ["label", *NAMES])
def test_prepare_takes_columns_of_any_name(prepared, people, target):
    others = [name for name in NAMES if name != target]
    frame = people(60).rename(columns=dict(zip(["age", "pay", "job"], others, strict=False)) | {"label": target})
    frame.iloc[3, 2] = np.nan
    frame.loc[4, target] = None
    data = prepared(frame, data={"target": target})
    assert data.card.features == others[:3]
    quarantine = pd.read_csv(data.folder / "quarantine.csv")
    assert quarantine.columns.tolist() == ["__source", "__row", "__reason", *others[:3], target]
    assert quarantine["__row"].tolist() == [4]


def test_quarantined_lists_unread_pictures_under_a_target_of_any_name():
    bad = Rejected(0, 1, "cat/1.png", "expected a readable picture", "cat")
    table = RawTable("image", "reason", None, np.zeros(1, int), np.zeros(1, int), ["pets"], rejected=[bad])
    (row,) = quarantined(table, pd.DataFrame({"reason": ["dog"]}), {}).to_dict("records")
    assert row == {
        "__source": "pets",
        "__row": 1,
        "__reason": "expected a readable picture",
        "__file": "cat/1.png",
        "reason": "cat",
    }
