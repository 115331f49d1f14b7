"""Label names: what a cell of the target becomes, and which classes are kept in which order."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from model_registry.errors import InputError
from tasks.data.values import as_text
from tasks.data.wording import listed, nearest

MAX_CLASSES = 1000


def label_names(values: Any, where: str) -> np.ndarray:
    """Names of labels: whole numbers without `.0`, missing as None.

    Args:
        values: Label column, [n].
        where: File and column, for the message.

    Returns:
        object [n].

    Raises:
        InputError: The labels are numbers to predict rather than classes, or all missing.
    """
    cells = np.asarray(values)
    if cells.dtype.kind == "f":
        broken = cells[np.isfinite(cells) & (cells != np.round(cells))]
        if len(broken):
            raise InputError(
                f"{where}: expected classes. Received: numbers such as {broken[0]:g}; bequest classifies, it does not regress. "
                "Cut the numbers into named classes first."
            )
    names = as_text(cells)
    present = {name for name in names if name is not None}
    if not present:
        raise InputError(f"{where}: expected a label in each row. Received: none in {len(names)} rows.")
    if len(present) > MAX_CLASSES:
        raise InputError(
            f"{where}: expected at most {MAX_CLASSES} classes. Received: {len(present)}, such as {listed(sorted(present), 3)}. "
            "Is this an identifier?"
        )
    return names


def ordered(names: Sequence[str]) -> list[str]:
    """Distinct names in order: by number where all are whole numbers, else by alphabet."""
    distinct = sorted(set(names))
    if all(name.lstrip("-").isdigit() for name in distinct):
        return sorted(distinct, key=int)
    return distinct


def chosen_classes(labels: np.ndarray, stated: list[str | int] | None, given: list[str] | None) -> list[str]:
    """The classes to keep, in order.

    Args:
        labels: object [n], None where missing.
        stated: The recipe's `data.classes`.
        given: The order the source gives; labels that it does not name, of appended rows, come after.

    Raises:
        InputError: A stated class is not in the source, stated twice, or fewer than two remain.
    """
    present = {name for name in labels if name is not None}
    first = [name for name in given or () if name in present]
    known = first + ordered(list(present - set(first)))
    if stated is None:
        classes = known
    else:
        classes = [str(name) for name in stated]
        for name in classes:
            if name not in present:
                raise InputError(f"data.classes: expected some of {listed(known)}. Received: {name!r}.{nearest(name, known)}")
        if len(set(classes)) < len(classes):
            raise InputError(f"data.classes: expected each class once. Received: {classes}.")
    if len(classes) < 2:
        raise InputError(
            f"data.target: expected at least two classes to tell apart. Received: {classes}. "
            "Check data.classes, data.rows and the target column."
        )
    return classes
