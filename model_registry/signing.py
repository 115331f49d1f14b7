"""Signs a version: the signature is put beside its manifest and into its bundle, and the key's id becomes a tag."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from model_registry import acting, manifest
from model_registry.signature import Signature, Signed, SignedParent, canonical_sha256, signed_by
from model_registry.store import client, plain_errors

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from model_registry.versions import Version

TAG = "signed_by"
BUNDLE = "bundle"


def described(version: "Version", bundle_sha256: str) -> Signed:
    """What a signature of a version vouches for."""
    return Signed(
        name=version.name,
        version=version.version,
        operation=version.operation,
        manifest_sha256=version.sha256,
        bundle_sha256=bundle_sha256,
        parents=[SignedParent(name=each.name, sha256=each.sha256, role=each.role) for each in version.parents],
        recipe_sha256=version.recipe_sha256,
        data_sha256=version.data_sha256,
        facts_sha256=canonical_sha256(version.facts),
        at=acting.now(),
        by=acting.who(),
    )


def sign(version: "Version", folder: Path, key: "Ed25519PrivateKey") -> Signature:
    """Signs a version and keeps the signature with it; an earlier one is replaced.

    The number is part of what is signed, so a version is signed right after it was registered. Where that is cut off it is a
    version without a signature, which is refused where signatures are asked for; `bequest sign` makes up for it.

    Args:
        version: The version.
        folder: Its files, verified.
        key: The private key.

    Raises:
        StoreError: The store failed; the version stands without the signature.
    """
    files = json.loads((folder / manifest.NAME).read_text())["files"]
    made = signed_by(described(version, files.get(f"{BUNDLE}/{manifest.NAME}", "")), key)
    with tempfile.TemporaryDirectory() as scratch:
        write(made.text(), Path(scratch), bundle=(folder / BUNDLE).is_dir())
        with plain_errors(f"signing {version.label}"):
            client().log_model_artifacts(version.model_id, scratch)
            client().set_model_version_tag(version.name, str(version.version), TAG, made.key)
    return made


def write(text: str, folder: Path, *, bundle: bool) -> None:
    """Writes a signature's file into a version's folder, and into the bundle below it."""
    for place in (folder, folder / BUNDLE) if bundle else (folder,):
        place.mkdir(exist_ok=True)
        (place / manifest.SIGNATURE).write_text(text)
