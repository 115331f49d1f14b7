"""Stages of a version: None, Staging, Production, Archived. The aliases are the truth.

MLflow's own stage field is deprecated, and its UI shows aliases; the field is mirrored while the client has it.
A move made by hand in the UI is honoured: every read goes to the aliases, and `reconcile` notes it in the ledger.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

from model_registry import artifacts, clearance, ledger, marks, moves, promotions, restoring, trust, withdrawal
from model_registry.errors import BequestError, GateRefused, InputError
from model_registry.locks import one_at_a_time
from model_registry.versions import Version, at, find, get, search

Target = Literal["staging", "production", "archived"]


def champion(name: str) -> Version | None:
    """The version in production, if any."""
    return at(name, "production")


def promote(
    name: str,
    version: int,
    to: Target,
    *,
    reason: str = "",
    force: bool = False,
    verdict: dict[str, Any] | None = None,
    expected: int | Literal["any"] | None = "any",
) -> Version:
    """Moves a version to a stage; the version that stood in production before is archived with a pointer.

    The alias moves in a single call, so there is never a moment with two versions in production, or none. A version
    that is in that stage already stays there, and the ledger as it is; unless it was put into production by hand without
    clearance, which the promotion then gives it.

    Args:
        name: The registered model's name.
        version: Its version.
        to: Where to.
        reason: Why, for the ledger.
        force: Promote although the gate refused the version or never judged it; needs a reason.
        verdict: The gate's verdict, for the ledger.
        expected: The version in production that it was judged beside, which must stand there still; None: nothing stood
            there; "any": whatever stands there.

    Raises:
        BequestError: Another version stands in production than the expected one.
        InputError: No such version, it is not ready, it has no bundle to serve, or it would fall from production back
            to staging.
        IntegrityError: Its files were changed, or no trusted key has signed it; no force helps against that.
        GateRefused: The gate refused it, or never judged it, and `force` is not given; or it is withdrawn.
    """
    with one_at_a_time(name):
        entries = _reconcile(name).entries
        candidate = get(name, version)
        _check_champion(candidate, expected)
        if to == "archived":
            return moves.archive(candidate, entries, reason=reason)
        if to == "staging" and candidate.stage == "Production":
            raise InputError(
                f"{candidate.label} is in production already. To take it out, archive it "
                f"(`bequest promote {name} {version} --to archived`) or put the former version back "
                f"(`bequest rollback {name}`); then promote it to staging."
            )
        _check(candidate, to, force=force, reason=reason)
        if to == "production" and clearance.fault(candidate):
            entry = promotions.Entry(
                version=version, came_from="Production", to="Production", reason=reason, verdict=verdict or {}
            )
            ledger.add(name, promotions.dated(entry, entries))
            return candidate
        return moves.move(candidate, to, entries, reason=reason, verdict=verdict)


def rollback(name: str, *, to: str | None = None, reason: str = "") -> Version:
    """Puts a version back into production that stood there before. It stays where it is the present one.

    A rollback that was cut off is finished by the next, which then goes no further back.

    Args:
        name: The registered model's name.
        to: Its number, or an ISO date or time at which it stood there; None: the one before the present one.
        reason: Why, for the ledger.

    Raises:
        InputError: No such version stood there; the message says which did.
        IntegrityError: Its files were changed, or no trusted key has signed it; production stays as it is.
        GateRefused: It stood there by hand alone: the gate refused it or never judged it, and nobody answered for it;
            or it is withdrawn.
    """
    with one_at_a_time(name):
        found = _reconcile(name)
        entries, present = found.entries, champion(name)
        number = None if present is None else present.version
        if to is None and present is not None and found.ended == ("rollback", number):
            return present  # this very rollback was cut off after the alias had moved; a second one would go too far back
        target = get(name, restoring.target(name, entries, number, to))
        withdrawal.refuse(target)
        artifacts.fetch(target)
        trust.require(target)
        if not promotions.cleared(target.gate, target.version, entries):
            raise GateRefused(
                f"{target.label} stood in production by hand alone, without the gate's word: it is not put back unasked. "
                f'`bequest promote {name} {target.version} --to production --force --reason "..."` does, and keeps the reason; '
                f"`bequest rollback {name} --to VERSION` goes to another one."
            )
        came_from = "" if present is None else f" from {present.label}"
        asked = "" if to is None else f", to {to}"
        return moves.move(target, "production", entries, kind="rollback", reason=reason or f"rollback{came_from}{asked}")


def reconcile(name: str) -> list[str]:
    """Notes in the ledger what was moved by hand, and finishes what a kill in the middle of a move left behind.

    Returns:
        What was found moved by hand, one line each.
    """
    with one_at_a_time(name):
        return _reconcile(name).told


@dataclass(frozen=True)
class _Reconciled:
    """What a name was found to be, and is now.

    Attributes:
        told: What was moved by hand, one line each.
        entries: The ledger.
        ended: Kind and version of the move that was found under way.
    """

    told: list[str]
    entries: list[promotions.Entry]
    ended: tuple[promotions.Move, int] | None = None


def _reconcile(name: str) -> _Reconciled:
    tags = ledger.tags(name)
    entries, unfinished = promotions.among(tags), moves.under_way(tags)
    if unfinished is None:
        return _noted(name, entries)
    found = _noted(name, moves.finish(name, unfinished, entries))
    moves.forget(name)
    return replace(found, ended=(unfinished.move, unfinished.version))


def _noted(name: str, entries: list[promotions.Entry]) -> _Reconciled:
    """Adds to the ledger what was moved by hand, and mends what follows from aliases and ledger."""
    present, noted = champion(name), promotions.in_production(entries)
    if present is not None and present.version != noted:
        came_from = present.model_copy(update={"aliases": [each for each in present.aliases if each != "production"]}).stage
        entry = promotions.Entry(
            move="found",
            version=present.version,
            came_from=came_from,
            to="Production",
            replaced=promotions.predecessor(entries, present.version),
            reason="moved by hand",
        )
        gate = present.gate or "never judged"
        note = f"{present.label} was put into production by other means than bequest (gate: {gate})"
    elif present is None and noted is not None:
        left = find(name, noted)
        # What leaves production is archived, whoever takes it out; a version that was deleted is nowhere.
        to = "None" if left is None else "Staging" if left.stage == "Staging" else "Archived"
        reason = "deleted" if left is None else "taken out by hand"
        entry = promotions.Entry(move="found", version=noted, came_from="Production", to=to, reason=reason)
        how = "deleted from the registry" if left is None else "taken out of production"
        note = f"{name}/{noted} was {how} by other means than bequest; nothing stands in production"
    else:
        _mend(name, entries)
        return _Reconciled([], entries)
    entry = promotions.dated(entry, entries)
    ledger.add(name, entry)
    _mend(name, [*entries, entry])
    return _Reconciled([note], [*entries, entry])


def _mend(name: str, entries: list[promotions.Entry]) -> None:
    """Brings in line what follows from the aliases and the ledger: archived tags, leftover aliases, the mirror."""
    departed = promotions.departed(entries)
    for version in search(f"name = '{name}'"):
        if not version.ready:  # not of bequest's making: its fields are its maker's business
            continue
        if version.stage in ("Production", "Staging"):
            marks.clear(version, version.stage)
        elif version.version in departed and not version.archived:
            marks.mark_archived(version, by=departed[version.version])
            continue
        if version.mirrored != version.stage:
            marks.mirror(version, version.stage)


def _check_champion(candidate: Version, expected: int | Literal["any"] | None) -> None:
    present = champion(candidate.name)
    number = None if present is None else present.version
    if expected in ("any", number) or number == candidate.version:
        return
    raise BequestError(
        f"{candidate.label} was judged beside {'nothing' if expected is None else f'{candidate.name}/{expected}'}. Expected "
        f"that in production still. Received: {'nothing' if present is None else present.label}; production moved meanwhile. "
        "Nothing was promoted. The same command judges again, beside what stands there now."
    )


def _check(candidate: Version, to: Target, *, force: bool, reason: str) -> None:
    withdrawal.refuse(candidate)
    folder = artifacts.fetch(candidate)
    trust.require(candidate)
    if not (folder / "bundle").is_dir():
        raise InputError(
            f"{candidate.label} ({candidate.operation}) has no bundle to serve. Promote the version converted from it: "
            f"`bequest status {candidate.name}` shows which versions can be served."
        )
    if to == "production" and candidate.gate != "passed":
        if not force:
            state = "refused it" if candidate.gate == "refused" else "has not judged it"
            raise GateRefused(
                f"{candidate.label}: the gate {state}. `bequest run` judges a version; "
                '`bequest promote --force --reason "..."` promotes it all the same and keeps the reason.'
            )
        if not reason:
            raise InputError("--force needs --reason: it is kept in the promotion ledger.")
