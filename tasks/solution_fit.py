"""Whether what an ancestor hands down beside its weights would fit the target's rows, and what differs, in words."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from tasks.data.contract_differences import contract_differences
from tasks.data.dataset import DataSet
from tasks.data.wording import listed
from tasks.solution import Solution

Level = Literal["fits", "partly", "no"]
_ROWS = {"tabular": "a table", "image": "pictures"}
_LISTED = 3  # names in a line


class SolutionFit(BaseModel):
    """How an ancestor's solution fits.

    Attributes:
        level: fits: the same inputs and classes. partly: rows of the same kind, and something differs. no: another kind of
            rows, nothing in common, or no solution.
        differs: What, one line each.
    """

    model_config = ConfigDict(frozen=True)

    level: Level
    differs: list[str]


def solution_fit(solution: Solution, rows: DataSet) -> SolutionFit:
    """Compares an ancestor's rows, as its solution describes them, with the target's.

    Args:
        solution: What the ancestor hands down.
        rows: The target data set.
    """
    card = solution.card
    if solution.recipe is None or solution.preprocessing is None or card is None:
        return SolutionFit(level="no", differs=["it hands down no recipe and preprocessing"])
    if card.modality != rows.card.modality:
        words = f"it is about {_ROWS[card.modality]}, these rows are {_ROWS[rows.card.modality]}"
        return SolutionFit(level="no", differs=[words])
    ours, theirs = rows.card.features, card.features
    if card.modality == "tabular" and not set(ours) & set(theirs):
        return SolutionFit(level="no", differs=["no column in common"])
    differs = _columns(ours, theirs) if card.modality == "tabular" else _shapes(rows.card.input_shape, card.input_shape)
    differs += _classes(rows.card.classes, card.classes)
    return SolutionFit(level="partly" if differs else "fits", differs=differs)


def held_against(fit: SolutionFit, solution: Solution, rows: DataSet) -> SolutionFit:
    """The same, with what the ancestor's data contract does not allow in the target's rows: every row is looked at.

    Args:
        fit: As `solution_fit` found it.
        solution: What the ancestor hands down.
        rows: The target data set.
    """
    if fit.level == "no" or solution.contract is None:
        return fit
    broken = [
        line
        for line in contract_differences(rows, solution.contract)
        if not line.startswith(("new columns", "without columns"))
    ]
    if not broken:
        return fit
    more = f", and {len(broken) - 1} more" if len(broken) > 1 else ""
    return SolutionFit(level="partly", differs=[*fit.differs, f"its contract does not allow: {broken[0]}{more}"])


def _columns(ours: list[str], theirs: list[str]) -> list[str]:
    new, gone = ([name for name in a if name not in b] for a, b in ((ours, theirs), (theirs, ours)))
    return [f"{word} {listed(names, _LISTED)}" for word, names in (("new columns", new), ("without columns", gone)) if names]


def _shapes(ours: tuple[int, ...], theirs: tuple[int, ...]) -> list[str]:
    if ours == theirs:
        return []
    known, given = (" x ".join(map(str, shape)) for shape in (theirs, ours))
    return [f"pictures of {known}, these are {given}"]


def _classes(ours: list[str], theirs: list[str]) -> list[str]:
    if ours == theirs:
        return []
    shared = [name for name in ours if name in theirs]
    if not shared:
        return ["other classes"]
    if sorted(ours) == sorted(theirs):
        return ["the same classes in another order"]
    more = len(theirs) - len(shared)
    return [f"knows {len(shared)} of these {len(ours)} classes{f', and {more} others' if more else ''}"]
