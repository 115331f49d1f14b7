"""The promotion ledger: who moved which version where, when and why. Entries are added, never changed.

Aliases keep no history of their own, so each move is also written as a tag of the registered model, under a key
that sorts by time.
"""

import getpass
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from mlflow.exceptions import MlflowException
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model_registry.store import absent, client, plain_errors

_PREFIX = "promotion."
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
Move = Literal["promotion", "rollback", "archival", "found"]


def now() -> str:
    """The time in UTC, to the microsecond."""
    return datetime.now(UTC).strftime(_TIME)


_acting: ContextVar[str | None] = ContextVar("acting", default=None)


@contextmanager
def acting_as(name: str) -> Iterator[None]:
    """Names a part of bequest that moves versions by itself as who did it."""
    token = _acting.set(name)
    try:
        yield
    finally:
        _acting.reset(token)


def who() -> str:
    """The user's name, as far as the system knows it; or the part of bequest that acts by itself."""
    acting = _acting.get()
    if acting is not None:
        return acting
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


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
    return entry.model_copy(update={"at": moment.strftime(_TIME)})


def add(name: str, entry: Entry) -> None:
    """Appends an entry; the key is unique, so that two writers never overwrite each other."""
    with plain_errors(f"writing the promotion ledger of {name}"):
        client().set_registered_model_tag(name, f"{_PREFIX}{entry.at}.{uuid.uuid4().hex[:8]}", entry.model_dump_json())


def tags(name: str) -> dict[str, str]:
    """The tags of a registered model; none where the name is unknown."""
    with plain_errors(f"reading the tags of {name}"):
        try:
            return dict(client().get_registered_model(name).tags or {})
        except MlflowException as error:
            if not absent(error):
                raise
            return {}


def read(name: str) -> list[Entry]:
    """All entries of a name, oldest first; empty where the name is unknown."""
    return among(tags(name))


def among(found: dict[str, str]) -> list[Entry]:
    """The entries among the tags of a registered model, oldest first; tags of another form are none."""
    entries = []
    for key, value in sorted(found.items()):
        if key.startswith(_PREFIX):
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
