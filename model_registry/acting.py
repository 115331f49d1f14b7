"""Who acts, and when: written beside every move, signature and version."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


def now() -> str:
    """The time in UTC, to the microsecond."""
    return datetime.now(UTC).strftime(TIME)


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
