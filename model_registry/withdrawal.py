"""Withdrawn versions: marked with all of their heirs, never promoted, never inherited from.

The mark of a withdrawn version on itself is the truth, and whoever descends from it is withdrawn with it: that is read
from the lineage, so that it holds for heirs made later, too. The marks on heirs are for MLflow's search and its UI; and for
the day when the withdrawn version itself is deleted.
"""

import json
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from model_registry import acting
from model_registry.ancestry import ancestry, descendants
from model_registry.edges import edges
from model_registry.errors import GateRefused, InputError
from model_registry.locks import one_at_a_time
from model_registry.store import client, plain_errors
from model_registry.versions import Version, find, get, with_aliases

_MARK, _EVENTS = "withdrawn", "withdrawals"


class Withdrawal(BaseModel):
    """One withdrawal in effect: which version, when, by whom, why."""

    model_config = ConfigDict(frozen=True)

    of: str
    at: str = "unknown"
    by: str = "unknown"
    reason: str = "unknown: it was deleted since"

    def told(self, label: str) -> str:
        """What it means for a version, for people."""
        origin = "it is withdrawn" if self.of == label else f"it descends from {self.of}, which is withdrawn"
        return f"{origin} (by {self.by}, {self.at}: {self.reason})"


@dataclass(frozen=True)
class Withdrawn:
    """What a withdrawal, or its undoing, came to.

    Attributes:
        version: The version, as it stands now.
        heirs: All that descend from it, the nearest first.
        in_production: Those of the version and its heirs that stand in production.
        in_staging: Likewise in staging.
    """

    version: Version
    heirs: list[Version]
    in_production: list[Version]
    in_staging: list[Version]


def any_marked() -> bool:
    """Whether anything in the registry is marked at all: most registries need not be walked through."""
    with plain_errors("looking for withdrawn versions"):
        return bool(client().search_model_versions(f"tags.{_MARK} LIKE '%'", max_results=1))


def causes(*versions: Version) -> dict[str, list[Withdrawal]]:
    """The withdrawals in effect on versions, by label; what is not withdrawn is left out."""
    if not versions or not any_marked():
        return {}
    found = within(ancestry(*versions))
    return {version.label: found[version.label] for version in versions if version.label in found}


def within(family: dict[str, Version]) -> dict[str, list[Withdrawal]]:
    """The same for all of a family whose ancestors are in it."""
    roots = {root for member in family.values() for root in member.withdrawn}
    children: dict[str, list[str]] = {}
    for edge in edges(family) if roots else []:
        children.setdefault(edge.parent.label, []).append(edge.child.label)
    reached: dict[str, list[Withdrawal]] = {}
    for root in sorted(roots):
        cause = _cause(root, family)
        if cause is None:
            continue
        seen: set[str] = set()
        waiting = [label for label, member in family.items() if label == root or root in member.withdrawn]
        for label in waiting:  # grows while it is walked through
            if label not in seen:
                seen.add(label)
                reached.setdefault(label, []).append(cause)
                waiting += children.get(label, [])
    return reached


def of(version: Version) -> list[Withdrawal]:
    """The withdrawals in effect on one version, its own or an ancestor's; empty where there is none."""
    return causes(version).get(version.label, [])


def refuse(version: Version) -> None:
    """Refuses a withdrawn version.

    Raises:
        GateRefused: It, or an ancestor of it, is withdrawn; no force helps against that.
    """
    for cause in of(version):
        raise GateRefused(
            f"{version.label}: {cause.told(version.label)}. A withdrawn version is promoted by no means, --force included: "
            f"`bequest withdraw {cause.of} --undo` takes the withdrawal back. Nothing was promoted."
        )


def withdraw(version: Version, reason: str) -> Withdrawn:
    """Withdraws a version and every heir of it.

    The version itself is marked first, by which the withdrawal is in effect; the same call finishes what was cut off.

    Args:
        version: The version.
        reason: Why, kept with it.

    Raises:
        InputError: No reason is given.
    """
    if not reason.strip():
        raise InputError(
            f"--reason: expected why {version.label} is withdrawn; it is kept with the version. Received: nothing."
        )
    with one_at_a_time(version.name):  # no promotion may have looked before and move after
        version = get(version.name, version.version)
        last = version.withdrawals[-1] if version.withdrawals else {}
        if last.get("undone", True) or last.get("reason") != reason:
            _append(version, {"at": acting.now(), "by": acting.who(), "reason": reason, "undone": False})
        heirs = list(descendants(version).values())
        for each in (version, *heirs):
            _mark(each, {*each.withdrawn, version.label})
    return _outcome(version, heirs)


def undo(version: Version, reason: str = "") -> Withdrawn:
    """Takes the withdrawal of a version back, for it and its heirs; what is withdrawn with another one stays so.

    The version's own mark goes last: until then the withdrawal is in effect, and the same call finishes it.

    Raises:
        InputError: It is not withdrawn, or not itself but with an ancestor.
    """
    with one_at_a_time(version.name):
        version = get(version.name, version.version)
        heirs = _undone(version, reason)
    return _outcome(version, heirs)


def _undone(version: Version, reason: str) -> list[Version]:
    own = {root for root in version.withdrawn if root == version.label or find(*_split(root)) is None}
    if not own:
        causing = [cause.of for cause in of(version)]
        if causing:
            raise InputError(
                f"{version.label} is not withdrawn itself, but with {', '.join(causing)}. Undo it there: "
                f"`bequest withdraw {causing[0]} --undo`."
            )
        raise InputError(f"{version.label} is not withdrawn, so there is nothing to undo. `bequest status` shows what is.")
    heirs = list(descendants(version).values())
    for each in heirs:
        _mark(each, set(each.withdrawn) - own)
    if version.withdrawals and not version.withdrawals[-1].get("undone", True):
        _append(version, {"at": acting.now(), "by": acting.who(), "reason": reason, "undone": True})
    _mark(version, set(version.withdrawn) - own)
    return heirs


def _cause(root: str, family: dict[str, Version]) -> Withdrawal | None:
    """The withdrawal that a mark names; None where it was taken back.

    It is in effect where the version is marked itself, or was deleted and can say nothing any more.
    """
    standing = family.get(root) or find(*_split(root))
    if standing is None or standing.operation == "deleted":
        return Withdrawal(of=root)
    if root not in standing.withdrawn:
        return None
    events = [event for event in standing.withdrawals if not event.get("undone", True)]
    if not events:
        return Withdrawal(of=root, reason="unknown")
    return Withdrawal(of=root, **{key: str(events[-1].get(key, "unknown")) for key in ("at", "by", "reason")})


def _split(label: str) -> tuple[str, int]:
    name, _, number = label.rpartition("/")
    return name, int(number)


def _mark(version: Version, roots: set[str]) -> None:
    """Sets the versions whose withdrawal a version is marked with."""
    if roots == set(version.withdrawn):
        return
    with plain_errors(f"marking {version.label}"):
        if roots:
            client().set_model_version_tag(version.name, str(version.version), _MARK, json.dumps(sorted(roots)))
        else:
            client().delete_model_version_tag(version.name, str(version.version), _MARK)


def _append(version: Version, event: dict[str, object]) -> None:
    with plain_errors(f"noting the withdrawal of {version.label}"):
        events = json.dumps([*version.withdrawals, event])
        client().set_model_version_tag(version.name, str(version.version), _EVENTS, events)


def _outcome(version: Version, heirs: list[Version]) -> Withdrawn:
    """Read anew: a promotion may have come meanwhile."""
    standing = with_aliases([version, *heirs], {})
    return Withdrawn(
        get(version.name, version.version),
        heirs,
        [each for each in standing if each.stage == "Production"],
        [each for each in standing if each.stage == "Staging"],
    )
