"""How rows differ from the contract of an ancestor of another project."""

import numpy as np

from tasks.data.contract_differences import contract_differences


def test_differences_name_columns_categories_and_ranges(prepared, people):
    ancestor = prepared(people(200))
    frame = people(100, seed=5).drop(columns="pay").assign(height=np.arange(100.0))
    frame.loc[:2, "age"] = 900
    frame.loc[3, "job"] = "pilot"
    lines = contract_differences(prepared(frame), ancestor.contract)
    assert lines[:2] == ["new columns ['height']", "without columns ['pay']"]
    assert any("age: expected values" in line and "3 of 100 rows, e.g. ['900']" in line for line in lines)
    assert any("job: expected one of" in line and "1 of 100 rows, e.g. ['pilot']" in line for line in lines)
    assert len(lines) == 4


def test_rows_like_the_ancestors_differ_in_nothing_whatever_their_classes(prepared, people):
    ancestor = prepared(people(200))
    frame = people(100, seed=5)
    assert (
        contract_differences(prepared(frame.assign(label=np.where(frame["age"] > 30, "adult", "youth"))), ancestor.contract)
        == []
    )


def test_pictures_differ_in_brightness_and_size_and_tables_are_not_compared_with_them(prepared, people):
    digits = prepared("bundled:digits", data={"classes": [0, 1], "rows": {"end": 0.4}})
    others = prepared("bundled:digits", data={"classes": [2, 3], "rows": {"end": 0.4}})
    assert contract_differences(others, digits.contract) == []
    assert contract_differences(prepared(people(60)), digits.contract) == []
    bright = {**digits.contract, "expectations": [_halved(each) for each in digits.contract["expectations"]]}
    assert any(line.startswith("mean: expected values from") for line in contract_differences(others, bright))


def _halved(config):
    if config["kwargs"].get("column") != "mean" or "max_value" not in config["kwargs"]:
        return config
    return {**config, "kwargs": config["kwargs"] | {"max_value": config["kwargs"]["max_value"] / 8}}
