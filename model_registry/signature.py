"""A detached signature of a version: what it vouches for, and whether a trusted key says so. Needs no MLflow.

It stands beside the version's manifest, and once more in its bundle, so that a server can verify it with the bundle alone.
What is signed is the manifest's sha256, which covers every file, together with what the version is: name, number, operation,
parents by name and sha256, recipe, data and facts. So a signed manifest can't pass for another version. A parent's number is
left out, as a registry that receives the family gives numbers of its own; its sha256 says more.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from model_registry.errors import IntegrityError
from model_registry.keys import TRUSTED_KEYS, TrustedKey, key_id, trusted_keys
from model_registry.manifest import SIGNATURE, sha256_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIGNED_AS = "signed_as"
"""What a received version was called where it was signed: a key of its `trigger`."""
_CONTEXT = b"bequest-signature 1\n"  # what this key signs elsewhere can't be taken for a signature of a version


class SignedParent(BaseModel):
    """A parent as it is signed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sha256: str
    role: str


class Signed(BaseModel):
    """What a signature vouches for.

    Attributes:
        manifest_sha256: Of the version's manifest, which has the sha256 of every file.
        bundle_sha256: Of its bundle's manifest; empty where it has no bundle.
        facts_sha256: Of its facts, as canonical JSON.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: int
    operation: str
    manifest_sha256: str
    bundle_sha256: str
    parents: list[SignedParent]
    recipe_sha256: str
    data_sha256: str
    facts_sha256: str
    at: str
    by: str

    @property
    def label(self) -> str:
        """What the version is called where it was signed."""
        return f"{self.name}/{self.version}"


class Signature(BaseModel):
    """A signature's file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["bequest-signature"] = "bequest-signature"
    format_version: Literal[1] = 1
    key: str
    signed: Signed
    signature: str

    def text(self) -> str:
        """As the file holds it."""
        return self.model_dump_json(indent=1)


def received_key(sha256: str) -> str:
    """The stage key of a version that came with an archive from another registry."""
    return f"handover-{sha256}"


def canonical_sha256(value: Any) -> str:
    """The sha256 of plain data, the same for equal values."""
    return hashlib.sha256(_canonical(value)).hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def signed_by(signed: Signed, key: "Ed25519PrivateKey") -> Signature:
    """Signs what a version is."""
    signature = key.sign(_CONTEXT + _canonical(signed.model_dump()))
    return Signature(key=key_id(key.public_key()), signed=signed, signature=base64.b64encode(signature).decode())


def read(content: str, where: str) -> Signature:
    """Reads a signature's file.

    Raises:
        IntegrityError: It has another form.
    """
    try:
        return Signature.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise IntegrityError(
            f"{where}: expected a signature as `bequest sign` writes it. Received: {'.'.join(map(str, first['loc']))}: "
            f"{first['msg']}. Restore it from a backup, or sign the version again."
        ) from error


def verify(content: str | None, trusted: Mapping[str, TrustedKey], *, where: str, what: str) -> Signature:
    """A signature that is by a trusted key, and fits what it says is signed.

    Args:
        content: The signature's file; None where there is none.
        trusted: The keys that are trusted, by id.
        where: The file, for the message.
        what: What is verified, for the message: `digits/7`, or a folder.

    Raises:
        IntegrityError: It is not signed, by another key, or the signature does not fit what it stands for.
    """
    from cryptography.exceptions import InvalidSignature

    keys = ", ".join(f"{name} ({key.path})" for name, key in trusted.items())
    expected = f"{what}: {where}: expected a signature by one of the keys in {TRUSTED_KEYS}: {keys}."
    if content is None:
        raise IntegrityError(
            f"{expected} Received: none, it is not signed. Who has such a key, and knows the version, signs it: `bequest sign`."
        )
    found = read(content, f"{what}: {where}")
    if found.key not in trusted:
        raise IntegrityError(
            f"{expected} Received: one by the key {found.key}. If you trust its owner, add the public key to {TRUSTED_KEYS}; "
            "else have the version signed by one of yours: `bequest sign --replace`."
        )
    try:
        signature = base64.b64decode(found.signature, validate=True)
        trusted[found.key].public.verify(signature, _CONTEXT + _canonical(found.signed.model_dump()))
    except (InvalidSignature, ValueError) as error:
        raise IntegrityError(
            f"{expected} Received: one that names the key {found.key}, and does not fit: it, or what it signs, was changed "
            "since. Don't use the version before you know by whom; restore it from a backup."
        ) from error
    return found


def require_bundle(folder: Path, *, name: str | None = None, sha256: str | None = None) -> Signature | None:
    """Lets a bundle pass that a trusted key has signed; any where no keys are set.

    Args:
        folder: The bundle.
        name: What it is to answer as; None: whatever it is.
        sha256: Of its manifest, where that was verified already.

    Returns:
        The signature; None where no keys are set.

    Raises:
        IntegrityError: It is not signed, by another key, or another bundle or name was.
    """
    trusted = trusted_keys()
    if not trusted:
        return None
    path = folder / SIGNATURE
    signature = verify(path.read_text() if path.is_file() else None, trusted, where=str(path), what=str(folder))
    signed, found = signature.signed, sha256 or sha256_of(folder / "manifest.json")
    if signed.bundle_sha256 != found:
        raise IntegrityError(
            f"{folder}: {path} is for a bundle with sha256 {signed.bundle_sha256 or 'none'}, of {signed.label}. Received: "
            f"{found}. The signature was moved, or the bundle's manifest changed; restore the folder from a backup."
        )
    if name is not None and name != signed.name:
        raise IntegrityError(
            f"{folder}: {path} is for {signed.label}. Received: a bundle that shall answer as {name}. Serve it under its own."
        )
    return signature
