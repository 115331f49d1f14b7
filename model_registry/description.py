"""A version's Markdown description, for MLflow's UI: its family tree, what made it, what it is worth."""

from model_registry import lineage
from model_registry.gates import Verdict
from model_registry.store import client, plain_errors
from model_registry.versions import Version

_MOST = 5000  # characters that MLflow's database has room for
_MOST_FACTS = 2000
_UNNUMBERED = 0
_MORE = "... the rest: `bequest lineage`"


def described(version: Version, verdict: Verdict | None = None) -> str:
    """The description; what does not fit is left out, and said so.

    Args:
        version: The version; one that is about to be registered has the number 0.
        verdict: The gate's verdict, once there is one.
    """
    origin = ", ".join(
        f"`{each.name}/{each.version}`" + (f" ({each.role})" if each.role != "weights" else "") for each in version.parents
    )
    parts = [f"**{version.operation}** from {origin or 'nothing'}", _facts(version)]
    if verdict is not None:
        parts.insert(1, _judged(verdict))
    room = _MOST - sum(len(part) + 2 for part in parts) - len("```\n\n```\n\n")
    return "\n\n".join([parts[0], f"```\n{_tree(version, room)}\n```", *parts[1:]]) + "\n"


def write(version: Version, verdict: Verdict) -> None:
    """Renews the description of a version that was judged."""
    with plain_errors(f"describing {version.label}"):
        client().update_model_version(version.name, str(version.version), described(version, verdict))


def _tree(version: Version, room: int) -> str:
    """The family tree. It keeps no stages: they move on, a description stays."""
    text = lineage.as_text(version, stages=False)
    if version.version == _UNNUMBERED:
        text = text.replace(version.label, "this version")
    if len(text) <= room:
        return text
    kept, left = [], room - len(_MORE)
    for line in text.splitlines():
        left -= len(line) + 1
        if left < 0:
            break
        kept.append(line)
    return "\n".join([*kept, _MORE])


def _facts(version: Version) -> str:
    rows, left = ["| fact | value |", "| --- | --- |"], _MOST_FACTS
    for name, value in version.facts.items():
        if not isinstance(value, int | float | str) or isinstance(value, bool):
            continue
        row = f"| {name.replace('_', ' ')} | {f'{value:.4g}' if isinstance(value, float) else value} |"
        if len(row) < left:
            rows.append(row)
            left -= len(row) + 1
    return "\n".join(rows)


def _judged(verdict: Verdict) -> str:
    passed = "passed" if verdict.passed else "refused"
    figures = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in verdict.metrics.items() if value is not None)
    return f"Gate: **{passed}**, on {verdict.rows} test rows: {figures}."
