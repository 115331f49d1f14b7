"""How new rows differ from what an ancestor of another project was promised: told, never enforced."""

from typing import Any

import numpy as np
import pandas as pd

from tasks.data.contract import enforce, kinds_in
from tasks.data.contract_result import Failure
from tasks.data.dataset import DataSet
from tasks.data.facts import picture_facts
from tasks.data.splits import SPLITS
from tasks.data.wording import listed


def contract_differences(rows: DataSet, suite: dict[str, Any]) -> list[str]:
    """What in a prepared data set the ancestor's contract does not allow, one line an expectation.

    Another project's classes are another project's: labels are not compared. A contract about another kind of rows (a table
    beside pictures) says nothing about these.

    Args:
        rows: The target data set, all splits.
        suite: The ancestor's contract in GX's JSON form.

    Returns:
        Columns that are new or gone first, then values: new categories, shifted ranges, gaps.
    """
    if not kinds_in(suite, rows.card.modality):
        return []
    features = rows.features()
    if features is None:
        features = pd.concat([picture_facts(np.asarray(rows.split(name).raw)) for name in SPLITS], ignore_index=True)
    target = (suite["meta"]["bequest"]).get("target", rows.card.target)
    known = list(kinds_in(suite))
    lines = [
        f"{word} {listed(names)}"
        for word, names in (
            ("new columns", [name for name in features if name not in known]),
            ("without columns", [name for name in known if name not in features]),
        )
        if names
    ]
    about_values = [each for each in suite["expectations"] if _on_columns(each, set(known) & set(features) - {target})]
    result = enforce(features, {**suite, "expectations": about_values})
    return lines + [_line(failure) for failure in result.failed_expectations]


def _on_columns(config: dict[str, Any], names: set[str]) -> bool:
    return config["kwargs"].get("column") in names


def _line(failure: Failure) -> str:
    return f"{failure.rule.rpartition(' (')[0]}. Received: {failure.found}"
