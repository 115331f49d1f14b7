"""Moves of versions between stages, as the promotion ledger writes them, and what follows from them. Reads no store.

Each is a tag of the registered model, under a key that sorts by time.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model_registry.acting import TIME, now, who

PREFIX = "promotion."
Move = Literal["promotion", "rollback", "archival", "found"]


class Entry(BaseModel):
    """One move."""

    model_config = ConfigDict(frozen=True)

    at: str = Field(default_factory=now)
    by: str = Field(default_factory=who)
    move: Move = "promotion"
    version: int
    came_from: str
    to: str
    replaced: int | None = None
    reason: str = ""
    verdict: dict[str, Any] = Field(default_factory=dict)


def dated(entry: Entry, entries: list[Entry]) -> Entry:
    """The entry as it comes after all others: they are read by time, and clocks of two machines differ."""
    last = max((each.at for each in entries), default="")
    if entry.at > last:
        return entry
    moment = datetime.fromisoformat(last) + timedelta(microseconds=1)
    return entry.model_copy(update={"at": moment.strftime(TIME)})


def among(found: dict[str, str]) -> list[Entry]:
    """The entries among the tags of a registered model, oldest first; tags of another form are none."""
    entries = []
    for key, value in sorted(found.items()):
        if key.startswith(PREFIX):
            with suppress(ValidationError):
                entries.append(Entry.model_validate_json(value))
    return entries


def in_production(entries: list[Entry]) -> int | None:
    """The version that stands in production by the ledger, if any."""
    holder = None
    for entry in entries:
        if entry.to == "Production":
            holder = entry.version
        elif entry.version == holder and (entry.to == "Archived" or entry.move == "found"):
            holder = None
    return holder


def former(entries: list[Entry], version: int) -> int | None:
    """The version that a rollback from `version` goes back to, if any.

    Rollbacks don't count as its entry: a second one goes further back, not forward again to the version that the
    first one left.
    """
    entered = [entry for entry in entries if entry.to == "Production" and entry.version == version]
    replaced = [entry.replaced for entry in entered if entry.move != "rollback" and entry.replaced is not None]
    return replaced[-1] if replaced else None


def predecessor(entries: list[Entry], version: int) -> int | None:
    """The last version in production before `version` enters it, whether it stands there still or was taken out."""
    entered = [entry.version for entry in entries if entry.to == "Production"]
    return entered[-1] if entered and entered[-1] != version else former(entries, version)


def departed(entries: list[Entry]) -> dict[int, int | None]:
    """The versions that left production or were archived, each with the version that replaced it, if any."""
    gone: dict[int, int | None] = {}
    for entry in entries:
        gone.pop(entry.version, None)
        if entry.to == "Archived":
            gone[entry.version] = None
        elif entry.replaced is not None and entry.to == "Production":
            gone.setdefault(entry.replaced, entry.version)
        elif entry.replaced is not None:
            gone.pop(entry.replaced, None)
    return gone


def cleared(gate: str, version: int, entries: list[Entry]) -> bool:
    """Whether a version may serve from production: by the gate's word, or by a promotion that was forced and says why.

    Args:
        gate: The gate's word on it, `passed`, `refused` or none.
        version: Its number.
        entries: Its model's promotion ledger. A promotion in it was passed by the gate or forced with a reason; what was
            found moved by hand was neither.
    """
    promoted = (entry.move == "promotion" and entry.to == "Production" for entry in entries if entry.version == version)
    return gate == "passed" or any(promoted)
