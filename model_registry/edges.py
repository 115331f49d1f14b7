"""The edges of a family tree: what led from a parent to its child, and what that cost and gave."""

from dataclasses import dataclass
from typing import Any

from model_registry.figures import deltas, is_score, signed
from model_registry.versions import Version

_TOLD = ("validation_accuracy", "test_accuracy", "size_bytes")  # in one line; JSON and the page have all


@dataclass(frozen=True)
class Edge:
    """One edge.

    Attributes:
        parent: The parent.
        child: The child.
        role: What the parent gave: weights, solution or teacher.
        deltas: Child minus parent, for each figure that both have.
    """

    parent: Version
    child: Version
    role: str
    deltas: dict[str, float]

    @property
    def same_data(self) -> bool:
        """Whether both were made on one data set: scores on different rows can't be set off against each other."""
        return self.parent.data_sha256 == self.child.data_sha256

    def comparable(self, name: str) -> bool:
        """Whether the change of a figure says something: a score does on the same data alone."""
        return self.same_data or not is_score(name)

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "parent": self.parent.label,
            "child": self.child.label,
            "role": self.role,
            "operation": self.child.operation,
            "same_data": self.same_data,
            "deltas": self.deltas,
        }

    def told(self) -> str:
        """What changed, in one line; empty where nothing did."""
        changed = {name: self.deltas[name] for name in _TOLD if self.deltas.get(name)}
        apart = "" if all(map(self.comparable, changed)) else " (other data)"
        return ", ".join(signed(*each) for each in changed.items()) + apart


def edges(family: dict[str, Version]) -> list[Edge]:
    """Every edge within a family, in the order of its members."""
    return [
        Edge(parent, child, each.role, deltas(child, parent))
        for child in family.values()
        for each in child.parents
        if (parent := family.get(f"{each.name}/{each.version}")) is not None
    ]
