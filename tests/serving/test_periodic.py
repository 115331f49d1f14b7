"""A thread that looks again and again."""

import threading

from deployments.serving.periodic import Periodic


def test_looks_go_on_after_one_that_failed_and_end_when_stopped():
    looks, enough = [], threading.Event()

    def look() -> None:
        looks.append(1)
        if len(looks) == 3:
            enough.set()
        raise OSError("no")

    periodic = Periodic("test", 0.001)
    periodic.start(look)
    assert enough.wait(10)
    periodic.stop()
    assert "test" not in {thread.name for thread in threading.enumerate()}


def test_stop_before_any_start_is_no_fault():
    Periodic("test", 1.0).stop()
