"""A move from stage to stage is several writes: what is under way is written down first, so that a kill loses none of it.

MLflow sets one tag or alias at a time. The move as the ledger will have it is noted as a tag of the registered model, then
the alias moves, the entry goes into the ledger, the marks follow, and the note comes down. Whoever finds a note finishes
the move if the alias has moved, and forgets it if not: then nothing has happened yet.
"""

from typing import Any

from mlflow.exceptions import MlflowException
from pydantic import ValidationError

from model_registry import ledger, marks, promotions
from model_registry.store import absent, client, plain_errors
from model_registry.versions import Version, at, find, get

_NOTE = "moving"
_ALIASES = ("production", "staging")


def move(
    candidate: Version,
    to: str,
    entries: list[promotions.Entry],
    *,
    reason: str,
    verdict: dict[str, Any] | None = None,
    kind: promotions.Move = "promotion",
) -> Version:
    """Points the alias of a stage at a version; the one that was in production before is archived with a pointer.

    Args:
        candidate: The version.
        to: `staging` or `production`; where it stands there already, nothing is done.
        entries: The ledger so far.
        reason: For the ledger.
        verdict: Likewise.
        kind: Likewise.
    """
    name, stage = candidate.name, to.capitalize()
    before = at(name, to)
    if before is not None and before.version == candidate.version:
        return candidate
    replaced = before.version if before is not None else None
    if before is None and to == "production":
        # The former one was archived or taken out: a rollback still goes back to it.
        replaced = promotions.predecessor(entries, candidate.version)
    entry = promotions.dated(
        promotions.Entry(
            move=kind,
            version=candidate.version,
            came_from=candidate.stage,
            to=stage,
            replaced=replaced,
            reason=reason,
            verdict=verdict or {},
        ),
        entries,
    )
    _note(name, entry)
    with plain_errors(f"moving {candidate.label} to {stage}"):
        client().set_registered_model_alias(name, to, str(candidate.version))
    ledger.add(name, entry)
    marks.clear(candidate, stage)
    marks.mirror(candidate, stage)
    if before is not None:
        if to == "production":
            marks.mark_archived(before, by=candidate.version)
        else:
            marks.mirror(before, "None")
    forget(name)
    return get(name, candidate.version)


def archive(version: Version, entries: list[promotions.Entry], *, reason: str) -> Version:
    """Takes a version out of the stage it stands in; an archived one stays as it is."""
    if version.stage == "Archived":
        return version
    entry = promotions.Entry(move="archival", version=version.version, came_from=version.stage, to="Archived", reason=reason)
    entry = promotions.dated(entry, entries)
    _note(version.name, entry)
    _take_out(version)
    ledger.add(version.name, entry)
    marks.mark_archived(version, by=None)
    forget(version.name)
    return get(version.name, version.version)


def under_way(tags: dict[str, str]) -> promotions.Entry | None:
    """The move that somebody began and has not ended, if any, by the tags of the registered model."""
    noted = tags.get(_NOTE)
    try:
        return None if noted is None else promotions.Entry.model_validate_json(noted)
    except ValidationError:
        return None


def finish(name: str, entry: promotions.Entry, entries: list[promotions.Entry]) -> list[promotions.Entry]:
    """Brings the ledger up to a move that was cut off, if the alias had moved; the marks follow. Call it with the name held.

    Returns:
        The ledger, as it is then.
    """
    noted = any((each.at, each.version) == (entry.at, entry.version) for each in entries)
    if noted or not _happened(name, entry):
        return entries
    ledger.add(name, entry)
    return [*entries, entry]


def forget(name: str) -> None:
    """Takes the note down, once all that follows from the move is done."""
    with plain_errors(f"ending a move of {name}"):
        try:
            client().delete_registered_model_tag(name, _NOTE)
        except MlflowException as error:
            if not absent(error):
                raise


def _happened(name: str, entry: promotions.Entry) -> bool:
    if entry.to != "Archived":
        standing = at(name, entry.to.lower())
        return standing is not None and standing.version == entry.version
    version = find(name, entry.version)
    if version is None or entry.came_from.lower() not in _ALIASES or entry.came_from.lower() in version.aliases:
        return False
    _take_out(version)  # it may have had both aliases
    return True


def _take_out(version: Version) -> None:
    with plain_errors(f"archiving {version.label}"):
        for alias in _ALIASES:
            if alias in version.aliases:
                client().delete_registered_model_alias(version.name, alias)


def _note(name: str, entry: promotions.Entry) -> None:
    with plain_errors(f"noting what becomes of {name}/{entry.version}"):
        client().set_registered_model_tag(name, _NOTE, entry.model_dump_json())
