"""A glance at a stage and its bundle without MLflow, for servers that must start at once and stay small.

One read tells which version an alias points at; only where that has moved is more read. sqlite files are read as they are,
MLflow servers by their REST interface. Nothing is ever written here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from model_registry import manifest, promotions
from model_registry.errors import GateRefused, InputError, IntegrityError, StoreError

_BUNDLE = "bundle/"


@dataclass(frozen=True)
class Seen:
    """A version, as far as a server must know it.

    Args:
        name: Its model.
        version: Its number.
        tags: Its tags.
        ready: Whether all of it stands.
        location: Where its files are, as the store writes it.
    """

    name: str
    version: int
    tags: Mapping[str, str]
    ready: bool
    location: str

    @property
    def label(self) -> str:
        """`name/version`."""
        return f"{self.name}/{self.version}"

    @property
    def sha256(self) -> str:
        """Hash of its manifest."""
        return self.tags.get("sha256", "")


class Store(Protocol):
    """A store to glance at."""

    def number_at(self, name: str, alias: str) -> int | None:
        """The version that an alias points at, if any: the one cheap read."""

    def version(self, name: str, number: int) -> Seen | None:
        """One version, if it stands."""

    def model_tags(self, name: str) -> dict[str, str]:
        """Tags of a registered model."""

    def read(self, seen: Seen, path: str) -> bytes:
        """One file of a version.

        Raises:
            IntegrityError: It is missing.
        """


def open_store(uri: str) -> Store:
    """The store at an address.

    Raises:
        InputError: It is of a kind that can't be glanced at.
    """
    from model_registry.glance_rest import RestStore
    from model_registry.glance_sqlite import SqliteStore

    if uri.startswith("sqlite:///"):
        return SqliteStore(Path(uri.removeprefix("sqlite:///")))
    if uri.startswith(("http://", "https://")):
        return RestStore(uri.rstrip("/"))
    raise InputError(
        f"store: expected sqlite:///FILE, or http(s)://HOST[:PORT] of an MLflow server. Received: {uri.partition('://')[0]}://..."
    )


def require_clearance(store: Store, seen: Seen) -> None:
    """Lets a version pass that may serve from production; see `clearance`.

    Raises:
        InputError: It was made by other means than bequest, or its registration was cut off.
        GateRefused: It stands there without the gate's word, and nobody answered for it.
    """
    if not seen.ready:
        raise InputError(
            f"{seen.label} is not ready: it was made by other means than bequest, or its registration was cut off."
        )
    gate = seen.tags.get("gate", "")
    # Most have passed: then no more is read.
    if gate == "passed" or promotions.cleared(gate, seen.version, promotions.among(store.model_tags(seen.name))):
        return
    word = "refused it" if gate == "refused" else "never judged it"
    raise GateRefused(f"{seen.label} was put into production by hand, and the gate {word}; a forced promotion answers for it")


def fetch_bundle(store: Store, seen: Seen) -> dict[str, bytes]:
    """The files of a version's bundle, each held to the version's manifest, and that to the registry's hash.

    Returns:
        Content by name within the bundle; `bundle_files` knows what must be there.

    Raises:
        InputError: The version has no bundle.
        IntegrityError: A file is missing, or its bytes are not those that were registered.
    """
    listed = store.read(seen, manifest.NAME)
    _hold(seen, manifest.NAME, listed, seen.sha256)
    promised = _json(listed)
    hashes = promised.get("files") if isinstance(promised, dict) else None
    if not isinstance(hashes, dict):
        raise IntegrityError(f"{seen.label}: {manifest.NAME} names no files")
    wanted = {path: str(sha256) for path, sha256 in hashes.items() if path.startswith(_BUNDLE)}
    if not wanted:
        raise InputError(f"{seen.label} has no bundle to serve")
    files = {}
    for path, sha256 in wanted.items():
        if "/" in path.removeprefix(_BUNDLE) or ".." in path:
            raise IntegrityError(f"{seen.label}: {path} is not a file of a bundle")
        files[path.removeprefix(_BUNDLE)] = content = store.read(seen, path)
        _hold(seen, path, content, sha256)
    return files


def _hold(seen: Seen, path: str, content: bytes, sha256: str) -> None:
    found = manifest.sha256_of_bytes(content)
    if found != sha256:
        raise IntegrityError(f"{seen.label}: {path} was changed. Expected sha256 {sha256}. Received: {found}")


def _json(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def unreachable(uri: str, error: object) -> StoreError:
    """The store can't be read just now."""
    return StoreError(f"The MLflow store {uri} can't be read: {error}")
