"""Files that would unpack to far more than they are, or that read other files: refused before a byte is unpacked."""

import zipfile
from pathlib import Path

import h5py

from tasks.methods.networks.formats.refusal import refusal

MEMBER_LIMITS = {"config.json": 64 << 20, "metadata.json": 1 << 20}  # bytes; the largest network's configuration has few MB
_ALWAYS_FINE = 64 << 20  # bytes: unpacking this much harms nobody
_MOST_TIMES = 200  # zeros among weights compress well, but not like this


def require_members(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuses an archive with a member that is a bomb.

    Raises:
        InputError: Names the member.
    """
    for member in archive.infolist():
        limit = MEMBER_LIMITS.get(member.filename)
        if _explodes(member.compress_size, member.file_size) or (limit is not None and member.file_size > limit):
            raise refusal(
                path,
                f"an archive whose {member.filename!r} unpacks from {member.compress_size} to {member.file_size} bytes",
                "Do not trust this file.",
            )


def require_own_data(path: Path, store: Path) -> None:
    """Refuses an HDF5 file that points at other files, as reading it would read them, or claims far more than it holds.

    Args:
        path: The file as the user named it.
        store: The HDF5 file itself.

    Raises:
        InputError: Names what was found.
    """
    outside: list[str] = []
    sizes: list[int] = []

    def visit(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            sizes.append(item.nbytes)
            if item.external or item.is_virtual:
                outside.append(name)

    def visit_link(name: str, link: object) -> None:
        if isinstance(link, h5py.ExternalLink):
            outside.append(name)

    with h5py.File(store, "r") as file:
        file.visititems_links(visit_link)
        if not outside:
            file.visititems(visit)
    if outside:
        raise refusal(path, f"weights that lie in other files ({outside[0]!r})", "Save the whole model into one file.")
    if _explodes(store.stat().st_size, sum(sizes)):
        raise refusal(path, f"weights that unpack from {store.stat().st_size} to {sum(sizes)} bytes", "Do not trust this file.")


def _explodes(packed: int, unpacked: int) -> bool:
    return unpacked > _ALWAYS_FINE and unpacked > _MOST_TIMES * max(packed, 1)
