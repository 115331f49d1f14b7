"""Every point at which a process changes the MLflow store or the files of its workspace, one after the other."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

_CHANGES = ("INSERT", "UPDATE", "DELETE")
# Prefect's own database and logs are its business; sqlite's and locks' files are opened again and again.
_NOT_OURS = ("prefect", "services", "locks", "mlflow.db", "store.lock")


def watch(home: Path, at_point: Callable[[str], None]) -> None:
    """Calls `at_point` before each change, for the rest of this process; what it does not hear of changes nothing by itself.

    A change of the store is a transaction's commit: what is killed before it has not happened. A change of files is a file
    opened for writing, renamed or removed below the workspace. Folders that are made say nothing until something is in them,
    and reads change nothing: both are left out. What native code writes (Parquet) is not heard of; all of it lies in folders
    that get their name by a rename, which is.

    Args:
        home: The workspace.
        at_point: Told what is about to happen.
    """
    changed: dict[int, str] = {}

    def executed(connection: Any, _: Any, statement: str, *__: Any) -> None:
        if statement.lstrip().upper().startswith(_CHANGES):
            changed.setdefault(id(connection), " ".join(statement.split()[:3]))

    def committing(connection: Any) -> None:
        told = changed.pop(id(connection), None)
        if told is not None:
            at_point(f"commit {told}")

    event.listen(Engine, "before_cursor_execute", executed)
    event.listen(Engine, "commit", committing)
    event.listen(Engine, "rollback", lambda connection: changed.pop(id(connection), None))

    def heard(name: str, args: tuple[Any, ...]) -> None:
        if name == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR):
            told = _ours(home, args[0], -1)
        elif name == "os.rename":
            told = _ours(home, args[1], args[3])
        elif name in ("os.remove", "os.rmdir"):
            told = _ours(home, args[0], args[1])
        else:
            return
        if told:
            at_point(f"{name} {told}")

    sys.addaudithook(heard)


def _ours(home: Path, path: Any, folder: int) -> str:
    """A path below the workspace, relative to it; empty for any other."""
    if not isinstance(path, str | bytes | os.PathLike):
        return ""
    text = os.fsdecode(path)
    if folder != -1 and not os.path.isabs(text):
        text = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), text)
    try:
        inner = Path(os.path.abspath(text)).relative_to(home)
    except ValueError:
        return ""
    return "" if not inner.parts or inner.parts[0].startswith(_NOT_OURS) else str(inner)
