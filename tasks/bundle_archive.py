"""A bundle as one small file for archives and downloads: its network entropy-coded, everything given back to the last bit."""

import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from model_registry.errors import InputError, IntegrityError
from model_registry.manifest import SIGNATURE
from tasks import bundle_files
from tasks.methods.coding.flatbuffer import pack, unpack

NETWORK, PACKED = "model.tflite", "model.tflite.packed"
_MOST_BYTES = 2 * 2**30  # a flatbuffer can't be larger; a file that claims to be is an attack or damage
_EPOCH = (1980, 1, 1, 0, 0, 0)  # equal bundles give equal archives


def write(folder: Path, archive: Path) -> int:
    """Writes the archive of a bundle, in one move, after it was read back and found the same.

    Args:
        folder: The bundle.
        archive: The file to write; one of that name is replaced.

    Returns:
        Bytes of the archive.

    Raises:
        InputError: `folder` is not a bundle, or `archive` can't be written.
        IntegrityError: The bundle is damaged.
    """
    _, files = bundle_files.read(folder)
    beside = [name for name in (bundle_files.MANIFEST, SIGNATURE) if (folder / name).is_file()]
    files |= {name: (folder / name).read_bytes() for name in beside}
    packed = pack(files[NETWORK])
    if unpack(packed) != files[NETWORK]:
        raise IntegrityError(f"{folder / NETWORK}: its packed form does not give it back; keep the bundle as it is.")
    try:
        with tempfile.NamedTemporaryFile(dir=archive.absolute().parent, prefix=f".{archive.name}.", delete=False) as partial:
            try:
                with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as members:
                    for name in sorted(set(files) - {NETWORK}):
                        members.writestr(_member(name, zipfile.ZIP_DEFLATED), files[name])
                    members.writestr(_member(PACKED, zipfile.ZIP_STORED), packed)
                os.replace(partial.name, archive)
            finally:
                Path(partial.name).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{archive}: expected a file that can be written. Received: {error}.") from error
    return archive.stat().st_size


def extract(archive: Path, folder: Path) -> dict[str, Any]:
    """Gives the bundle back, verified file for file.

    Args:
        archive: What `write` wrote.
        folder: Where to; must not exist, or be empty.

    Returns:
        The bundle's manifest.

    Raises:
        InputError: `archive` is not such a file, or `folder` holds something.
        IntegrityError: The archive is damaged.
    """
    if not archive.is_file():
        raise InputError(f"{archive}: expected the archive of a bundle, as `bequest pack` writes it. Found nothing there.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: expected a new or an empty folder. Received: one that holds something.")
    folder.absolute().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.absolute().parent, prefix=f".{folder.name}.") as partial:
        whole = Path(partial) / "bundle"
        whole.mkdir()
        for name, content in _read(archive).items():
            (whole / name).write_bytes(content)
        manifest = bundle_files.verify(whole)
        os.replace(whole, folder)
    return manifest


def _member(name: str, compression: int) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _EPOCH)
    member.compress_type, member.external_attr = compression, 0o644 << 16
    return member


def _read(archive: Path) -> dict[str, bytes]:
    """The bundle's files. Only the names that a bundle has are read, so none can lead out of the folder."""
    names = {bundle_files.MANIFEST, PACKED, *bundle_files.CONTENT} - {NETWORK}
    try:
        with zipfile.ZipFile(archive) as members:
            found = {member.filename: member for member in members.infolist()}
            if set(found) - {SIGNATURE} != names:
                raise InputError(
                    f"{archive}: expected the archive of a bundle, with {sorted(names)} in it. Received: {sorted(found)[:8]}."
                )
            large = [name for name, member in found.items() if member.file_size > _MOST_BYTES]
            if large:
                raise IntegrityError(f"{archive}: {large[0]} claims {found[large[0]].file_size} bytes. Fetch it again.")
            files = {name: members.read(member) for name, member in found.items()}
        files[NETWORK] = unpack(files.pop(PACKED))
    except zipfile.BadZipFile as error:
        raise InputError(
            f"{archive}: expected the archive of a bundle. Received: another or a damaged file ({error})."
        ) from error
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise IntegrityError(f"{archive}: {PACKED} is damaged ({error}). Fetch it again.") from error
    return files
