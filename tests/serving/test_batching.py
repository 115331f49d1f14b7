"""Micro-batching: what goes together, who is refused, and that each gets its own rows back."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from deployments.serving.batching import Batcher
from deployments.serving.errors import RequestError


class Network:
    """Gives back what it is given; busy until it is let go."""

    def __init__(self):
        self.free, self.batches, self.fails = threading.Event(), [], False

    def __call__(self, x):
        self.batches.append(len(x))
        assert self.free.wait(30)
        if self.fails:
            raise ArithmeticError("no")
        return x


def rows(*values):
    return np.array(values, np.float32)[:, np.newaxis]


def batcher(network, pool, **changes):
    limits = {"most_at_once": 1, "max_rows": 4, "wait_s": 0.0, "max_waiting": 8} | changes
    return Batcher(network, pool, **limits)


@pytest.fixture
def pool():
    with ThreadPoolExecutor(4) as threads:
        yield threads


async def started(tasks):
    """Lets tasks run up to where they wait."""
    made = [asyncio.create_task(task) for task in tasks]
    await asyncio.sleep(0.05)
    return made


def test_requests_that_wait_for_an_interpreter_go_together_and_get_their_own_rows(pool):
    async def scenario():
        network = Network()
        batch = batcher(network, pool)
        tasks = await started(batch.run(x, 30) for x in (rows(1), rows(2, 3), rows(4), rows(5, 6), rows(7, 8, 9, 10, 11)))
        assert network.batches == [1]  # the first found an idle one, and did not wait for company
        assert not batch.idle
        network.free.set()
        found = [each[:, 0].tolist() for each in await asyncio.gather(*tasks)]
        assert found == [[1], [2, 3], [4], [5, 6], [7, 8, 9, 10, 11]]
        assert network.batches == [1, 3, 2, 5]  # four rows at most, but one request is never cut
        assert batch.idle

    asyncio.run(scenario())


def test_as_many_batches_run_as_there_are_interpreters(pool):
    async def scenario():
        network = Network()
        batch = batcher(network, pool, most_at_once=2)
        tasks = await started(batch.run(rows(n), 30) for n in range(4))
        assert network.batches == [1, 1]
        network.free.set()
        await asyncio.gather(*tasks)
        assert sum(network.batches) == 4

    asyncio.run(scenario())


def test_an_incomplete_batch_is_held_back_no_longer_than_it_may(pool):
    async def scenario():
        network = Network()
        network.free.set()
        batch = batcher(network, pool, wait_s=0.05)
        begun = time.monotonic()
        await asyncio.gather(batch.run(rows(1), 30), batch.run(rows(2), 30))
        assert network.batches == [2]
        assert time.monotonic() - begun >= 0.05
        await asyncio.gather(*(batch.run(rows(n), 30) for n in range(4)))  # a full one is not held back
        assert network.batches == [2, 4]

    asyncio.run(scenario())


def test_a_request_past_the_limit_is_told_to_come_again(pool):
    async def scenario():
        network = Network()
        batch = batcher(network, pool, max_waiting=2)
        tasks = await started(batch.run(rows(n), 30) for n in range(3))  # one under way, two waiting
        with pytest.raises(RequestError) as refused:
            await batch.run(rows(9), 30)
        assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "1"})
        network.free.set()
        assert len(await asyncio.gather(*tasks)) == 3

    asyncio.run(scenario())


def test_what_waited_too_long_is_not_computed_any_more(pool):
    async def scenario():
        network = Network()
        batch = batcher(network, pool)
        first, late = await started([batch.run(rows(1), 30), batch.run(rows(2), 0.01)])
        network.free.set()
        await first
        with pytest.raises(RequestError) as refused:
            await late
        assert refused.value.status == 503
        assert network.batches == [1]

    asyncio.run(scenario())


def test_what_a_client_gave_up_is_not_computed_any_more(pool):
    async def scenario():
        network = Network()
        batch = batcher(network, pool)
        first, gone = await started([batch.run(rows(1), 30), batch.run(rows(2), 30)])
        gone.cancel()
        network.free.set()
        await first
        await asyncio.sleep(0.05)
        assert network.batches == [1]
        assert batch.idle

    asyncio.run(scenario())


def test_a_failure_reaches_all_of_its_batch_and_none_after(pool):
    async def scenario():
        network = Network()
        batch = batcher(network, pool)
        tasks = await started(batch.run(rows(n), 30) for n in range(3))
        network.fails = True
        network.free.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(each) for each in outcomes] == [ArithmeticError] * 3
        network.fails = False
        assert (await batch.run(rows(5), 30)).tolist() == [[5]]

    asyncio.run(scenario())
