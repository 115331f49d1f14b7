"""Checks of the keys and of every version's signature; nothing is asked of a version where no trusted keys are set."""

from typing import TYPE_CHECKING

from flows.doctor.check import Check

if TYPE_CHECKING:
    from model_registry.versions import Version


def signatures(ready: "list[Version]") -> list[Check]:
    """Whether the keys that the environment names can be used, and have signed what they should.

    Args:
        ready: The versions to look at.
    """
    from model_registry import keys, trust
    from model_registry.errors import BequestError

    checks = []
    try:
        signing = keys.signing_key()
        if signing is not None:
            checks.append(Check("signing key", "ok", f"{keys.key_id(signing.public_key())} signs what is registered"))
    except BequestError as error:
        checks.append(Check("signing key", "fail", str(error)))
    try:
        trusted = keys.trusted_keys()
    except BequestError as error:
        return [*checks, Check("trusted keys", "fail", str(error))]
    if not trusted:
        return [*checks, Check("signatures", "ok", f"not asked for, {keys.TRUSTED_KEYS} is not set")]
    faults: dict[str, str] = {}
    for version in ready:
        try:
            trust.require(version)
        except BequestError as error:
            faults[version.label] = str(error)
    if not faults:
        return [*checks, Check("signatures", "ok", f"all {len(ready)} versions are signed by a trusted key")]
    serving = [each.label for each in ready if each.label in faults and each.stage in ("Staging", "Production")]
    told = serving or list(faults)
    found = f"{len(faults)} of {len(ready)} versions can't be trusted: {', '.join(faults)}. {faults[told[0]]}"
    remedy = "They are not served, promoted or rolled back to. Sign what you know with `bequest sign`."
    return [*checks, Check("signatures", "fail" if serving else "warn", found, remedy)]
