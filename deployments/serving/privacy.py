"""What of a row may be kept: columns that are dropped, and columns of which only a keyed hash is kept.

The hash (HMAC-SHA256) gives equal values equal marks, so that rows can still be joined, and can't be undone by trying all
values without the key.
"""

import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from model_registry.errors import InputError
from tasks.data.values import text_of

KEY_VARIABLE = "BEQUEST_CAPTURE_KEY"
_MIN_KEY_LENGTH = 16


@dataclass(frozen=True)
class Policy:
    """What happens to columns before anything is written.

    Args:
        drop: Columns that are not kept.
        hashed: Columns of which a keyed hash is kept.
        key: The key.
    """

    drop: frozenset[str] = frozenset()
    hashed: frozenset[str] = frozenset()
    key: bytes = b""

    def mark(self, value: Any) -> str | None:
        """The keyed hash of a cell; None where it is missing."""
        text = text_of(value)
        return None if text is None else hmac.digest(self.key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()


def make_policy(
    drop: Iterable[str], hashed: Iterable[str], columns: Iterable[str], environ: Mapping[str, str] = os.environ
) -> Policy:
    """The policy that was asked for.

    Raises:
        InputError: A column is not the model's, or a hash is asked for without a key.
    """
    names, drop, hashed = list(columns), frozenset(drop), frozenset(hashed)
    unknown = sorted((drop | hashed) - set(names))
    if unknown:
        raise InputError(f"--capture-drop, --capture-hash: expected columns of {names[:20]}. Received: {unknown}.")
    key = environ.get(KEY_VARIABLE, "")
    if hashed and len(key) < _MIN_KEY_LENGTH:
        raise InputError(
            f"--capture-hash: expected a key of at least {_MIN_KEY_LENGTH} characters in {KEY_VARIABLE}. "
            f"Received: {len(key)} characters. `openssl rand -hex 24` makes a good one."
        )
    return Policy(drop, hashed, key.encode())
