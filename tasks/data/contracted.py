"""Rows held against their contract: those that break it go, and too many of them stop the run."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model_registry.errors import InputError
from tasks.data.cleaning import filled_kinds, refuse_gaps
from tasks.data.columns import Kind, kinds_of, normalised
from tasks.data.contract import ContractResult, Failure, Form, enforce, kinds_in, profile, profiled_on, scale_in, with_source
from tasks.data.contract_suite import Heir, completed, inherited, load_suite
from tasks.data.digest import source_digest
from tasks.data.facts import picture_facts
from tasks.data.fit import largest_pixel
from tasks.data.quarantine import quarantined
from tasks.data.rawtable import RawTable, labelled, located, pictures
from tasks.data.wording import counted, listed
from tasks.recipe.schema import Recipe


@dataclass(frozen=True)
class Contracted:
    """Rows that keep their contract.

    Attributes:
        table: These rows, and the parent's pixel scale where the source says none.
        rows: int64: their positions among the rows as read.
        frame: Their features as numbers and text; None for pictures.
        kinds: Kind of each feature; empty for pictures.
        suite: The contract.
        result: What came of it, over all rows.
        quarantine: The rows that were taken out.
        notes: Where the data differs from an inherited contract.
    """

    table: RawTable
    rows: np.ndarray
    frame: pd.DataFrame | None
    kinds: dict[str, Kind]
    suite: dict[str, Any]
    result: ContractResult
    quarantine: pd.DataFrame
    notes: list[str]


def hold_to_contract(
    table: RawTable,
    classes: list[str],
    broken: Mapping[int, str],
    recipe: Recipe,
    *,
    base: Path,
    inherited_contract: dict[str, Any] | None,
    write: Callable[[pd.DataFrame], Path],
) -> Contracted:
    """Finds the contract, holds every row against it, and takes out those that break it.

    Args:
        table: Rows as read.
        classes: Label names.
        broken: Row position to reason, of rows that fail already.
        recipe: Sections data and preprocess.
        base: Folder that relative paths start from.
        inherited_contract: An ancestor's suite, unless the recipe names one of its own.
        write: Writes the quarantined rows where the user can look at them, should the run stop.

    Raises:
        InputError: The table as a whole breaks the contract, or more rows than `max_failing` do.
    """
    known = kinds_in(inherited_contract or {}, table.modality)
    frame, kinds = None, {}
    if table.frame is not None:
        kinds = kinds_of(table.frame, known, table.parts[0])
        frame = normalised(table.frame, kinds)
        refuse_gaps(frame, kinds, recipe.preprocess.missing, table)
        seen, form = frame, Form("tabular", table.target, classes, kinds)
    else:
        images = pictures(table)
        if table.pixel_max is None and inherited_contract and recipe.preprocess.contract.path is None:
            table = replace(table, pixel_max=scale_in(inherited_contract))
        appended = table.part > 0  # a batch does not move the scale
        own = images if appended.all() or not appended.any() else images[~appended]
        pixel_max = largest_pixel(own, recipe.data.image.pixel_max, table.pixel_max)
        seen, form = picture_facts(images), Form("image", table.target, classes, pixel_max=pixel_max)
    seen = seen.assign(**{table.target: pd.Series(labelled(table), dtype=object)})
    suite, notes = _suite(seen, form, table, recipe, base, inherited_contract)
    result = enforce(seen, suite)
    reasons: dict[int, list[str]] = {row: [reason] for row, reason in broken.items()}
    for row, why in result.failing_rows.items():
        reasons.setdefault(row, []).extend(why)
    taken_out = quarantined(table, seen, reasons)
    share = len(taken_out) / (len(table) + len(table.rejected))
    if result.table_failures or share > recipe.preprocess.contract.max_failing or len(reasons) == len(table):
        raise InputError(_stopped(table, result, broken, share, recipe.preprocess.contract.max_failing, write(taken_out)))
    kept = np.setdiff1d(np.arange(len(table)), list(reasons))
    if frame is not None:
        frame = normalised(frame.iloc[kept].reset_index(drop=True), kinds)
    return Contracted(table.take(kept), kept, frame, kinds, suite, result, taken_out, notes)


def _suite(
    seen: pd.DataFrame, form: Form, table: RawTable, recipe: Recipe, base: Path, inherited_contract: dict[str, Any] | None
) -> tuple[dict[str, Any], list[str]]:
    """The user's own suite, else the inherited one, else one profiled from these rows."""
    contract, data = recipe.preprocess.contract, recipe.data
    if contract.path is not None:
        return completed(load_suite(base, contract.path), seen, form), []
    if inherited_contract is None:
        return with_source(profile(seen, form), source_digest(recipe, base)), []
    left_out = [*data.drop, *([recipe.preprocess.split.column] if recipe.preprocess.split.column else [])]
    heir = Heir(
        left_out=left_out,
        chosen=data.features is not None,
        reshaped=data.image.size is not None or data.image.channels is not None,
        appended=table.part > 0,
        max_failing=contract.max_failing,
        filled=filled_kinds(recipe.preprocess.missing),
    )
    suite, notes = inherited(inherited_contract, seen, form, heir)
    origin = profiled_on(inherited_contract)
    return (with_source(suite, origin) if origin else suite), notes


def _stopped(table: RawTable, result: ContractResult, broken: Mapping[int, str], share: float, limit: float, path: Path) -> str:
    """Why the run stops: every broken expectation with counts and examples, and where the rows are."""
    source, total = table.parts[0], len(table) + len(table.rejected)
    if len(table.parts) > 1:
        source += f" with {listed(table.parts[1:], 3)}"
    if result.table_failures:
        head = f"{source}: the table breaks its contract."
    else:
        head = (
            f"{source}: {round(share * total)} of {total} rows ({share:.1%}) break the contract, "
            f"more than preprocess.contract.max_failing ({limit:.1%})."
        )
    lines = [head, *(f"  {_line(failure, table)}" for failure in result.failed_expectations)]
    lines += [f"  {reason}: {counted(count, 'row')}" for reason, count in Counter(broken.values()).most_common(5)]
    if table.rejected:
        lines.append(f"  {counted(len(table.rejected), 'picture')} cannot be read, e.g. {table.rejected[0].reason}")
    if result.failing_rows or broken or table.rejected:
        lines.append(f"  The rows that fail, with their reasons: {path}")
    absent = " To do without a column on purpose, list data.features." if result.table_failures else ""
    lines.append(
        "  Repair the source; or, where the rows are right and the contract is not, state preprocess.contract.path "
        f"(a suite of your own) or preprocess.contract.max_failing.{absent}"
    )
    return "\n".join(lines)


def _line(failure: Failure, table: RawTable) -> str:
    where = f", first in {located(table, failure.rows)}" if failure.rows else ""
    return f"{failure.rule}. Received: {failure.found}{where}"
