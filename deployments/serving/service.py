"""From a request to its answer: who answers it, where it is computed, and what is kept of it."""

import asyncio
import logging
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np

from deployments.serving.asked import Asked, Write
from deployments.serving.batching import Batcher
from deployments.serving.capture import Capture, Prediction
from deployments.serving.errors import RequestError, not_found, overloaded, shown, timed_out
from deployments.serving.lineup import Lineup, Role, in_share
from deployments.serving.metrics import Metrics
from deployments.serving.served import Raw, Rows, Served
from deployments.serving.settings import Settings
from deployments.serving.tally import Tally

_MOST_SHADOWS = 64
_log = logging.getLogger("bequest.serving")


@dataclass(frozen=True)
class Answer:
    """The body of an answer, and the version that made it."""

    body: bytes
    served: Served
    rows: int


@dataclass(frozen=True)
class Prepared:
    """A request's rows as they came and as the network takes them, and what makes the body of the answer."""

    raw: Raw
    x: np.ndarray
    write: Write


class Companion(Protocol):
    """What works beside the requests."""

    def start(self, service: "Service") -> None:
        """Called once the server's event loop runs."""

    def stop(self) -> None:
        """Called when the last request is answered."""

    def facts(self) -> dict[str, Any]:
        """What `/version` tells of it."""


class Service:
    """Answers requests from whoever is in the line-up at the time.

    Args:
        lineup: Who answers first.
        settings: Limits.
        metrics: What is counted.
        companions: What works beside the requests, begun and ended with the server.
        capture: Keeps predictions; None: they are not kept.
    """

    def __init__(
        self,
        lineup: Lineup,
        settings: Settings,
        metrics: Metrics,
        companions: Sequence[Companion] = (),
        capture: Capture | None = None,
    ) -> None:
        self.settings, self.metrics, self.companions, self.capture = settings, metrics, companions, capture
        self.tally = Tally()
        self._shadows: set[asyncio.Task[None]] = set()
        threads = settings.threads or os.cpu_count() or 1
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="predict")
        self._batchers: WeakKeyDictionary[Served, Batcher] = WeakKeyDictionary()
        self._under_way = 0
        metrics.under_way.set_function(lambda: self._under_way)
        self.lineup = lineup

    @property
    def lineup(self) -> Lineup:
        """Who answers now."""
        return self._lineup

    @lineup.setter
    def lineup(self, lineup: Lineup) -> None:
        # Requests under way keep the version they began with; its interpreters go with the last of them.
        self._lineup = lineup
        self.metrics.model.clear()
        for role, served in (("production", lineup.champion), ("challenger", lineup.challenger)):
            if served is not None:
                self.metrics.model.labels(served.name, served.version, served.sha256, role).set(1)

    def version(self) -> dict[str, Any]:
        """Who answers: name, version and sha256 of the bundle; who is tried, and what the registry said."""
        served, challenger = self._lineup.champion, self._lineup.challenger
        told = {"name": served.name, "version": served.version, "bundle_sha256": served.sha256}
        for companion in self.companions:
            told |= companion.facts()
        return told if challenger is None else told | {"challenger": challenger.version}

    def begin(self) -> None:
        """Called once the server's event loop runs."""
        for companion in self.companions:
            companion.start(self)

    def close(self) -> None:
        """Ends the threads once they are done; called when the last request is answered."""
        for companion in self.companions:
            companion.stop()
        self._pool.shutdown()

    def admit(self) -> None:
        """Takes one more request in; `leave` must follow.

        Raises:
            RequestError: 429, as many are under way as the settings allow.
        """
        if self._under_way >= self.settings.max_waiting:
            self.metrics.refused.labels("queue").inc()
            raise overloaded(
                f"{self._under_way} requests are under way, as many as this server takes. Send this one again later."
            )
        self._under_way += 1

    def leave(self) -> None:
        """Lets a request go that was admitted."""
        self._under_way -= 1

    async def answer(self, asked: Asked) -> Answer:
        """Answers one request.

        Raises:
            RequestError: 4xx, it can't be answered; 503, not in time.
        """
        lineup, trial = self._lineup, self.settings.trial
        served = self._addressed(lineup, asked)
        challenger = None if trial is None or asked.version is not None else lineup.challenger
        canary = challenger if trial is not None and trial.mode == "canary" else None
        by_column = None if trial is None else trial.key_column
        if canary is not None and by_column is None and self._meets(canary, asked.key or asked.request_id):
            answer = await self._by_challenger(canary, asked, served)
            if answer is not None:
                return answer
        begun = time.perf_counter()
        prepared = await self._prepare(served, asked)
        if canary is not None and by_column is not None and self._meets(canary, value_of(served, prepared.raw, by_column)):
            answer = await self._by_challenger(canary, asked, served)
            if answer is not None:
                return answer
        probabilities = await self._predict(served, prepared.x)
        role: Role = "production" if served is lineup.champion else "canary"
        self._keep(served, role, asked, prepared.raw, probabilities, time.perf_counter() - begun)
        if challenger is not None and canary is None:
            self._shadow(challenger, asked)
        return await self._written(served, prepared, probabilities)

    def _addressed(self, lineup: Lineup, asked: Asked) -> Served:
        """The version that the path names, else the champion."""
        if asked.name is None:
            return lineup.champion
        found = lineup.find(asked.name, asked.version)
        if found is None:
            which = asked.name if asked.version is None else f"{asked.name}, version {asked.version}"
            here = f"{lineup.champion.name}, version {' or '.join(lineup.versions)}"
            raise not_found(f"model {shown(which)}: expected {here}, which is served here.")
        return found

    def _meets(self, challenger: Served, key: str) -> bool:
        assert self.settings.trial is not None
        return in_share(key, self.settings.trial.share, challenger.sha256)

    async def _by_challenger(self, challenger: Served, asked: Asked, champion: Served) -> Answer | None:
        """The challenger's answer; None where it has none, so that the champion's is the one that counts."""
        begun = time.perf_counter()
        try:
            prepared = await self._prepare(challenger, asked)
            probabilities = await self._predict(challenger, prepared.x)
        except Exception as error:
            if isinstance(error, RequestError):
                await self._prepare(champion, asked)  # where the champion refuses as well, the request is at fault
            self._challenger_failed(error)
            return None
        self._keep(challenger, "canary", asked, prepared.raw, probabilities, time.perf_counter() - begun)
        return await self._written(challenger, prepared, probabilities)

    def _shadow(self, challenger: Served, asked: Asked) -> None:
        """Lets the challenger answer as well, where there is time for it; nobody waits for it."""
        if len(self._shadows) >= _MOST_SHADOWS:
            self.metrics.dropped.labels("shadow busy").inc()
            return

        async def follow() -> None:
            begun = time.perf_counter()
            try:
                prepared = await self._prepare(challenger, asked)
                begun = time.perf_counter()
                probabilities = await self._predict(challenger, prepared.x)
            except Exception as error:
                self._challenger_failed(error)
                return
            self._keep(challenger, "shadow", asked, prepared.raw, probabilities, time.perf_counter() - begun)

        task = asyncio.get_running_loop().create_task(follow())
        self._shadows.add(task)
        task.add_done_callback(self._shadows.discard)

    def _challenger_failed(self, error: Exception) -> None:
        self.tally.failed(by_challenger=True)
        self.metrics.challenger_failures.inc()
        if not isinstance(error, RequestError):
            _log.warning("the challenger failed: %r", error)

    async def _written(self, served: Served, prepared: Prepared, probabilities: np.ndarray) -> Answer:
        if len(probabilities) <= self.settings.inline_rows:
            body = prepared.write(served, probabilities)
        else:
            body = await asyncio.get_running_loop().run_in_executor(self._pool, prepared.write, served, probabilities)
        return Answer(body, served, len(probabilities))

    async def _prepare(self, served: Served, asked: Asked) -> Prepared:
        """Reads and transforms the rows: on the event loop where that takes less than handing it to a thread."""
        if len(asked.body) <= self.settings.inline_body_bytes:
            return self._read(served, asked)
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, served, asked)

    def _read(self, served: Served, asked: Asked) -> Prepared:
        raw, write = asked.read(served, self.settings.max_rows)
        return Prepared(raw, served.encode(raw), write)

    async def _predict(self, served: Served, x: np.ndarray) -> np.ndarray:
        """Probabilities: at once where the network is quick and nothing waits, else by the pool, in batches."""
        batcher = self._batchers.get(served)
        if batcher is None:
            batcher = self._batchers[served] = self._batcher(served)
        if batcher.idle and served.row_s * len(x) <= self.settings.inline_s:
            probabilities = served.predict(x)
        else:
            try:
                async with asyncio.timeout(self.settings.timeout_s):
                    probabilities = await batcher.run(x, self.settings.timeout_s)
            except TimeoutError:
                self.metrics.refused.labels("timeout").inc()
                raise timed_out(
                    f"The answer took longer than {self.settings.timeout_s:g} s. Send fewer rows, or later."
                ) from None
        if not np.isfinite(probabilities).all():
            raise ArithmeticError(f"{served.label} answered with probabilities that are not finite")
        return probabilities

    def _batcher(self, served: Served) -> Batcher:
        settings = self.settings
        return Batcher(
            served.predict,
            self._pool,
            most_at_once=self._threads,
            max_rows=settings.batch_rows,
            wait_s=settings.batch_wait_s,
            max_waiting=settings.max_waiting,
            seen=self.metrics.batch_rows.observe,
        )

    def _keep(self, served: Served, role: Role, asked: Asked, raw: Raw, probabilities: np.ndarray, seconds: float) -> None:
        """Counts a prediction, and keeps it where that was asked for."""
        self.metrics.predicted(served.version, role, len(probabilities))
        if self._lineup.challenger is not None:
            labels = [served.labels[place] for place in probabilities.argmax(axis=1).tolist()]
            self.tally.answered(asked.request_id, labels, seconds, by_challenger=role != "production")
        if self.capture is not None:
            self.capture.put(Prediction(asked.request_id, time.time(), served, role, raw, probabilities))


def value_of(served: Served, raw: Raw, column: str) -> str:
    """A column's value in the first row, as the key of a canary; empty where there is none."""
    if isinstance(raw, Rows):
        names = list(served.types)
        return str(raw.values[0][names.index(column)]) if column in names else ""
    if isinstance(raw, Mapping) and column in raw:
        return str(raw[column][0])
    return ""
