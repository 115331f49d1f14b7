"""May a version be trusted? Where trusted keys are set, what none of them has signed is not served, promoted or received."""

from typing import Any

from model_registry import artifacts
from model_registry.errors import IntegrityError
from model_registry.keys import trusted_keys
from model_registry.signature import SIGNED_AS, Signature, received_key, verify
from model_registry.signing import described
from model_registry.versions import Version

_OF_THE_SIGNING = {"at", "by", "bundle_sha256"}  # the bundle's hash is in the manifest, whose own is compared


def require(version: Version) -> Signature | None:
    """Lets a version pass that a trusted key has signed as what it is; any where no keys are set.

    Its files are not read: `artifacts.fetch` compares them with the manifest, and that is what is signed.

    Returns:
        The signature; None where no keys are set.

    Raises:
        IntegrityError: It is not signed, by another key, changed since, or the signature is another version's.
    """
    trusted = trusted_keys()
    if not trusted:
        return None
    where, content = artifacts.signature(version)
    found = verify(content, trusted, where=where, what=version.label)
    require_identity(version, found, where)
    return found


def require_identity(version: Version, found: Signature, where: str) -> None:
    """Refuses a signature that was made for another version than the one it stands with.

    A version that was received has a number of its own here, and is held to what it was called where it was signed. That it
    was received is a tag's word, which who can write to the registry can write too: what they can gain by it is a second number
    for the very same version, and whoever serves it is told as what it was signed. `bequest sign --replace` binds it anew.

    Raises:
        IntegrityError: They differ; the message says in what.
    """
    signed = found.signed
    now = described(version, "").model_dump(exclude=_OF_THE_SIGNING)
    then = signed.model_dump(exclude=_OF_THE_SIGNING)
    if is_received(version) and version.trigger.get(SIGNED_AS) == signed.label:
        then["version"] = version.version
    other = [key for key in then if then[key] != now[key]]
    if other:
        told = "; ".join(f"{key}: signed {_short(then[key])}, received {_short(now[key])}" for key in other)
        raise IntegrityError(
            f"{version.label}: {where} was signed for {signed.label}, and does not fit what it stands with. {told}. The "
            "signature was moved, or the version's tags were changed since: find out by whom, and restore the store from a "
            "backup."
        )


def is_received(version: Version) -> bool:
    """Whether a version came with an archive from another registry."""
    return version.stage_key == received_key(version.sha256)


def _short(value: Any) -> str:
    return str(value)[:80]
