"""The data contract: a great-expectations suite that rows are held against."""

from typing import Any

import numpy as np
import pandas as pd

from tasks.data.columns import Kind, arrays_of, normalised
from tasks.data.contract_gx import Config, validate
from tasks.data.contract_profile import Form, profile
from tasks.data.contract_result import ContractResult, Failure, failure_of, identity

__all__ = [
    "ContractResult",
    "Failure",
    "Form",
    "enforce",
    "kinds_in",
    "profile",
    "profiled_on",
    "scale_in",
    "with_scale",
    "with_source",
]

COLUMNS = ("expect_column_to_exist", "expect_table_columns_to_match_set")
TYPES = ("expect_column_values_to_be_in_type_list", "expect_column_values_to_be_of_type")


def enforce(frame: pd.DataFrame, suite: dict[str, Any]) -> ContractResult:
    """Holds every row against the suite.

    Columns and types come first, on the cells as they are. Rows with a text where the contract has numbers are then left
    out, so that the rest can be compared as numbers.

    Args:
        frame: Features and labels; rows are reported by position.
        suite: In GX's JSON form.
    """
    configs: list[Config] = suite["expectations"]
    # Object columns: pandas' own text type is none that GX's type expectations know.
    cells = pd.DataFrame({name: pd.Series(values, dtype=values.dtype) for name, values in arrays_of(frame).items()})
    first = [config for config in configs if _is_structure(config) and not _on_absent_column(config, cells)]
    results = validate(cells, first)
    failures = [failure_of(result, np.arange(len(cells))) for result in results if not result["success"]]
    if not any(failure.type in COLUMNS for failure in failures):
        broken = [row for failure in failures for row in failure.rows or []]
        kept = np.setdiff1d(np.arange(len(cells)), broken)
        rest = [config for config in configs if not _is_structure(config)] if len(kept) else []
        more = validate(_typed(cells.iloc[kept], kinds_in(suite)), rest)
        failures += [failure_of(result, kept) for result in more if not result["success"]]
        results += more
    order = {identity(config): i for i, config in enumerate(configs)}
    failures.sort(key=lambda failure: order.get((failure.type, failure.column), len(order)))
    counts = {
        "expectations": len(configs),
        "evaluated": len(results),
        "failed": len(failures),
        "rows": len(frame),
        "failing_rows": len({row for failure in failures for row in failure.rows or []}),
    }
    return ContractResult(not failures, failures, counts)


def kinds_in(suite: dict[str, Any], modality: str | None = None) -> dict[str, Kind]:
    """Kind of each feature column, as far as the suite says; one written by hand may not.

    Args:
        suite: In GX's JSON form.
        modality: None for any; a suite about another has nothing to say.
    """
    described = (suite.get("meta") or {}).get("bequest", {})
    return dict(described.get("kinds", {})) if modality in (None, described.get("modality")) else {}


def scale_in(suite: dict[str, Any]) -> float | None:
    """Largest pixel value that the rows under this suite were scaled by, as far as it says."""
    scale = (suite.get("meta") or {}).get("bequest", {}).get("pixel_max")
    return None if scale is None else float(scale)


def profiled_on(suite: dict[str, Any]) -> str | None:
    """Digest of the source that the suite was profiled on; None for one that people wrote."""
    digest = (suite.get("meta") or {}).get("bequest", {}).get("profiled_on")
    return None if digest is None else str(digest)


def with_source(suite: dict[str, Any], digest: str) -> dict[str, Any]:
    """A profiled suite, with the digest of the source it was profiled on."""
    meta = suite["meta"]
    return {**suite, "meta": {**meta, "bequest": {**meta["bequest"], "profiled_on": digest}}}


def with_scale(suite: dict[str, Any], pixel_max: float) -> dict[str, Any]:
    """The suite of pictures, with what they were scaled by."""
    meta = suite["meta"]
    return {**suite, "meta": {**meta, "bequest": {**meta["bequest"], "pixel_max": pixel_max}}}


def _is_structure(config: Config) -> bool:
    """Expectations about columns, types and the table as a whole."""
    return config["type"] in (*TYPES, *COLUMNS) or config["type"].startswith("expect_table_")


def _on_absent_column(config: Config, cells: pd.DataFrame) -> bool:
    """A type expectation on a column that is not there: `expect_column_to_exist` says so better."""
    return config["type"] in TYPES and config["kwargs"].get("column") not in cells.columns


def _typed(cells: pd.DataFrame, kinds: dict[str, Kind]) -> pd.DataFrame:
    """Numeric columns as float64, the others as they are; rows from 0."""
    numeric = {name: kind for name, kind in kinds.items() if kind == "numeric" and name in cells.columns}
    numbers = normalised(cells, numeric)
    return cells.assign(**{name: numbers[name] for name in numbers.columns}).reset_index(drop=True)
