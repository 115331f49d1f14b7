"""Which rows train, which choose, which judge; equal seeds give equal splits."""

from collections.abc import Mapping

import numpy as np

from model_registry.errors import InputError
from tasks.data.marks import NEW, TEST, TRAIN, VALIDATION
from tasks.data.wording import counted, listed
from tasks.recipe.data_schema import Split

SPLITS = ("train", "validation", "test")


def assign(
    held: np.ndarray,
    labels: np.ndarray,
    row_hash: np.ndarray,
    marks: np.ndarray | None,
    split: Split,
    seed: int,
) -> tuple[np.ndarray, list[str]]:
    """Splits rows; those that an ancestor held keep the split they had there.

    Args:
        held: int8 [n]: split in an ancestor's data set, NEW where it never saw the row.
        labels: object [n]: label names.
        row_hash: uint64 [n]: equal rows go the same way.
        marks: [n], see `tasks.data.marks.parsed`; None where the strategy needs none.
        split: The recipe's section.
        seed: Seed of the shuffle.

    Returns:
        int8 [n]: 0 train, 1 validation, 2 test; and notes.

    Raises:
        InputError: The strategy needs marks and there are none.
    """
    codes, rng = held.astype(np.int8), np.random.default_rng(seed)
    shares = {VALIDATION: split.validation, TEST: split.test}
    notes: list[str] = []
    if split.strategy in ("stratified", "random"):
        _by_rows(codes, labels if split.strategy == "stratified" else np.full(len(labels), ""), row_hash, shares, rng)
    elif marks is None:
        raise InputError(
            f"preprocess.split.column: expected the column of strategy {split.strategy!r}. "
            "Received: nothing, and the source has no split of its own."
        )
    elif split.strategy == "group":
        notes += _by_group(codes, marks, shares, rng)
    elif split.strategy == "time":
        _by_time(codes, marks, split)
    else:
        notes += _by_mark(codes, marks, labels, row_hash, shares, rng)
    return codes, notes


def check_splits(codes: np.ndarray, labels: np.ndarray, classes: list[str], split: Split) -> list[str]:
    """Looks for what cannot be learned or judged.

    Args:
        codes: int8 [n].
        labels: object [n]: label names.
        classes: All label names.
        split: The recipe's section.

    Returns:
        Notes on classes that a split can do without, though they will not be judged there.

    Raises:
        InputError: A split is empty, or a class has no row to train on, or under `stratified` none in some split.
    """
    notes = []
    for code, name in enumerate(SPLITS):
        if not (codes == code).any():
            raise InputError(
                f"preprocess.split: expected rows in the {name} split, of each of the classes {listed(classes)}. "
                f"Received: none of {len(codes)} rows. "
                f"Use more rows, other fractions, or another strategy than {split.strategy!r}."
            )
        for label in classes:
            if not ((codes == code) & (labels == label)).any():
                lack = f"class {label!r} has no row in the {name} split, of {counted(int((labels == label).sum()), 'row')}"
                if code == TRAIN or split.strategy == "stratified":
                    raise InputError(
                        f"preprocess.split: expected a row of each class in each split. Received: {lack}. "
                        "Use more rows, other fractions, or leave the class out with data.classes."
                    )
                notes.append(f"split: {lack}")
    return notes


def _by_rows(
    codes: np.ndarray, strata: np.ndarray, row_hash: np.ndarray, shares: Mapping[int, float], rng: np.random.Generator
) -> None:
    """Gives each split its share of the new rows of each stratum, and one at least where there are enough.

    scikit-learn's stratified splitters keep the fractions, but may leave a small class without a row in a split.
    """
    for stratum in sorted(set(strata)):
        inside = strata == stratum
        new = np.flatnonzero(inside & (codes == NEW))
        if not len(new):
            continue
        _, inverse = np.unique(row_hash[new], return_inverse=True)
        distinct = int(inverse.max()) + 1
        lacks = {code: code not in codes[inside] for code in (TRAIN, VALIDATION, TEST)}
        wanted = {code: max(round(distinct * share), int(lacks[code])) for code, share in shares.items()}
        while sum(wanted.values()) > max(0, distinct - int(lacks[TRAIN])):
            wanted[max(wanted, key=lambda code: (wanted[code], code))] -= 1  # too few rows: training comes first
        chosen = np.full(distinct, TRAIN, dtype=np.int8)
        order, start = rng.permutation(distinct), 0
        for code, count in wanted.items():
            chosen[order[start : start + count]] = code
            start += count
        codes[new] = chosen[inverse]


def _by_group(codes: np.ndarray, groups: np.ndarray, shares: Mapping[int, float], rng: np.random.Generator) -> list[str]:
    """Whole groups, largest first, each to the split that lacks most of its share.

    New rows of a group that an ancestor held join it; where the ancestor had the group in several splits, in the first of
    train, validation and test, so that nothing it learned from is judged on.
    """
    _, group, sizes = np.unique(groups.astype(str), return_inverse=True, return_counts=True)
    new, straddling = codes == NEW, 0
    past = np.full((len(sizes), 3), False)
    past[group[~new], codes[~new]] = True
    straddling = int((past.sum(axis=1) > 1).sum())
    chosen = np.where(past.any(axis=1), past.argmax(axis=1), NEW)
    fresh = np.flatnonzero(chosen == NEW)
    wanted = np.array([1 - sum(shares.values()), shares[VALIDATION], shares[TEST]]) * sizes[fresh].sum()
    given = np.zeros(3)
    for i in sorted(rng.permutation(fresh), key=lambda i: -sizes[i]):
        chosen[i] = np.argmax((wanted - given) / wanted)
        given[chosen[i]] += sizes[i]
    codes[new] = chosen[group[new]]
    return [f"split: {counted(straddling, 'group')} in several splits, because an ancestor's rows are"] if straddling else []


def _by_time(codes: np.ndarray, times: np.ndarray, split: Split) -> None:
    """The latest new rows are the test, those before them validation; rows of one time stay together."""
    new = np.flatnonzero(codes == NEW)
    if not len(new):
        return
    ordered = np.sort(times[new])
    starts = [round(len(new) * (1 - split.test - split.validation)), round(len(new) * (1 - split.test))]
    validation_from, test_from = (ordered[min(start, len(new) - 1)] for start in starts)
    codes[new] = np.select([times[new] >= test_from, times[new] >= validation_from], [TEST, VALIDATION], TRAIN)


def _by_mark(
    codes: np.ndarray,
    marks: np.ndarray,
    labels: np.ndarray,
    row_hash: np.ndarray,
    shares: Mapping[int, float],
    rng: np.random.Generator,
) -> list[str]:
    """The split that the source gives; what it does not give is split by class."""
    notes, new = [], codes == NEW
    moved = int((~new & (marks != NEW) & (marks != codes)).sum())
    if moved:
        notes.append(f"split: {counted(moved, 'row')} keep an ancestor's split instead of the one the source gives")
    codes[new] = marks[new]
    if not (marks == VALIDATION).any():
        given = new & (marks == TRAIN)
        inner = np.where(given, NEW, TEST).astype(np.int8)
        _by_rows(inner, labels, row_hash, {VALIDATION: shares[VALIDATION]}, rng)
        codes[given] = inner[given]
        notes.append(
            f"split: the source gives no validation rows; {shares[VALIDATION]:.0%} of its training rows are taken, by class"
        )
    unmarked = int((codes == NEW).sum())
    if unmarked:
        _by_rows(codes, labels, row_hash, shares, rng)
        notes.append(f"split: {counted(unmarked, 'appended row')} without a given split are split by class")
    return notes
