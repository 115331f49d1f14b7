"""Who answers: the version in production, and perhaps a challenger that takes a share of the requests or follows in shadow."""

import hashlib
from dataclasses import dataclass
from typing import Literal

from deployments.serving.served import Served

Mode = Literal["canary", "shadow"]
Role = Literal["production", "canary", "shadow"]


@dataclass(frozen=True)
class Trial:
    """How a challenger is tried.

    Args:
        mode: `canary`: it answers a share of the requests. `shadow`: its answers are recorded, never returned.
        share: Of the requests, in (0, 1].
        key_header: Requests with the same value of this header meet the same version; None: each request by its own id.
        key_column: The same for a column, taken from the first row of a request.
    """

    mode: Mode
    share: float = 0.1
    key_header: str | None = None
    key_column: str | None = None


@dataclass(frozen=True)
class Lineup:
    """Who answers at one moment. It is replaced whole, so that no request ever sees half a change."""

    champion: Served
    challenger: Served | None = None

    @property
    def versions(self) -> list[str]:
        """All versions that can be asked for."""
        both = (self.champion, self.challenger)
        return [served.version for served in both if served is not None]

    def find(self, name: str, version: str | None = None) -> Served | None:
        """The version that a client names; compared with who is here, never looked up anywhere."""
        if version is None:
            return self.champion if name == self.champion.name else None
        both = (self.champion, self.challenger)
        return next((each for each in both if each is not None and (each.name, each.version) == (name, version)), None)


def in_share(key: str, share: float, salt: str) -> bool:
    """Whether a key falls into a share: always the same answer for the same key and salt, and evenly spread.

    Args:
        key: Of a request, a client or a row.
        share: Fraction of all keys.
        salt: The trial, so that not always the same clients meet every challenger.
    """
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), key=salt.encode()[:64], digest_size=8).digest()
    return int.from_bytes(digest) < share * 2**64
