"""Checks of the workspace's folder: room, rights, and what a killed process has left in it."""

import os
import shutil
import tempfile
import time
from pathlib import Path

from flows.doctor.check import Check
from model_registry.workspace import current

_ROOM_BYTES = 5_000_000_000
# A folder that names no process is taken for abandoned once nothing in it has changed for so long.
_QUIET_S = 6 * 3600


def writable(_: bool) -> list[Check]:
    """Whether the workspace can be written to."""
    home = current().home
    stands = _standing(home)
    try:
        with tempfile.TemporaryFile(dir=stands):
            pass
    except OSError as error:
        remedy = f"Give yourself the right to write to {stands}, or set BEQUEST_HOME to a folder of yours."
        return [Check("workspace", "fail", f"{home} can't be written to: {error.strerror}", remedy)]
    return [Check("workspace", "ok", str(home) if home == stands else f"{home}, not made yet")]


def room(_: bool) -> list[Check]:
    """Whether the disk has room for a few more runs."""
    home = current().home
    free = shutil.disk_usage(_standing(home)).free
    found = f"{free / 1e9:.1f} GB free"
    if free >= _ROOM_BYTES:
        return [Check("disk", "ok", found)]
    remedy = f"Free some: {_largest(home)}MLflow's UI deletes runs, `mlflow gc` their files."
    return [Check("disk", "warn", f"{found}, expected 5 GB or more", remedy)]


def leftovers(repair: bool) -> list[Check]:
    """Whether killed processes have left half-written folders."""
    space = current()
    half = [
        *_entries(space.staging),
        *(each for each in _entries(space.data) if each.name.startswith(".")),
        *(each for each in _entries(space.bundles) if each.name.startswith(".") or each.suffix == ".partial"),
    ]
    left = [each for each in half if _abandoned(each)]
    if not left:
        busy = f", {len(half)} being written" if half else ""
        return [Check("half-finished folders", "ok", f"none{busy}")]
    found = ", ".join(str(each.relative_to(space.home)) for each in left)
    if not repair:
        return [Check("half-finished folders", "warn", found, "Nothing reads them; `bequest doctor --repair` removes them.")]
    for each in left:
        shutil.rmtree(each) if each.is_dir() else each.unlink()
    return [Check("half-finished folders", "ok", f"removed {found}")]


def _standing(path: Path) -> Path:
    """The path itself, or the nearest folder above it that stands."""
    while not path.is_dir():
        path = path.parent
    return path


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _abandoned(path: Path) -> bool:
    """Whether nobody is writing a half-finished folder any more; its name may end in the id of its process."""
    import psutil

    suffix = path.suffix.removeprefix(".")
    if not suffix.isdigit():
        return time.time() - _changed(path) > _QUIET_S
    try:
        # A process that is younger than what it is said to have written has only the same id.
        return psutil.Process(int(suffix)).create_time() > _changed(path)
    except psutil.NoSuchProcess:
        return True


def _changed(path: Path) -> float:
    """When anything in a folder last changed, in seconds since the epoch."""
    times = [path.stat().st_mtime]
    for folder, _, files in os.walk(path):
        for name in files:
            try:
                times.append(os.stat(os.path.join(folder, name)).st_mtime)
            except FileNotFoundError:
                continue
    return max(times)


def _largest(home: Path) -> str:
    """The largest folders of the workspace, in words."""
    sizes = {}
    for each in _entries(home):
        if each.is_dir():
            sizes[each.name] = sum(file.stat().st_size for file in each.rglob("*") if file.is_file())
    largest = sorted(sizes, key=lambda name: sizes[name], reverse=True)[:3]
    told = ", ".join(f"{name} {sizes[name] / 1e9:.1f} GB" for name in largest if sizes[name])
    return f"the workspace holds {told}. " if told else ""
