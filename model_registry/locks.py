"""One writer at a time on a registered name: what reads, decides and then writes must not be overtaken in between."""

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock

from model_registry import tickets
from model_registry.store import ensure
from model_registry.workspace import sqlite_file


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Holds a name against all other writers of its store; no call of it within another.

    A sqlite store is a file of this machine, and so is the lock, which the system drops with its process. A server or a
    database may be written to from anywhere: the queue that the store itself keeps decides, and the file only spares the
    processes of one workspace the asking.

    Args:
        name: The registered model's name.
    """
    space = ensure()
    file = sqlite_file(space.tracking_uri)
    folder = (space.home if file is None else file.parent) / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{name}.lock"):
        if file is not None:
            yield
        else:
            with tickets.turn(name):
                yield
