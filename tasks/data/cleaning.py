"""Rows that are taken out before anything is fitted: duplicates, and gaps where the recipe says so."""

import numpy as np
import pandas as pd

from model_registry.errors import InputError
from tasks.data.columns import Kind
from tasks.data.rawtable import RawTable, located
from tasks.data.wording import counted
from tasks.recipe.data_schema import Missing, Preprocess


def first_of_each(row_hash: np.ndarray) -> np.ndarray:
    """bool [n]: True for the first row of each hash."""
    _, first = np.unique(row_hash, return_index=True)
    keep = np.zeros(len(row_hash), dtype=bool)
    keep[first] = True
    return keep


def kept_of_duplicates(row_hash: np.ndarray, policy: str, table: RawTable) -> np.ndarray:
    """Applies `preprocess.duplicates`.

    Args:
        row_hash: uint64 [n].
        policy: drop, keep or error.
        table: The rows as read, to say where a duplicate is.

    Returns:
        bool [n]: rows that stay; of each set of duplicates the first.

    Raises:
        InputError: There are duplicates under policy `error`.
    """
    first = first_of_each(row_hash)
    if policy == "error" and not first.all():
        raise InputError(
            f"{table.parts[0]}: expected no row twice (preprocess.duplicates: error). Received: "
            f"{counted(int((~first).sum()), 'duplicate')}, in {located(table, np.flatnonzero(~first), 5)}. "
            "Take them out, or state preprocess.duplicates: drop."
        )
    return np.ones(len(row_hash), dtype=bool) if policy == "keep" else first


def conflicts(values_hash: np.ndarray, labels: np.ndarray) -> int:
    """How many rows share their values with a row of another label."""
    pairs = pd.DataFrame({"values": values_hash, "label": labels})
    return int((pairs.groupby("values")["label"].transform("nunique") > 1).sum())


def refuse_gaps(frame: pd.DataFrame, kinds: dict[str, Kind], missing: Missing, table: RawTable) -> None:
    """Applies policy `error`, before the contract looks at the rows.

    Args:
        frame: Features as numbers or text.
        kinds: Kind of each column.
        missing: The policies.
        table: The rows as read, to say where a gap is.

    Raises:
        InputError: A column under this policy has a missing or infinite value.
    """
    for name, kind in kinds.items():
        gaps = _gaps(frame[name], kind)
        if _policy(kind, missing) == "error" and gaps.any():
            rows = np.flatnonzero(gaps)
            raise InputError(
                f"{table.parts[table.part[rows[0]]]}: column {name!r}: expected a finite value in every row "
                f"(preprocess.missing.{kind}: error). Received: none in {counted(len(rows), 'row')}, e.g. "
                f"{located(table, rows, 5)}. "
                f"Fill them in the source, or state another policy for preprocess.missing.{kind}."
            )


def complete_rows(frame: pd.DataFrame, kinds: dict[str, Kind], missing: Missing) -> np.ndarray:
    """bool [n]: rows without a gap in any column whose policy is `drop`."""
    keep = np.ones(len(frame), dtype=bool)
    for name, kind in kinds.items():
        if _policy(kind, missing) == "drop":
            keep &= ~_gaps(frame[name], kind)
    return keep


def outlying_rows(frame: pd.DataFrame, fences: dict[str, tuple[float, float] | None]) -> np.ndarray:
    """bool [n]: rows with a number outside its column's fences."""
    outside = np.zeros(len(frame), dtype=bool)
    for name, pair in fences.items():
        if pair is not None:
            numbers = frame[name].to_numpy(dtype=np.float64)
            outside |= (numbers < pair[0]) | (numbers > pair[1])
    return outside


def fences_of(train: pd.DataFrame, kinds: dict[str, Kind], preprocess: Preprocess) -> dict[str, tuple[float, float] | None]:
    """Tukey's fences Q1 - factor * IQR and Q3 + factor * IQR of the numeric columns (Tukey, 1977).

    A column whose quartiles are equal has none: they would cut off everything but its commonest value.

    Args:
        train: Training rows alone.
        kinds: Kind of each column.
        preprocess: The recipe's section.
    """
    if preprocess.outliers.method == "none":
        return {}
    fences: dict[str, tuple[float, float] | None] = {}
    for name, kind in kinds.items():
        if kind == "numeric":
            numbers = train[name].dropna().to_numpy(dtype=np.float64)
            low, high = np.quantile(numbers, [0.25, 0.75]) if len(numbers) else (0.0, 0.0)
            room = preprocess.outliers.factor * (high - low)
            fences[name] = (float(low - room), float(high + room)) if high > low else None
    return fences


def filled_kinds(missing: Missing) -> frozenset[Kind]:
    """Kinds of column whose gaps are filled, or a category of their own."""
    kinds: tuple[Kind, Kind] = ("numeric", "categorical")
    return frozenset(kind for kind in kinds if _policy(kind, missing) not in ("drop", "error"))


def _policy(kind: Kind, missing: Missing) -> str:
    return missing.numeric if kind == "numeric" else missing.categorical


def _gaps(values: pd.Series, kind: Kind) -> np.ndarray:
    """bool [n]: missing, or infinite in a numeric column (text in it is the contract's matter)."""
    gaps = values.isna().to_numpy(dtype=bool)
    if kind == "numeric":
        gaps = gaps | np.isinf(pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64))
    return gaps
