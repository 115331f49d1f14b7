"""Which suite holds: the user's own, an ancestor's, or one profiled from the rows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model_registry.errors import InputError
from tasks.data.columns import Kind
from tasks.data.contract import Form, kinds_in, profile
from tasks.data.contract_gx import Config, check_expectations, suite_json
from tasks.data.contract_profile import assembled, column_expectations, label_expectations, mostly_present, widened
from tasks.data.contract_result import columns_of, identity
from tasks.data.facts import SHAPE
from tasks.data.readers.source import suite_path
from tasks.data.wording import listed

RANGE, VALUES = "expect_column_values_to_be_between", "expect_column_values_to_be_in_set"
PRESENT = "expect_column_values_to_not_be_null"
NEEDED = ("expect_column_to_exist", "expect_column_values_to_be_in_type_list")


@dataclass(frozen=True)
class Heir:
    """What tells an intended difference from the inherited contract from a broken one.

    Attributes:
        left_out: The recipe's `data.drop`.
        chosen: The recipe states `data.features`.
        reshaped: The recipe states `data.image.size` or `channels`.
        appended: bool [n]: rows that come from `data.append`.
        max_failing: Fraction of rows that counts as strays.
        filled: Kinds of column whose gaps the recipe fills or makes a category of.
    """

    left_out: list[str]
    chosen: bool
    reshaped: bool
    appended: np.ndarray
    max_failing: float
    filled: frozenset[Kind] = frozenset()


def load_suite(base: Path, name: str) -> dict[str, Any]:
    """A suite of the user's own, as `ExpectationSuite.to_json_dict()` gives it.

    Args:
        base: Folder that relative paths start from.
        name: The file as the user wrote it.

    Raises:
        InputError: No file, no JSON, no expectations, or one that GX cannot build.
    """
    where, path = f"preprocess.contract.path: {name}", suite_path(base, name)
    try:
        suite = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{where}: expected a great-expectations suite (JSON). Received: {error}") from error
    if not isinstance(suite, dict) or not isinstance(suite.get("expectations"), list) or not suite["expectations"]:
        found = listed(suite) if isinstance(suite, dict) else type(suite).__name__
        raise InputError(f"{where}: expected a suite with a list `expectations`. Received: {found}.")
    check_expectations(suite["expectations"], where)
    meta = suite.get("meta")
    return {
        "name": str(suite.get("name") or "contract"),
        "expectations": suite["expectations"],
        "meta": meta if isinstance(meta, dict) else {},
    }


def completed(suite: dict[str, Any], frame: pd.DataFrame, form: Form) -> dict[str, Any]:
    """A suite of the user's own with what any contract must say: columns, types, finite numbers, and a label in each row."""
    stated = {identity(config) for config in suite["expectations"]}
    ours = [
        config
        for config in profile(frame, form)["expectations"]
        if config["type"] in NEEDED and form.target not in columns_of(config)
    ]
    ours += [_finite(name) for name, kind in form.kinds.items() if kind == "numeric"]
    added = [config for config in [*ours, *label_expectations(form)] if identity(config) not in stated]
    described = assembled([], form)["meta"]
    return suite_json(suite["name"], [*suite["expectations"], *added], {**suite["meta"], **described})


def inherited(suite: dict[str, Any], frame: pd.DataFrame, form: Form, heir: Heir) -> tuple[dict[str, Any], list[str]]:
    """An ancestor's suite, fitted to what its heir's recipe asks for on purpose.

    The label's expectations are the heir's own: transfer means other classes. Columns that the recipe leaves out go, new ones
    come in. Rows appended on purpose may move a range, bring categories, or gaps where these are filled, where they are more
    than strays: they are what the model is to learn next. Everything else holds as it stands, so that broken rows are found.

    Returns:
        The suite, and notes on where the data differs.
    """
    known = kinds_in(suite, form.modality)
    described = (suite.get("meta") or {}).get("bequest", {})
    if not set(known) & set(form.kinds):
        return profile(frame, form), ["contract: the inherited one is about other columns; profiled a new one"]
    notes: list[str] = []
    gone = {name for name in known if name not in form.kinds and (heir.chosen or name in heir.left_out)}
    new = [name for name in form.kinds if name not in known]
    again = [name for name in SHAPE if form.modality == "image" and heir.reshaped]
    again += [name for name, kind in form.kinds.items() if kind == "picture" and name in known and heir.reshaped]
    skip = {*gone, *again, str(described.get("target")), form.target}
    kept = [config for config in suite["expectations"] if not skip & set(columns_of(config)) and not _is_column_set(config)]
    kept = [_extended(_with_gaps(config, frame, known, heir, notes), frame, heir, notes) for config in kept]
    for name in [*new, *again]:
        kept += column_expectations(frame[name], name, form.kinds[name], form)
    if gone:
        notes.append(f"contract: columns {listed(sorted(gone))} are left out by the recipe")
    if new:
        notes.append(f"contract: new columns {listed(new)}, profiled from these rows")
    expected = [name for name in known if name not in gone] + new
    columns: Config = {
        "type": "expect_table_columns_to_match_set",
        "kwargs": {"column_set": [*expected, form.target], "exact_match": False},
        "meta": {},
        "severity": "critical",
    }
    return assembled([columns, *kept, *label_expectations(form)], form), notes


def _extended(config: Config, frame: pd.DataFrame, heir: Heir, notes: list[str]) -> Config:
    """One expectation on a range or set of values, compared with the new rows; moved where appended rows ask for it."""
    column = config["kwargs"].get("column")
    if config["type"] not in (RANGE, VALUES) or config.get("severity") != "warning" or column not in frame.columns:
        return config
    values, kwargs = frame[column], config["kwargs"]
    outside = _outside(values, config)
    if not outside.any():
        return config
    appended = outside & heir.appended
    moved = bool(appended.sum() > heir.max_failing * heir.appended.sum())
    news = values.to_numpy(dtype=object)[appended if moved else outside]
    share = f"{int(outside.sum())} of {len(values)} rows"
    if config["type"] == RANGE:
        low, high = _bounds(config)
        notes.append(
            f"contract: {column!r} is {min(news):g} to {max(news):g} in {share}, outside the inherited {low:g} to {high:g}"
        )
        lower, upper = widened(pd.Series(news))
        changed: dict[str, Any] = {"min_value": min(lower, low), "max_value": max(upper, high)}
    else:
        fresh = sorted({str(value) for value in news})
        notes.append(f"contract: {column!r} has new categories {listed(fresh)} in {share}")
        changed = {"value_set": sorted({*kwargs["value_set"], *fresh})}
    if not moved:
        return config
    notes[-1] += "; the contract now allows them, because the appended rows hold them"
    return {**config, "kwargs": {**kwargs, **changed}}


def _with_gaps(config: Config, frame: pd.DataFrame, kinds: Mapping[str, Kind], heir: Heir, notes: list[str]) -> Config:
    """How many gaps a column may have; more where appended rows bring them and the recipe fills them.

    The other rows must keep the contract by themselves: their gaps are not excused by those of a batch.
    """
    column, mostly = config["kwargs"].get("column"), config["kwargs"].get("mostly") or 1.0
    if config["type"] != PRESENT or config.get("severity") != "warning" or column not in frame.columns:
        return config
    gaps, allowed = frame[column].isna().to_numpy(dtype=bool), 1.0 - mostly
    shares = [float(gaps[rows].mean()) if rows.any() else 0.0 for rows in (~heir.appended, heir.appended)]
    if gaps.mean() <= allowed or shares[0] > allowed or shares[1] <= max(heir.max_failing, allowed):
        return config
    if kinds.get(column) not in heir.filled:
        return config
    notes.append(
        f"contract: {column!r} lacks a value in {shares[1]:.0%} of the appended rows; the contract now allows that, because "
        "preprocess.missing fills it"
    )
    return {**config, "kwargs": {**config["kwargs"], "mostly": min(mostly, mostly_present(float(gaps.mean())))}}


def _finite(name: str) -> Config:
    """No infinity, which no range holds."""
    limit = float(np.finfo(np.float64).max)
    return {
        "type": RANGE,
        "kwargs": {"column": name, "min_value": -limit, "max_value": limit},
        "meta": {},
        "severity": "critical",
    }


def _outside(values: pd.Series, config: Config) -> np.ndarray:
    """bool [n]: present values that a range or set does not hold; text among numbers is another expectation's matter."""
    if config["type"] == VALUES:
        return (values.notna() & ~values.isin(config["kwargs"]["value_set"])).to_numpy(dtype=bool)
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64)
    low, high = _bounds(config)
    return np.isfinite(numbers) & ((numbers < low) | (numbers > high))


def _bounds(config: Config) -> tuple[float, float]:
    """Smallest and largest value that a range holds; an open side reaches as far as numbers do."""
    limit = float(np.finfo(np.float64).max)
    low, high = config["kwargs"].get("min_value"), config["kwargs"].get("max_value")
    return -limit if low is None else float(low), limit if high is None else float(high)


def _is_column_set(config: Config) -> bool:
    return config["type"] == "expect_table_columns_to_match_set"
