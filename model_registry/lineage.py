"""The family tree of a version: who it comes from, by which operation, at what cost and gain."""

from datetime import UTC, datetime
from typing import Any

from model_registry.versions import Parent, Version, find, search


def ancestry(version: Version) -> dict[str, Version]:
    """The version and everything it descends from, by label; the version itself comes first.

    A version that was deleted from the registry stands as what its heirs know of it, with the operation "deleted".
    """
    family: dict[str, Version] = {}
    waiting = [version]
    while waiting:
        member = waiting.pop(0)
        if member.label in family:
            continue
        family[member.label] = member
        waiting += [find(parent.name, parent.version) or _deleted(parent) for parent in member.parents]
    return family


def _deleted(parent: Parent) -> Version:
    return Version(
        name=parent.name,
        version=parent.version,
        ready=False,
        operation="deleted",
        sha256=parent.sha256,
        created=datetime.fromtimestamp(0, UTC),  # when it was made went with it
    )


def descends_from(version: Version, ancestor: Version) -> bool:
    """Whether `ancestor` is `version` itself or stands anywhere above it."""
    return ancestor.label in ancestry(version)


def edges(family: dict[str, Version]) -> list[tuple[str, str, str]]:
    """(parent, child, role) for every edge within a family."""
    return [
        (f"{parent.name}/{parent.version}", child.label, parent.role)
        for child in family.values()
        for parent in child.parents
        if f"{parent.name}/{parent.version}" in family
    ]


def as_json(version: Version) -> dict[str, Any]:
    """The family as plain data: nodes with what the registry knows of each, and edges."""
    family = ancestry(version)
    return {
        "version": version.label,
        "nodes": [
            member.model_dump(mode="json", exclude={"parents", "stage_key"}) | {"label": member.label, "stage": member.stage}
            for member in family.values()
        ],
        "edges": [{"parent": parent, "child": child, "role": role} for parent, child, role in edges(family)],
    }


def as_mermaid(version: Version) -> str:
    """The family as a Mermaid flowchart, parents above children."""
    family = ancestry(version)
    keys = {label: f"v{number}" for number, label in enumerate(family)}
    lines = ["flowchart TD"]
    lines += [f'    {keys[label]}["{label}<br/>{summary(member)}"]' for label, member in family.items()]
    lines += [
        f"    {keys[parent]} {'-->' if role == 'weights' else '-.->'} {keys[child]}" for parent, child, role in edges(family)
    ]
    return "\n".join(lines) + "\n"


def summary(member: Version) -> str:
    """One line on a version: operation, stage, validation accuracy where known."""
    objective = member.facts.get("objective", "fine_tuning")
    parts = [member.operation if objective == "fine_tuning" else f"{member.operation} by {objective}"]
    accuracy = member.figure("validation_accuracy")
    if accuracy is not None:
        parts.append(f"{accuracy:.3f}")
    if member.stage != "None":
        parts.append(member.stage)
    if member.trigger.get("kind") in ("drift", "degradation", "schedule"):
        parts.append(f"trigger: {member.trigger['kind']}")
    return " · ".join(parts)


def as_text(version: Version) -> str:
    """The family as an indented tree, the version first and its parents below it; a repeat is named, not drawn again."""
    family = ancestry(version)
    lines: list[str] = []
    drawn: set[str] = set()

    def draw(member: Version, lead: str, branch: str, stem: str) -> None:
        again = member.label in drawn and bool(member.parents)
        lines.append(f"{lead}{branch}{member.label}  {summary(member)}{'  (see above)' if again else ''}")
        if again:
            return
        drawn.add(member.label)
        for position, parent in enumerate(member.parents):
            last = position == len(member.parents) - 1
            below = family[f"{parent.name}/{parent.version}"]
            draw(below, lead + stem, "└── " if last else "├── ", "    " if last else "│   ")

    draw(version, "", "", "")
    return "\n".join(lines)


def candidates(exclude_name: str = "") -> list[Version]:
    """The versions worth inheriting from: of each name, the one in production, else the newest brought in or passed.

    What the gate refused is no candidate, nor what it never judged: a step on the way to another version, a control
    from scratch, or what a run that was cut off left behind.

    Args:
        exclude_name: A name to leave out: a project that is about to inherit does not inherit from itself.
    """
    best: dict[str, Version] = {}
    for version in search():  # newest first
        if not version.ready or version.name == exclude_name or version.gate == "refused":
            continue
        if version.stage == "Production":
            best[version.name] = version
        elif version.operation == "inherited" or version.gate == "passed":
            best.setdefault(version.name, version)
    return list(best.values())
