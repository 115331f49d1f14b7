"""A glance at a version's signature without MLflow: `trust` for servers that follow a stage."""

import json

from model_registry import manifest
from model_registry.errors import IntegrityError
from model_registry.glance import Seen, Store
from model_registry.keys import trusted_keys
from model_registry.signature import SIGNED_AS, Signature, received_key, verify


def require_signed(store: Store, seen: Seen) -> Signature | None:
    """Lets a version pass that a trusted key has signed under its name and number; any where no keys are set.

    The signature binds the manifest's hash, and that every file of the bundle. Tags that change no answer (parents, recipe,
    facts) are left to `trust`, which every promotion asks. A received version is held to what it was called where it was
    signed.

    Returns:
        The signature; None where no keys are set.

    Raises:
        IntegrityError: It is not signed, by another key, or the signature is another version's.
    """
    trusted = trusted_keys()
    if not trusted:
        return None
    try:
        content = store.read(seen, manifest.SIGNATURE).decode()
    except IntegrityError:
        content = None  # there is none
    found = verify(content, trusted, where=manifest.SIGNATURE, what=seen.label)
    signed = found.signed
    label = signed.label if _received_as(seen) == signed.label else seen.label
    if (signed.label, signed.manifest_sha256) != (label, seen.sha256):
        raise IntegrityError(
            f"{seen.label}: {manifest.SIGNATURE} was signed for {signed.label} with manifest {signed.manifest_sha256}. "
            f"Expected {label} with manifest {seen.sha256}. The signature was moved; restore the store from a backup."
        )
    return found


def _received_as(seen: Seen) -> str:
    """What a version was called where it was signed, if it came with an archive; its name stays."""
    if seen.tags.get("stage_key") != received_key(seen.sha256):
        return ""
    label = str(json.loads(seen.tags.get("trigger", "{}")).get(SIGNED_AS, ""))
    return label if label.rpartition("/")[0] == seen.name else ""
