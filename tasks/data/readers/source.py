"""Which kind of source a recipe names, and where it is."""

from pathlib import Path
from typing import Literal

from model_registry.errors import InputError
from tasks.data.wording import listed, nearest

Kind = Literal["csv", "parquet", "npz", "folder", "bundled"]
SUFFIXES: dict[str, Kind] = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet", ".npz": "npz"}
BUNDLED = "bundled:"


def locate(source: str, base: Path) -> tuple[Kind, Path]:
    """Kind and place of a source.

    Args:
        source: As in `data.source`.
        base: Folder that relative paths start from.

    Returns:
        Kind, and the path (for bundled data: just its name).

    Raises:
        InputError: Nothing there, or nothing bequest can read.
    """
    if source.startswith(BUNDLED):
        return "bundled", Path(source.removeprefix(BUNDLED))
    path = (base / Path(source).expanduser()).absolute()
    if not path.exists():
        siblings = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        near = nearest(path.name, siblings)
        found = "no such folder" if not path.parent.is_dir() else f"nothing there.{near}"
        raise InputError(f"{source}: expected a file or folder at {path}. Received: {found}")
    if path.is_dir():
        return "folder", path
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise InputError(
            f"{source}: expected one of {listed(SUFFIXES)}, a folder of class folders, or bundled:<name>. "
            f"Received: {path.suffix or 'no suffix'!r}."
        )
    if path.stat().st_size == 0:
        raise InputError(f"{source}: expected rows. Received: an empty file.")
    return kind, path


def suite_path(base: Path, name: str) -> Path:
    """Where a contract of the user's own is.

    Raises:
        InputError: No such file.
    """
    path = (base / Path(name).expanduser()).absolute()
    if not path.is_file():
        siblings = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(
            f"preprocess.contract.path: expected a great-expectations suite (JSON) at {path}. "
            f"Received: no such file.{nearest(path.name, siblings)}"
        )
    return path
