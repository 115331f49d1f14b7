"""Micro-batching: what waits while every interpreter is busy is answered together.

A request that finds an idle interpreter never waits for company, so load alone makes batches; `wait_s` may hold an incomplete
batch back for so long, where a network gains more from large batches than its clients lose by waiting.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from deployments.serving.errors import overloaded, timed_out


@dataclass(eq=False)
class _Waiting:
    """The rows of one request, until they are answered."""

    x: np.ndarray
    future: "asyncio.Future[np.ndarray]"
    since: float
    deadline: float


class Batcher:
    """Answers requests in batches on a pool of threads. To be used on one event loop.

    Args:
        predict: Network input to probabilities, rows to rows; called from several threads at once.
        pool: The threads.
        most_at_once: Batches under way at a time, one interpreter each.
        max_rows: Rows of one batch; a single request may have more.
        wait_s: Longest time that an incomplete batch is held back for more.
        max_waiting: Requests that may wait.
        seen: Told the rows of each batch.
    """

    def __init__(
        self,
        predict: Callable[[np.ndarray], np.ndarray],
        pool: Executor,
        *,
        most_at_once: int,
        max_rows: int,
        wait_s: float,
        max_waiting: int,
        seen: Callable[[int], None] = lambda rows: None,
    ) -> None:
        self._predict, self._pool, self._seen = predict, pool, seen
        self._most_at_once, self._max_rows, self._wait_s, self._max_waiting = most_at_once, max_rows, wait_s, max_waiting
        self._queue: deque[_Waiting] = deque()
        self._busy = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is under way."""
        return not self._busy and not self._queue

    async def run(self, x: np.ndarray, timeout_s: float) -> np.ndarray:
        """Probabilities of the rows of one request.

        Raises:
            RequestError: 429, too many wait already; 503, no interpreter was free within `timeout_s`.
        """
        if len(self._queue) >= self._max_waiting:
            raise overloaded(f"More than {self._max_waiting} requests wait already. Send this one again later.")
        now = time.monotonic()
        waiting = _Waiting(x, asyncio.get_running_loop().create_future(), now, now + timeout_s)
        self._queue.append(waiting)
        self._dispatch()
        return await waiting.future

    def _dispatch(self) -> None:
        """Starts batches while there are both requests and interpreters."""
        now = time.monotonic()
        while self._queue and self._busy < self._most_at_once:
            first = self._queue[0]
            if first.future.done():  # its client has gone
                self._queue.popleft()
                continue
            if now > first.deadline:
                self._queue.popleft()
                first.future.set_exception(timed_out("No interpreter was free in time. Send this request again later."))
                continue
            held = first.since + self._wait_s - now
            if held > 0 and sum(len(each.x) for each in self._queue) < self._max_rows:
                if self._timer is None:
                    self._timer = asyncio.get_running_loop().call_later(held, self._wake)
                return
            self._start(self._take())

    def _wake(self) -> None:
        self._timer = None
        self._dispatch()

    def _take(self) -> list[_Waiting]:
        """The oldest requests that fit one batch."""
        batch, rows = [self._queue.popleft()], 0
        rows = len(batch[0].x)
        while self._queue and rows + len(self._queue[0].x) <= self._max_rows:
            batch.append(self._queue.popleft())
            rows += len(batch[-1].x)
        return batch

    def _start(self, batch: list[_Waiting]) -> None:
        self._busy += 1
        x = batch[0].x if len(batch) == 1 else np.concatenate([each.x for each in batch])
        self._seen(len(x))
        done = asyncio.get_running_loop().run_in_executor(self._pool, self._predict, x)
        done.add_done_callback(lambda finished: self._finish(batch, finished))

    def _finish(self, batch: list[_Waiting], done: "asyncio.Future[np.ndarray]") -> None:
        self._busy -= 1
        failure = done.exception()
        start = 0
        for each in batch:
            stop = start + len(each.x)
            if not each.future.done():
                if failure is None:
                    each.future.set_result(done.result()[start:stop])
                else:
                    each.future.set_exception(failure)
            start = stop
        self._dispatch()
