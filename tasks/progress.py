"""What a stage is doing right now, for whoever watches: a progress bar on a terminal, nobody on a worker."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """One step of a stage.

    Attributes:
        stage: The stage's name.
        what: What it works on, e.g. an ancestor's label.
        done: Steps done.
        total: Most steps there can be.
        note: A short figure, e.g. the validation loss.
    """

    stage: str
    what: str
    done: int
    total: int
    note: str = ""


_watchers: list[Callable[[Progress], None]] = []


def watch(watcher: Callable[[Progress], None]) -> Callable[[], None]:
    """Calls `watcher` at every step from now on; returns what ends that."""
    _watchers.append(watcher)
    return lambda: _watchers.remove(watcher)


def report(stage: str, what: str, done: int, total: int, note: str = "") -> None:
    """Tells the watchers of one step."""
    for watcher in list(_watchers):
        watcher(Progress(stage, what, done, total, note))
