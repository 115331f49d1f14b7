"""A glance at MLflow's sqlite file: three of its tables, read only."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlparse

from model_registry.errors import InputError, IntegrityError
from model_registry.glance import Seen, unreachable

_TIMEOUT_S = 5.0


class SqliteStore:
    """The store in a file. Used by one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()

    def number_at(self, name: str, alias: str) -> int | None:
        """The version that an alias points at, if any."""
        rows = self._rows("select version from registered_model_aliases where name = ? and alias = ?", name, alias)
        return int(rows[0][0]) if rows else None

    def version(self, name: str, number: int) -> Seen | None:
        """One version, if it stands."""
        rows = self._rows(
            "select status, current_stage, storage_location from model_versions where name = ? and version = ?", name, number
        )
        if not rows or rows[0][1] == "Deleted_Internal":
            return None
        tags = dict(self._rows("select key, value from model_version_tags where name = ? and version = ?", name, number))
        status, _, location = rows[0]
        return Seen(name, number, tags, tags.get("ready") == "true" and status == "READY", location or "")

    def model_tags(self, name: str) -> dict[str, str]:
        """Tags of a registered model."""
        return dict(self._rows("select key, value from registered_model_tags where name = ?", name))

    def read(self, seen: Seen, path: str) -> bytes:
        """One file of a version."""
        parsed = urlparse(seen.location)
        if parsed.scheme not in ("file", "") or not parsed.path:
            raise InputError(f"{seen.label}: expected its files in a folder of this machine. Received: {parsed.scheme}://...")
        try:
            return (Path(unquote(parsed.path)) / path).read_bytes()
        except OSError as error:
            raise IntegrityError(f"{seen.label}: {path} is missing ({error.strerror})") from error

    def _rows(self, query: str, *values: Any) -> Sequence[tuple[Any, ...]]:
        try:
            connection = sqlite3.connect(f"file:{quote(str(self._path))}?mode=ro", uri=True, timeout=_TIMEOUT_S)
            try:
                return connection.execute(query, values).fetchall()
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise unreachable(f"sqlite:///{self._path}", error) from error
