"""Ed25519 keys that sign versions, and those that are trusted: files, named by two environment variables.

Private keys are PEM (PKCS 8), readable by their owner alone, and never below the workspace; public keys are PEM beside them.
"""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model_registry.errors import InputError
from model_registry.workspace import current

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNING_KEY = "BEQUEST_SIGNING_KEY"
"""The private key's file; where it is set, every version is signed when it is registered."""

TRUSTED_KEYS = "BEQUEST_TRUSTED_KEYS"
"""Files of public keys, or folders of them (*.pub), separated as in PATH; where it is set, what is not signed is refused."""

_ID_DIGITS = 16


@dataclass(frozen=True)
class TrustedKey:
    """A public key that is trusted, and its file."""

    public: "Ed25519PublicKey"
    path: Path


def key_id(public: "Ed25519PublicKey") -> str:
    """The first 16 hex digits of the sha256 of the raw public key: by it a signature names its key."""
    return hashlib.sha256(public.public_bytes_raw()).hexdigest()[:_ID_DIGITS]


def new(path: Path) -> tuple[str, Path]:
    """Makes a key pair: the private key at `path`, the public one beside it.

    Args:
        path: The private key's file; its folder is made where absent.

    Returns:
        The key's id, and the public key's file.

    Raises:
        InputError: A file stands there, it would be below the workspace, or it can't be written.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    path = path.expanduser().absolute()
    public_path = path.with_name(f"{path.name}.pub")
    home = current().home.resolve()
    if path.resolve().is_relative_to(home):
        raise InputError(
            f"{path}: expected a file outside the workspace {home}: who can write to the registry must not be able to sign for "
            f"it. Name another folder, as ~/.config/bequest/{path.name}."
        )
    for each in (path, public_path):
        if each.exists():
            raise InputError(f"{each}: expected a new file. Received: one that stands; a key is never overwritten.")
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(private)
        public_path.write_bytes(public)
    except OSError as error:
        raise InputError(f"{path}: expected a file that can be written. Received: {error}.") from error
    return key_id(key.public_key()), public_path


def signing_key(environ: Mapping[str, str] = os.environ) -> "Ed25519PrivateKey | None":
    """The private key that signs; None where none is set.

    Raises:
        InputError: The file is not there, others may read it, or it holds no such key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if not environ.get(SIGNING_KEY):
        return None
    path = Path(environ[SIGNING_KEY]).expanduser()
    content = _read(path, SIGNING_KEY)
    open_to = stat.S_IMODE(path.stat().st_mode) & 0o077
    if open_to:
        raise InputError(
            f"{SIGNING_KEY}: {path}: expected a file that its owner alone can read (mode 0600). Received: mode "
            f"{stat.S_IMODE(path.stat().st_mode):04o}. `chmod 600 {path}`; where others may have read it, make a new key."
        )
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError) as error:  # a TypeError: it is encrypted
        raise InputError(f"{SIGNING_KEY}: {path}: {_EXPECTED_PRIVATE} Received: {error}.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{SIGNING_KEY}: {path}: {_EXPECTED_PRIVATE} Received: a key of another kind.")
    return key


_EXPECTED_PRIVATE = "expected an Ed25519 private key in PEM, without a passphrase, as `bequest keys new` makes it."


def trusted_keys(environ: Mapping[str, str] = os.environ) -> dict[str, TrustedKey]:
    """The public keys that are trusted, by id; empty where none are set, and nothing is verified.

    Raises:
        InputError: A file is not there or holds no such key, or a folder holds none. A setting that trusts nobody is a
            mistake, and must not count as one that trusts everybody.
    """
    found: dict[str, TrustedKey] = {}
    for entry in filter(None, environ.get(TRUSTED_KEYS, "").split(os.pathsep)):
        place = Path(entry).expanduser()
        files = sorted(place.glob("*.pub")) if place.is_dir() else [place]
        if not files:
            raise InputError(f"{TRUSTED_KEYS}: {place}: expected public keys (*.pub) in this folder. Received: none.")
        for path in files:
            public = _public(path)
            found[key_id(public)] = TrustedKey(public, path)
    return found


def _public(path: Path) -> "Ed25519PublicKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    content = _read(path, TRUSTED_KEYS)
    expected = "expected an Ed25519 public key in PEM, the .pub file of a pair."
    try:
        key = load_pem_public_key(content)
    except ValueError as error:
        raise InputError(f"{TRUSTED_KEYS}: {path}: {expected} Received: another file.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{TRUSTED_KEYS}: {path}: {expected} Received: a key of another kind.")
    return key


def _read(path: Path, variable: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{variable}: {path}: expected a key's file. Received: {error.strerror}. Correct or unset {variable}; "
            "`bequest keys new` makes a pair."
        ) from error
