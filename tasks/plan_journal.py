"""What a search for ways to compress has tried, on disk: a search that is cut off carries on from here."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tasks.methods.planning.candidate import Candidate
from tasks.methods.planning.front import Point

_LIST = "tried.jsonl"


class Journal:
    """One folder a search: a line for each candidate tried, its network, and the flatbuffer of every point.

    Args:
        folder: Its place; made where absent.
        afresh: Whether to forget what is there.
    """

    def __init__(self, folder: Path, *, afresh: bool) -> None:
        self._folder = folder
        if afresh:
            self.remove()
        folder.mkdir(parents=True, exist_ok=True)
        self._mend()

    def read(self) -> list[tuple[Candidate, list[Point]]]:
        """What was tried, in order."""
        tried = []
        path = self._folder / _LIST
        for line in path.read_text().splitlines() if path.is_file() else []:
            entry = json.loads(line)
            points = [
                Point(**point | {"steps": tuple(point["steps"]), "interval": tuple(point["interval"])})
                for point in entry["points"]
            ]
            tried.append((Candidate(**entry["candidate"]), points))
        return tried

    def add(self, candidate: Candidate, model: Any, judged: Mapping[str, tuple[Point, bytes]], own: Mapping[str, Any]) -> None:
        """Keeps what a candidate came to: files first, then the line that says they stand.

        Args:
            candidate: What was tried.
            model: Its network; None where its training failed.
            judged: Mode -> point and flatbuffer.
            own: Mode -> the network that was converted, where the mode trained it further.
        """
        from tasks.methods.networks import store

        for mode, (point, flatbuffer) in judged.items():
            self.flatbuffer(point).write_bytes(flatbuffer)
            if mode in own:
                store.save(own[mode], self._own(point))
        shared = [point for mode, (point, _) in judged.items() if mode not in own]
        if shared:
            store.save(model, self._shared(shared[0]))
        points = [asdict(point) for point, _ in judged.values()]
        with (self._folder / _LIST).open("a") as lines:
            lines.write(json.dumps({"candidate": candidate.as_json(), "points": points}) + "\n")
            lines.flush()
            os.fsync(lines.fileno())

    def network(self, point: Point) -> Path:
        """The file of a point's network, as Keras has it: its own where its mode trained on, else its candidate's."""
        own = self._own(point)
        return own if own.is_file() else self._shared(point)

    def flatbuffer(self, point: Point) -> Path:
        """The file of a point's flatbuffer."""
        return self._folder / f"{point.candidate}-{point.mode}.tflite"

    def remove(self) -> None:
        """Takes the folder away: what it led to is registered."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _shared(self, point: Point) -> Path:
        return self._folder / f"{point.candidate}.keras"

    def _own(self, point: Point) -> Path:
        return self._folder / f"{point.candidate}-{point.mode}.keras"

    def _mend(self) -> None:
        """Cuts off a last line that a crash left unfinished: its candidate is tried again."""
        path = self._folder / _LIST
        if path.is_file() and not (text := path.read_bytes()).endswith(b"\n"):
            os.truncate(path, text.rfind(b"\n") + 1)
