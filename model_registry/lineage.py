"""The family tree of a version, written down: who it comes from, by which operation, at what cost and gain."""

from collections.abc import Iterator
from typing import Any

from model_registry import reproduction, withdrawal
from model_registry.ancestry import ancestry, descends_from
from model_registry.edges import Edge, edges
from model_registry.versions import Version, search

__all__ = ["ancestry", "as_json", "as_mermaid", "as_text", "candidates", "descends_from", "summary"]

_DEEPEST = 30  # generations that are indented; below, a line says how deep it is


def as_json(version: Version) -> dict[str, Any]:
    """The family as plain data: nodes with what the registry knows of each, and edges with what changed along them."""
    family = ancestry(version)
    withdrawn = withdrawal.within(family)
    return {
        "version": version.label,
        "nodes": [
            member.model_dump(mode="json", exclude={"parents", "stage_key"})
            | {
                "label": member.label,
                "stage": member.stage,
                "withdrawn": [cause.model_dump() for cause in withdrawn.get(member.label, [])],
            }
            for member in family.values()
        ],
        "edges": [edge.as_json() for edge in edges(family)],
    }


def as_mermaid(version: Version) -> str:
    """The family as a Mermaid flowchart, parents above children, what changed on the arrows."""
    family = ancestry(version)
    withdrawn = withdrawal.within(family)
    keys = {label: f"v{number}" for number, label in enumerate(family)}
    lines = ["flowchart TD"]
    lines += [
        f'    {keys[label]}["{label}<br/>{summary(member, withdrawn=label in withdrawn)}"]' for label, member in family.items()
    ]
    for edge in edges(family):
        changed = f'|"{edge.told()}"|' if edge.told() else ""
        arrow = "-->" if edge.role == "weights" else "-.->"
        lines.append(f"    {keys[edge.parent.label]} {arrow}{changed} {keys[edge.child.label]}")
    return "\n".join(lines) + "\n"


def summary(member: Version, *, withdrawn: bool = False, stages: bool = True) -> str:
    """One line on a version: operation, stage, validation accuracy where known, whether it is withdrawn, was reproduced."""
    objective = member.facts.get("objective", "fine_tuning")
    parts = [member.operation if objective == "fine_tuning" else f"{member.operation} by {objective}"]
    accuracy = member.figure("validation_accuracy")
    if accuracy is not None:
        parts.append(f"{accuracy:.3f}")
    if stages and member.stage != "None":
        parts.append(member.stage)
    if member.trigger.get("kind") in ("drift", "degradation", "estimate", "schedule"):
        parts.append(f"trigger: {member.trigger['kind']}")
    if withdrawn:
        parts.append("withdrawn")
    if stages and (told := reproduction.told(member)):
        parts.append(f"reproduced {told}")
    return " · ".join(parts)


def as_text(version: Version, *, stages: bool = True) -> str:
    """The family as an indented tree, the version first and its parents below it; a repeat is named, not drawn again.

    A parent's line says what changed from it to the child above.

    Args:
        version: The version.
        stages: Whether to tell what moves on: the stages in which its members stand now, and when they were reproduced.
    """
    return "\n".join(_lines(version, stages))


def _lines(version: Version, stages: bool) -> Iterator[str]:
    family = ancestry(version)
    withdrawn = withdrawal.within(family)
    above: dict[str, list[Edge]] = {label: [] for label in family}
    for edge in edges(family):
        above[edge.child.label].append(edge)
    drawn: set[str] = set()
    # Not by recursion: a chain of versions may be longer than Python's stack.
    waiting: list[tuple[Version, Edge | None, str, str, str, int]] = [(version, None, "", "", "", 0)]
    while waiting:
        member, led_to, lead, branch, stem, depth = waiting.pop()
        again = member.label in drawn and bool(member.parents)
        changed = f"  [{led_to.told()}, to {led_to.child.label}]" if led_to is not None and led_to.told() else ""
        told = summary(member, withdrawn=member.label in withdrawn, stages=stages)
        yield f"{lead}{branch}{member.label}  {told}{changed}{'  (see above)' if again else ''}"
        if again:
            continue
        drawn.add(member.label)
        below = lead + stem
        if depth and depth % _DEEPEST == 0:
            below = ""
            if above[member.label]:
                yield f"… above {member.label}, {depth} generations up:"
        for place, each in reversed(list(enumerate(above[member.label]))):
            last = place == len(above[member.label]) - 1
            drawing = ("└── ", "    ") if last else ("├── ", "│   ")
            waiting.append((each.parent, each, below, *drawing, depth + 1))


def candidates(exclude_name: str = "") -> list[Version]:
    """The versions worth inheriting from: of each name, the one in production, else the newest brought in or passed.

    What the gate refused is no candidate, nor what it never judged: a step on the way to another version, a control
    from scratch, or what a run that was cut off left behind. Nor is what was withdrawn, itself or with an ancestor.

    Args:
        exclude_name: A name to leave out: a project that is about to inherit does not inherit from itself.
    """
    offered = [
        version
        for version in search()  # newest first
        if version.ready
        and version.name != exclude_name
        and version.gate != "refused"
        and (version.stage == "Production" or version.operation == "inherited" or version.gate == "passed")
    ]
    withdrawn = withdrawal.causes(*offered)
    best: dict[str, Version] = {}
    for version in offered:
        if version.label in withdrawn:
            continue
        if version.stage == "Production":
            best[version.name] = version
        else:
            best.setdefault(version.name, version)
    return list(best.values())
