"""From a request to its answer: who answers it, where it is computed, and what is kept of it."""

import asyncio
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np

from deployments.serving.asked import Asked, Write
from deployments.serving.batching import Batcher
from deployments.serving.errors import not_found, overloaded, shown, timed_out
from deployments.serving.lineup import Lineup, Role
from deployments.serving.metrics import Metrics
from deployments.serving.served import Raw, Served
from deployments.serving.settings import Settings


@dataclass(frozen=True)
class Answer:
    """The body of an answer, and the version that made it."""

    body: bytes
    served: Served
    rows: int


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
    """

    def __init__(self, lineup: Lineup, settings: Settings, metrics: Metrics, companions: Sequence[Companion] = ()) -> None:
        self.settings, self.metrics, self.companions = settings, metrics, companions
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
        lineup = self._lineup
        served, role = self._choose(lineup, asked)
        begun = time.perf_counter()
        raw, x, write = await self._prepare(served, asked)
        probabilities = await self._predict(served, x)
        self._keep(served, role, asked, raw, probabilities, time.perf_counter() - begun)
        if len(x) <= self.settings.inline_rows:
            body = write(served, probabilities)
        else:
            body = await asyncio.get_running_loop().run_in_executor(self._pool, write, served, probabilities)
        return Answer(body, served, len(x))

    def _choose(self, lineup: Lineup, asked: Asked) -> tuple[Served, Role]:
        """Who answers a request."""
        if asked.name is not None:
            found = lineup.find(asked.name, asked.version)
            if found is None:
                which = asked.name if asked.version is None else f"{asked.name}, version {asked.version}"
                here = f"{lineup.champion.name}, version {' or '.join(lineup.versions)}"
                raise not_found(f"model {shown(which)}: expected {here}, which is served here.")
            return found, "production" if found is lineup.champion else "canary"
        return lineup.champion, "production"

    async def _prepare(self, served: Served, asked: Asked) -> tuple[Raw, np.ndarray, Write]:
        """Reads and transforms the rows: on the event loop where that takes less than handing it to a thread."""
        if len(asked.body) <= self.settings.inline_body_bytes:
            return self._read(served, asked)
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, served, asked)

    def _read(self, served: Served, asked: Asked) -> tuple[Raw, np.ndarray, Write]:
        raw, write = asked.read(served, self.settings.max_rows)
        return raw, served.encode(raw), write

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
        """Counts a prediction."""
        self.metrics.predicted(served.version, role, len(probabilities))
