"""Hashes of every file of a version: what `sha256` in a reference stands for."""

import hashlib
import json
from pathlib import Path

from model_registry.errors import IntegrityError

NAME = "manifest.json"
SIGNATURE = "manifest.signature.json"
"""A signature of the manifest stands beside it, and in the bundle: made afterwards, it can't be part of what it signs."""


def sha256_of(path: Path) -> str:
    """The sha256 of one file, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_bytes(content: bytes) -> str:
    """The sha256 of one file's content, as hex."""
    return hashlib.sha256(content).hexdigest()


def write(folder: Path) -> str:
    """Writes the manifest of all files below `folder`, and returns the manifest's own sha256."""
    beside = {folder / NAME, folder / SIGNATURE, folder / "bundle" / SIGNATURE}
    files = {
        path.relative_to(folder).as_posix(): sha256_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path not in beside
    }
    text = json.dumps({"format": "bequest-version", "format_version": 1, "files": files}, indent=1, sort_keys=True)
    (folder / NAME).write_text(text)
    return sha256_of(folder / NAME)


def verify(folder: Path, sha256: str, *, what: str) -> None:
    """Checks that `folder` holds what the manifest with `sha256` promises.

    Args:
        folder: A version's folder.
        sha256: The manifest's sha256, as the registry has it.
        what: The version, for the message.

    Raises:
        IntegrityError: A file is missing, or its bytes are not those that were registered.
    """
    remedy = (
        "Restore the file from a backup. Where there is none, repeat the run that made the version; but if it is in "
        f"production, no heir can be compared with it: `bequest rollback {what.partition('/')[0]}` first, or run the recipe "
        "with `evaluate.gate.champion: null`."
    )
    path = folder / NAME
    if not path.is_file():
        raise IntegrityError(f"{what}: {path} is missing. {remedy}")
    if sha256_of(path) != sha256:
        raise IntegrityError(f"{what}: {path} was changed. Expected sha256 {sha256}. Received: {sha256_of(path)}. {remedy}")
    for name, expected in json.loads(path.read_text())["files"].items():
        file = folder / name
        if not file.is_file():
            raise IntegrityError(f"{what}: {file} is missing. {remedy}")
        if sha256_of(file) != expected:
            raise IntegrityError(
                f"{what}: {file} was changed. Expected sha256 {expected}. Received: {sha256_of(file)}. {remedy}"
            )
