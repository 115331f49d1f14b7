"""Request ids: a client's own where it is harmless to log and store, else a new one."""

import re
import secrets

HEADER = b"x-request-id"
# Also what a captured prediction is found by, so it must not be long, nor hold what a log or a path would trip over.
_HARMLESS = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


def of(given: bytes | None) -> str:
    """The id of a request.

    Args:
        given: The header, as the client sent it.
    """
    if given is not None and _HARMLESS.fullmatch(given):
        return given.decode()
    return secrets.token_hex(16)


def is_harmless(given: str) -> bool:
    """Whether this server would have taken, or made, such an id."""
    return given.isascii() and _HARMLESS.fullmatch(given.encode()) is not None
