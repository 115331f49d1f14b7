"""What tells two versions apart: recipe, data, figures, and the test rows on which they decide otherwise."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from model_registry import artifacts, gates
from model_registry.errors import BequestError, IntegrityError
from model_registry.figures import figures
from model_registry.reference import DataRef
from model_registry.versions import Version
from tasks.bundle import Bundle
from tasks.contest import unseen_rows
from tasks.data.dataset import DataSet
from tasks.data.raw import as_columns
from tasks.derive import BUNDLE
from tasks.recipe.summary import leaves
from tasks.solution import Solution

_EXAMPLES = 20  # changed rows that are told one by one


class Changed(BaseModel):
    """A value in both versions; None where one has none."""

    model_config = ConfigDict(frozen=True)

    a: Any = None
    b: Any = None


class ChangedRow(BaseModel):
    """A test row on which the two decide otherwise.

    Attributes:
        row: Its place in the test split.
        label: What it is.
        a: What A says.
        b: What B says.
    """

    model_config = ConfigDict(frozen=True)

    row: int
    label: str
    a: str
    b: str


class Predictions(BaseModel):
    """Both versions on the same test rows.

    Attributes:
        of: The version whose test split was read.
        rows: How many rows.
        right_a: Rows that A gets right.
        right_b: Likewise B.
        changed: Rows on which they decide otherwise.
        right_to_wrong: Rows that A gets right and B does not.
        wrong_to_right: Rows that B gets right and A does not.
        examples: The first changed rows.
        notes: What to know of the comparison.
    """

    model_config = ConfigDict(frozen=True)

    of: str
    rows: int
    right_a: int
    right_b: int
    changed: int
    right_to_wrong: int
    wrong_to_right: int
    examples: list[ChangedRow]
    notes: list[str] = []


class Difference(BaseModel):
    """What tells two versions apart.

    Attributes:
        a: The one.
        b: The other.
        recipe: Dotted keys of the recipes whose values differ.
        data: What differs of the data: fingerprint, source, columns, classes, rows of each split and class.
        figures: Every number known of either, equal ones included.
        made: What differs of how they were made: operation, parents, trigger, by whom.
        predictions: Both on the same rows; None where they can't be asked.
        notes: What could not be compared, and why.
    """

    model_config = ConfigDict(frozen=True)

    a: str
    b: str
    recipe: dict[str, Changed]
    data: dict[str, Changed]
    figures: dict[str, Changed]
    made: dict[str, Changed]
    predictions: Predictions | None
    notes: list[str]


@dataclass(frozen=True)
class _Side:
    version: Version
    folder: Path
    solution: Solution

    @classmethod
    def of(cls, version: Version) -> "_Side":
        folder = artifacts.fetch(version)
        return cls(version, folder, Solution.read(folder))


def difference(first: Version, second: Version) -> Difference:
    """Compares two versions.

    Args:
        first: The one.
        second: The other; its test split is read, or that of `first` where its data set does not stand any more.

    Raises:
        InputError: One of them was not made by bequest.
        IntegrityError: Files of one of them are missing or were changed.
    """
    a, b = _Side.of(first), _Side.of(second)
    predictions, notes = _predictions(a, b)
    for side in (a, b):
        if side.solution.recipe is None:
            notes.append(f"{side.version.label} has no recipe to compare")
    known = [figures(side.version, verdict.metrics if (verdict := gates.read(side.version)) else None) for side in (a, b)]
    return Difference(
        a=first.label,
        b=second.label,
        recipe=_changed(*(leaves(side.solution.recipe or {}) for side in (a, b))),
        data=_changed(*(_data(side) for side in (a, b))),
        figures={name: Changed(a=known[0].get(name), b=known[1].get(name)) for name in sorted({*known[0], *known[1]})},
        made=_changed(*(_making(side.version) for side in (a, b))),
        predictions=predictions,
        notes=notes,
    )


def _changed(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Changed]:
    """Keys whose values differ, in the order of `a`, then of `b`."""
    return {key: Changed(a=a.get(key), b=b.get(key)) for key in {**a, **b} if a.get(key) != b.get(key)}


def _data(side: _Side) -> dict[str, Any]:
    """What is known of the rows a version was made on."""
    card = side.solution.card
    known: dict[str, Any] = {"sha256": side.version.data_sha256}
    if card is None:
        return known
    known |= {
        "fingerprint": card.fingerprint,
        "source": card.source,
        "target": card.target,
        "features": card.features,
        "input_shape": list(card.input_shape),
        "classes": card.classes,
        "rows": card.rows,
    }
    return known | {f"rows.{split}.{name}": count for split, counts in card.counts.items() for name, count in counts.items()}


def _making(version: Version) -> dict[str, Any]:
    return {
        "operation": version.operation,
        "parents": [f"{parent.name}/{parent.version} ({parent.role})" for parent in version.parents],
        "trigger": version.trigger.get("kind"),
        "by": version.by,
        "stage": version.stage,
        "gate": version.gate,
        "sha256": version.sha256,
    }


def _predictions(a: _Side, b: _Side) -> tuple[Predictions | None, list[str]]:
    """Both bundles on the test split of B, else of A; or why they can't be asked."""
    bare = [side.version.label for side in (a, b) if not (side.folder / BUNDLE).is_dir()]
    if bare:
        return None, [f"predictions are not compared: no bundle in {' and '.join(bare)}; compare what was converted from there"]
    notes = []
    for side in (b, a):
        try:
            rows = DataSet.open(DataRef(uri=side.version.data_uri, sha256=side.version.data_sha256))
        except IntegrityError:
            notes.append(f"the data set of {side.version.label} does not stand here any more")
            continue
        try:
            return _on(a, b, rows, side.version), notes
        except BequestError as error:
            notes.append(f"predictions on the test split of {side.version.label} are not compared: {error}")
    return None, notes


def _on(a: _Side, b: _Side, rows: DataSet, of: Version) -> Predictions:
    """Both on a data set's test split. By name: they may know other classes, in another order."""
    test = rows.split("test")
    labels = np.array(rows.card.classes)[test.y]
    said = [_says(side, as_columns(test.raw)) for side in (a, b)]
    right = [each == labels for each in said]
    changed = said[0] != said[1]
    notes = []
    for side in (a, b):
        unseen, note = unseen_rows(side.version, rows, test)
        if not unseen.all():
            notes.append(f"{side.version.label}, or an ancestor of it, has learned from {int((~unseen).sum())} of these rows")
        elif note:
            notes.append(note)
    return Predictions(
        of=of.label,
        rows=len(labels),
        right_a=int(right[0].sum()),
        right_b=int(right[1].sum()),
        changed=int(changed.sum()),
        right_to_wrong=int((right[0] & ~right[1]).sum()),
        wrong_to_right=int((~right[0] & right[1]).sum()),
        examples=[
            ChangedRow(row=int(row), label=str(labels[row]), a=str(said[0][row]), b=str(said[1][row]))
            for row in np.flatnonzero(changed)[:_EXAMPLES]
        ],
        notes=list(dict.fromkeys(notes)),
    )


def _says(side: _Side, raw: Any) -> np.ndarray:
    """The class that a version's bundle decides for, by name, text [n]."""
    bundle = Bundle.open(side.folder / BUNDLE)
    return np.array(bundle.labels)[bundle.predict(raw).argmax(axis=1)]
