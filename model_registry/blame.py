"""Which edge of a family tree made a metric worse."""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from model_registry import gates
from model_registry.ancestry import ancestry
from model_registry.edges import edges
from model_registry.errors import InputError
from model_registry.figures import figures, is_score, lower_is_better
from model_registry.versions import Version


@dataclass(frozen=True)
class Step:
    """What a metric did on the way from an ancestor to a version.

    Attributes:
        parent: The nearest ancestor that has the metric.
        child: The version.
        via: The versions between them, none of which has it, from the ancestor down; empty for an edge of the tree.
        operations: What led from one to the other, in order.
        before: The ancestor's value.
        after: The version's value.
        same_data: Whether both were made on one data set.
    """

    parent: str
    child: str
    via: tuple[str, ...]
    operations: tuple[str, ...]
    before: float
    after: float
    same_data: bool

    @property
    def delta(self) -> float:
        """Child minus parent."""
        return self.after - self.before

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return vars(self) | {"delta": self.delta}


@dataclass(frozen=True)
class Blame:
    """The steps of a family by what they did to one metric.

    Attributes:
        version: Whose family.
        metric: The metric.
        lower_is_better: Whether less of it is better.
        steps: The worst first.
        alone: The versions with the metric of which no ancestor has it.
        unmeasured: The versions without it.
    """

    version: str
    metric: str
    lower_is_better: bool
    steps: list[Step]
    alone: dict[str, float]
    unmeasured: list[str]

    @property
    def verdict(self) -> str:
        """The finding in a sentence."""
        worst = self.steps[0] if self.steps else None
        if worst is None:
            where = ", ".join(f"{label} ({value:.6g})" for label, value in self.alone.items())
            return f"{self.metric} is known of {where} alone: there is no step to compare."
        if _worse_by(worst, self.lower_is_better) <= 0:
            return f"No step made {self.metric} worse."
        how = ", ".join(worst.operations)
        told = f"{self.metric} got worse most from {worst.parent} to {worst.child} ({how}): {worst.delta:+.6g}."
        if not worst.same_data and is_score(self.metric):
            own = next((step for step in self.steps if step.same_data and _worse_by(step, self.lower_is_better) > 0), None)
            told += " That step led to other data, whose scores are not comparable."
            told += f" On one data set, from {own.parent} to {own.child}: {own.delta:+.6g}." if own else ""
        return told

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return vars(self) | {"steps": [step.as_json() for step in self.steps], "verdict": self.verdict}


def blame(version: Version, metric: str) -> Blame:
    """What each edge of a version's family tree did to a metric, the worst first.

    Where the versions along a path do not have the metric, as only what was judged has a test accuracy, the path between
    those that do stands for an edge.

    Args:
        version: Whose family.
        metric: A number among the facts, test_accuracy, or a metric of the stored verdict.

    Raises:
        InputError: No version of the family has it; the message lists what they have.
    """
    family = ancestry(version)
    values = {label: value for label, member in family.items() if (value := _value(member, metric)) is not None}
    if not values:
        known = sorted({name for member in family.values() for name in figures(member, _judged(member))})
        near = get_close_matches(metric, known, n=1)
        raise InputError(
            f"--metric: no version in the family of {version.label} has {metric!r}. Expected one of {known}. "
            f"Received: {metric!r}.{f' Did you mean {near[0]!r}?' if near else ''}"
        )
    above: dict[str, list[str]] = {label: [] for label in family}
    for edge in edges(family):
        above[edge.child.label].append(edge.parent.label)
    less = lower_is_better(metric)
    steps = {label: _steps(label, family, above, values) for label in values}
    return Blame(
        version=version.label,
        metric=metric,
        lower_is_better=less,
        steps=sorted((step for found in steps.values() for step in found), key=lambda step: -_worse_by(step, less)),
        alone={label: values[label] for label, found in steps.items() if not found},
        unmeasured=[label for label in family if label not in values],
    )


def _steps(label: str, family: dict[str, Version], above: dict[str, list[str]], values: dict[str, float]) -> list[Step]:
    """The steps that end at a version, each the shortest way from an ancestor that has the metric."""
    found = []
    seen: set[str] = set()
    waiting: list[tuple[str, ...]] = [(parent, label) for parent in above[label]]
    for path in waiting:  # grows while it is walked through
        if path[0] in seen:
            continue
        seen.add(path[0])
        if path[0] not in values:
            waiting += [(parent, *path) for parent in above[path[0]]]
            continue
        found.append(
            Step(
                parent=path[0],
                child=label,
                via=path[1:-1],
                operations=tuple(family[each].operation for each in path[1:]),
                before=values[path[0]],
                after=values[label],
                same_data=family[path[0]].data_sha256 == family[label].data_sha256,
            )
        )
    return found


def _worse_by(step: Step, less: bool) -> float:
    return step.delta if less else -step.delta


def _value(member: Version, metric: str) -> float | None:
    known = figures(member)
    return known[metric] if metric in known else figures(member, _judged(member)).get(metric)


def _judged(member: Version) -> dict[str, float | None]:
    """The metrics of the stored verdict; only what was judged is asked for one."""
    verdict = gates.read(member) if member.gate else None
    return {} if verdict is None else verdict.metrics
