"""The finding of one check."""

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Check:
    """One thing looked at.

    Attributes:
        name: What was looked at.
        state: `ok`, `warn` (works, but look at it) or `fail` (something will not work).
        found: What was found.
        remedy: What to do about it; empty where nothing is to be done.
    """

    name: str
    state: Literal["ok", "warn", "fail"]
    found: str
    remedy: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain data, for `--json`."""
        return asdict(self)
