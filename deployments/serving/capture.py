"""Keeps predictions and labels as partitioned Parquet, written by a thread of its own.

    FOLDER/predictions/name=NAME/date=2026-01-31/version=7/part-....parquet   one row a predicted row
    FOLDER/labels/name=NAME/date=2026-01-31/part-....parquet                  one row a label, by request id and row

A request only leaves its prediction in a queue of bounded length and memory. Where the writer can't keep up, or the disk is
full, predictions are dropped and counted; no request ever waits or fails for it. Files appear whole, under their final name, or
not at all.
"""

import logging
import os
import queue
import shutil
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from deployments.serving import captured_rows, parquet
from deployments.serving.lineup import Role, in_share
from deployments.serving.metrics import Metrics
from deployments.serving.privacy import Policy
from deployments.serving.served import Raw, Served, count_rows

_MOST_WAITING = 10_000
_MOST_BYTES_WAITING = 2**28  # a request may hold pictures: a number of requests alone would not bound memory
_MOST_ROWS_A_FILE = 50_000
_MOST_BYTES_A_FILE = 2**26
_CELL_BYTES = 64  # of a number or a short text as an object
_CLEAN_EVERY_S = 3600.0
_log = logging.getLogger("bequest.serving")


@dataclass(frozen=True)
class Prediction:
    """A request that was answered.

    Args:
        request_id: Its id.
        at: When, in seconds since 1970.
        served: Who answered.
        role: As what.
        raw: The rows as they came.
        probabilities: float32 [n, classes].
    """

    request_id: str
    at: float
    served: Served
    role: Role
    raw: Raw
    probabilities: np.ndarray


@dataclass(frozen=True)
class Label:
    """The truth about one row of a request."""

    request_id: str
    at: float
    name: str
    row: int
    label: str


Measured = tuple[Prediction | Label, int]  # with about how many bytes of memory it takes


class Capture:
    """The queue and its writer.

    Args:
        folder: Where to.
        policy: What may be kept.
        metrics: Where rows and drops are counted.
        sample: Fraction of the requests that is kept; chosen by request id.
        keep_days: Days after which a day's files are removed; None: never.
        every_s: Seconds between two writes.
    """

    def __init__(
        self,
        folder: Path,
        policy: Policy,
        metrics: Metrics,
        *,
        sample: float = 1.0,
        keep_days: int | None = None,
        every_s: float = 5.0,
    ) -> None:
        self._folder, self._policy, self._metrics = folder, policy, metrics
        self._sample, self._keep_days, self._every_s = sample, keep_days, every_s
        self._queue: queue.SimpleQueue[Measured] = queue.SimpleQueue()
        self._bytes, self._counting = 0, threading.Lock()
        self._cleaned = 0.0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def put(self, item: Prediction | Label) -> bool:
        """Leaves a prediction or a label for the writer; False where it was dropped or not sampled."""
        if self._sample < 1.0 and isinstance(item, Prediction) and not in_share(item.request_id, self._sample, "capture"):
            return False
        size = _bytes(item)
        if self._queue.qsize() >= _MOST_WAITING or self._bytes + size > _MOST_BYTES_WAITING:
            self._metrics.dropped.labels("queue full").inc()
            return False
        with self._counting:
            self._bytes += size
        self._queue.put((item, size))
        return True

    def facts(self) -> dict[str, Any]:
        """What `/version` tells of it."""
        return {"capture": {"sample": self._sample, "keep_days": self._keep_days}}

    def start(self, service: Any) -> None:
        """Begins to write."""
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Writes what is left, and ends."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(30)

    def write(self) -> None:
        """Writes what waits now."""
        for items in _grouped(self._drain()):
            rows = sum(count_rows(item.raw) if isinstance(item, Prediction) else 1 for item in items)
            try:
                self._write(items)
            except Exception:  # a full disk, a value that has no form: the requests are answered all the same
                _log.exception("%d rows could not be captured", rows)
                self._metrics.dropped.labels("not written").inc(len(items))
            else:
                if isinstance(items[0], Prediction):
                    self._metrics.captured.inc(rows)

    def clean(self, today: date) -> list[Path]:
        """Removes the days that are kept no longer; returns their folders."""
        if self._keep_days is None:
            return []
        oldest = (today - timedelta(days=self._keep_days)).isoformat()
        old = [day for day in self._folder.glob("*/name=*/date=*") if day.name.removeprefix("date=") < oldest]
        for day in old:
            shutil.rmtree(day, ignore_errors=True)
        return old

    def _run(self) -> None:
        while True:
            ending = self._stop.wait(self._every_s)
            self.write()
            if time.monotonic() - self._cleaned > _CLEAN_EVERY_S or not self._cleaned:
                self._cleaned = time.monotonic()
                self.clean(datetime.now(UTC).date())
            if ending:
                return

    def _drain(self) -> Iterable[Measured]:
        for _ in range(self._queue.qsize()):
            item, size = self._queue.get_nowait()
            with self._counting:
                self._bytes -= size
            yield item, size

    def _write(self, items: list[Any]) -> None:
        first = items[0]
        day = datetime.fromtimestamp(first.at, UTC).date().isoformat()
        if isinstance(first, Prediction):
            served = first.served
            columns, metadata = captured_rows.of_predictions(items, self._policy)
            folder = self._folder / "predictions" / f"name={_safe(served.name)}" / f"date={day}"
            folder /= f"version={_safe(served.version)}"
        else:
            columns, metadata = captured_rows.of_labels(items), {}
            folder = self._folder / "labels" / f"name={_safe(first.name)}" / f"date={day}"
        folder.mkdir(parents=True, exist_ok=True)
        final = folder / f"part-{time.time_ns()}-{uuid.uuid4().hex[:8]}.parquet"
        partial = final.with_suffix(".partial")
        try:
            partial.write_bytes(parquet.to_bytes(columns, metadata))
            os.replace(partial, final)
        finally:
            partial.unlink(missing_ok=True)


def _grouped(items: Iterable[Measured]) -> Iterable[list[Any]]:
    """Items that go into one file: of one kind, day, model and version, and not too many."""
    groups: dict[Any, list[Any]] = {}
    rows, sizes = Counter[Any](), Counter[Any]()
    for item, size in items:
        day = int(item.at // 86_400)
        key = (day, item.served.sha256, item.served.label) if isinstance(item, Prediction) else (day, item.name)
        groups.setdefault(key, []).append(item)
        rows[key] += count_rows(item.raw) if isinstance(item, Prediction) else 1
        sizes[key] += size
        if rows[key] >= _MOST_ROWS_A_FILE or sizes[key] >= _MOST_BYTES_A_FILE:
            yield groups.pop(key)
            rows[key] = sizes[key] = 0
    yield from groups.values()


def _bytes(item: Prediction | Label) -> int:
    """About how much memory an item takes."""
    if isinstance(item, Label):
        return _CELL_BYTES
    raw = item.raw
    if isinstance(raw, np.ndarray):
        return raw.nbytes
    if not (count := count_rows(raw)):
        return 0
    first = [values[0] for values in raw.values()] if isinstance(raw, Mapping) else raw.values[0]
    return count * sum(_CELL_BYTES + (len(cell) if isinstance(cell, str) else 0) for cell in first)  # a text may be a picture


def _safe(name: str) -> str:
    """A name as one part of a path, whatever it holds."""
    return quote(name, safe="").replace(".", "%2E") if name.startswith(".") else quote(name, safe="")
