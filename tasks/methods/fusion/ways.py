"""Every way to make one model of several, by the name that a recipe calls it."""

from typing import Any

from tasks.methods.fusion.combiners import combiners
from tasks.methods.fusion.deep.joins import joins
from tasks.methods.fusion.growing import growers
from tasks.methods.fusion.merging.mergers import mergers
from tasks.methods.registry import Methods

KINDS: dict[str, Methods[Any]] = {"combine": combiners, "merge": mergers, "join": joins, "grow": growers}

AUTO = (
    "weighted_average",
    "geometric_mean",
    "greedy_selection",
    "stacking",
    "greedy_soup",
    "interpolation",
    "fisher_average",
    "ties",
    "concatenation",
)
"""What `auto` tries: of each kind what is known to hold, and trains no network of its own, but for the joint head.

More would be found better than the best member by chance, or have to show so much more that nothing is.
"""


def names() -> list[str]:
    """All names, sorted."""
    return sorted(name for methods in KINDS.values() for name in methods)


def kind_of(name: str) -> str:
    """combine, merge, join or grow.

    Raises:
        ValueError: There is no such way.
    """
    for kind, methods in KINDS.items():
        if name in methods.names():
            return kind
    raise ValueError(f"expected one of {names()}. Received: {name!r}.")
