"""A version with its whole family as one file, for a registry that can't be reached from here.

The archive holds the files of every version in the lineage, each below the sha256 of its manifest, and an index that says
what each of them is. Stages and the ledger stay behind: what is promoted is the receiving side's decision.
"""

import os
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any, cast, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from model_registry import artifacts, gates, manifest, signature, trust, withdrawal
from model_registry.ancestry import ancestry
from model_registry.errors import InputError, IntegrityError
from model_registry.gates import Verdict
from model_registry.keys import trusted_keys
from model_registry.store import client, ensure, experiment, plain_errors
from model_registry.versions import Operation, Parent, Version, find, register, search

INDEX = "bequest-handover.json"
_MOST_BYTES = 64 * 2**30  # of all files together; an archive that claims more is an attack or damage
_EPOCH = (1980, 1, 1, 0, 0, 0)  # equal families give equal archives


class _Record(BaseModel):
    """One version as the index has it."""

    model_config = ConfigDict(frozen=True)

    version: Version
    description: str = ""
    verdict: Verdict | None = None


class _Index(BaseModel):
    """What the archive holds, parents before children."""

    model_config = ConfigDict(frozen=True)

    format: str = "bequest-handover"
    format_version: int = 1
    version: str
    versions: list[_Record]


class Received(BaseModel):
    """What came of an archive: of each version in it, what it is called here, and whether it stood here already."""

    model_config = ConfigDict(frozen=True)

    version: str
    made: dict[str, str]
    standing: dict[str, str]


def write(version: Version, archive: Path) -> list[str]:
    """Writes a version and everything it descends from, every file verified, in one move.

    Args:
        version: The version to hand over.
        archive: The file to write; one of that name is replaced.

    Returns:
        The labels of the versions in it, parents before children.

    Raises:
        InputError: `archive` can't be written, or the version, or an ancestor of it, is withdrawn.
        IntegrityError: A file of one of them is missing or was changed, or an ancestor was deleted from the registry.
    """
    for cause in withdrawal.of(version):
        raise InputError(
            f"{version.label}: {cause.told(version.label)}. It is not handed over, as nobody there would know of that: "
            f"`bequest withdraw {cause.of} --undo` takes the withdrawal back."
        )
    family = _parents_first(version)
    folders = {member.sha256: artifacts.fetch(member) for member in family}
    for member in family:
        artifacts.place_signature(member, folders[member.sha256])
    index = _Index(version=version.label, versions=[_record(member) for member in family])
    try:
        with tempfile.NamedTemporaryFile(dir=archive.absolute().parent, prefix=f".{archive.name}.", delete=False) as partial:
            try:
                with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as members:
                    members.writestr(zipfile.ZipInfo(INDEX, _EPOCH), index.model_dump_json(indent=1))
                    for sha256, folder in sorted(folders.items()):
                        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                            _add(members, path, f"versions/{sha256}/{path.relative_to(folder).as_posix()}")
                os.replace(partial.name, archive)
            finally:
                Path(partial.name).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{archive}: expected a file that can be written. Received: {error}.") from error
    return [member.label for member in family]


def is_archive(path: Path) -> bool:
    """Whether a file is an archive of this kind, by its index."""
    if not path.is_file() or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as members:
        return INDEX in members.namelist()


def receive(archive: Path) -> Received:
    """Registers every version of an archive that does not stand here yet, parents first, under its own name.

    Numbers are given anew, and the edges follow them. A version stands here already where one of its name and operation has
    the same files. A call that was cut off is finished by the next. Signatures come along; where trusted keys are set, one of
    them must have signed every version, or nothing is received.

    Args:
        archive: What `write` wrote.

    Raises:
        InputError: It is another file.
        IntegrityError: A file in it is missing or was changed; nothing of that version is registered. Or no trusted key has
            signed one of them.
    """
    index = _index(archive)
    made: dict[str, str] = {}
    standing: dict[str, str] = {}
    called: dict[str, Version] = {}
    staging = ensure().staging
    staging.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=staging, prefix="handover.") as scratch, zipfile.ZipFile(archive) as members:
        signatures = {record.version.label: _signature(members, record.version, archive) for record in index.versions}
        for record in index.versions:
            known, label = record.version, record.version.label
            found = _standing(known)
            if found is None:
                folder = _extracted(members, known, Path(scratch), archive)
                edges = [_edge(parent, called) for parent in known.parents]
                found = _registered(record, folder, edges, archive, signatures[label])
                made[label] = found.label
                shutil.rmtree(folder)
            else:
                standing[label] = found.label
            called[label] = found
            if record.verdict is not None and found.gate == "":
                gates.record(record.verdict.model_copy(update={"candidate": found.ref}))
    return Received(version=called[index.version].label, made=made, standing=standing)


def _parents_first(version: Version) -> list[Version]:
    family = ancestry(version)
    deleted = [label for label, member in family.items() if member.operation == "deleted"]
    if deleted:
        raise IntegrityError(
            f"{version.label}: its ancestor {deleted[0]} was deleted from the registry, so the family can't be handed over "
            "whole. Restore it from a backup of the store."
        )
    ordered: dict[str, Version] = {}

    def place(member: Version) -> None:
        if member.label not in ordered:
            for parent in member.parents:
                place(family[f"{parent.name}/{parent.version}"])
            ordered[member.label] = member

    place(version)
    return list(ordered.values())


def _record(version: Version) -> _Record:
    with plain_errors(f"reading {version.label}"):
        described = client().get_model_version(version.name, str(version.version)).description
    # Where its rows lie on this machine means nothing elsewhere.
    return _Record(
        version=version.model_copy(update={"data_uri": "", "aliases": [], "archived": {}}),
        description=described or "",
        verdict=gates.read(version),
    )


def _add(members: zipfile.ZipFile, path: Path, name: str) -> None:
    member = zipfile.ZipInfo(name, _EPOCH)
    member.compress_type, member.external_attr, member.file_size = zipfile.ZIP_DEFLATED, 0o644 << 16, path.stat().st_size
    with path.open("rb") as source, members.open(member, "w") as target:
        shutil.copyfileobj(source, target)


def _index(archive: Path) -> _Index:
    expected = f"{archive}: expected an archive as `bequest export` writes it."
    try:
        with zipfile.ZipFile(archive) as members:
            total = sum(member.file_size for member in members.infolist())
            if total > _MOST_BYTES:
                raise IntegrityError(f"{archive}: it claims to hold {total} bytes. Fetch it again.")
            index = _Index.model_validate_json(members.read(INDEX))
    except FileNotFoundError as error:
        raise InputError(f"{expected} Found nothing there.") from error
    except (zipfile.BadZipFile, KeyError) as error:
        raise InputError(f"{expected} Received: another or a damaged file ({error}).") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{expected} Received: an index whose {'.'.join(map(str, first['loc']))}: {first['msg']}.") from error
    if index.format_version != 1:
        raise InputError(
            f"{expected} Received: one of format {index.format_version}; a newer bequest wrote it. Update this one."
        )
    known: set[str] = set()
    for record in index.versions:
        missing = [edge for edge in record.version.parents if f"{edge.name}/{edge.version}" not in known]
        if missing:
            raise InputError(
                f"{expected} Received: {record.version.label} without its parent {missing[0].name}/{missing[0].version}."
            )
        if record.version.operation not in get_args(Operation):
            raise InputError(f"{expected} Received: {record.version.label} by the operation {record.version.operation!r}.")
        known.add(record.version.label)
    if index.version not in known:
        raise InputError(f"{expected} Received: one without the version it is for, {index.version}.")
    return index


def _standing(known: Version) -> Version | None:
    """The version here that has the same files."""
    there = find(known.name, known.version)  # on the way back to where it came from, or to a copy
    for version in [*([there] if there else []), *search(f"name = '{known.name}'")]:
        if version.ready and (version.sha256, version.operation) == (known.sha256, known.operation):
            return version
    return None


def _extracted(members: zipfile.ZipFile, known: Version, scratch: Path, archive: Path) -> Path:
    """A version's files, verified."""
    prefix, folder = f"versions/{known.sha256}/", scratch / known.sha256
    for member in members.infolist():
        if not member.filename.startswith(prefix) or member.is_dir():
            continue
        path = (folder / member.filename.removeprefix(prefix)).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise InputError(
                f"{archive}: {member.filename!r} leads out of its folder. The file was made to do harm; nothing was read."
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with members.open(member) as source, path.open("wb") as target:
                shutil.copyfileobj(source, target)
        except zipfile.BadZipFile as error:
            raise IntegrityError(f"{archive}: {member.filename} is damaged ({error}). Fetch the archive again.") from error
    manifest.verify(folder, known.sha256, what=f"{known.label} in {archive}")
    if manifest.write(folder) != known.sha256:  # what is not in it was slipped in
        raise IntegrityError(f"{archive}: {known.label} has files that its manifest does not list. Fetch the archive again.")
    return folder


def _signature(members: zipfile.ZipFile, known: Version, archive: Path) -> signature.Signature | None:
    """A version's signature, held to what the archive says of the version where trusted keys are set."""
    name = f"versions/{known.sha256}/{manifest.SIGNATURE}"
    content = members.read(name).decode() if name in members.namelist() else None
    trusted, where = trusted_keys(), f"{name} in {archive}"
    if trusted:
        trust.require_identity(known, signature.verify(content, trusted, where=where, what=known.label), where)
    return None if content is None else signature.read(content, where)


def _edge(parent: Parent, called: dict[str, Version]) -> Parent:
    """The edge to what the parent is called here."""
    here = called[f"{parent.name}/{parent.version}"]
    return parent.model_copy(update={"name": here.name, "version": here.version, "sha256": here.sha256})


def _registered(
    record: _Record, folder: Path, parents: list[Parent], archive: Path, signed: signature.Signature | None
) -> Version:
    known = record.version
    with plain_errors(f"receiving {known.label}"):
        run = client().create_run(
            experiment(known.name).experiment_id,
            run_name=f"received {known.label}",
            tags={"mlflow.source.name": "bequest", "bequest.stage": "handover", "bequest.archive": archive.name},
        )
    trigger: dict[str, Any] = known.trigger | {"received_from": archive.name, "was": known.label, "made_by": known.by}
    if signed is not None:
        trigger[signature.SIGNED_AS] = signed.signed.label
    version = register(
        known.name,
        folder,
        operation=cast(Operation, known.operation),  # checked with the index
        parents=parents,
        run_id=run.info.run_id,
        stage_key=signature.received_key(known.sha256),
        recipe_sha256=known.recipe_sha256,
        data_sha256=known.data_sha256,
        trigger=trigger,
        facts=known.facts,
        description=record.description,
        standing=lambda: _standing(known),
        signed_by="" if signed is None else signed.key,
    )
    with plain_errors(f"receiving {known.label}"):
        client().set_terminated(run.info.run_id)
    return version
