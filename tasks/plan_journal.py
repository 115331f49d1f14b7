"""What a search for ways to compress has tried, on disk: a search that is cut off carries on from here."""

import json
import os
import shutil
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

    def add(self, candidate: Candidate, model: Any, judged: dict[str, tuple[Point, bytes]]) -> None:
        """Keeps what a candidate came to: files first, then the line that says they stand.

        Args:
            candidate: What was tried.
            model: Its network; None where its training failed.
            judged: Mode -> point and flatbuffer.
        """
        from tasks.methods.networks import store

        if judged:
            store.save(model, self.network(next(iter(judged.values()))[0]))
        for point, flatbuffer in judged.values():
            self.flatbuffer(point).write_bytes(flatbuffer)
        lines = [_line(done, points) for done, points in self.read()]
        lines.append(_line(candidate, [point for point, _ in judged.values()]))
        partial = self._folder / f"{_LIST}.partial"
        partial.write_text("".join(lines))
        os.replace(partial, self._folder / _LIST)

    def network(self, point: Point) -> Path:
        """The file of a point's network, as Keras has it."""
        return self._folder / f"{point.candidate}.keras"

    def flatbuffer(self, point: Point) -> Path:
        """The file of a point's flatbuffer."""
        return self._folder / f"{point.candidate}-{point.mode}.tflite"

    def remove(self) -> None:
        """Takes the folder away: what it led to is registered."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _line(candidate: Candidate, points: list[Point]) -> str:
    return json.dumps({"candidate": candidate.as_json(), "points": [asdict(point) for point in points]}) + "\n"
