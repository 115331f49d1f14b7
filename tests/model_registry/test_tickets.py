import json
import subprocess
import sys
import threading
import time

import pytest

from model_registry import processes, store, tickets
from model_registry.tickets import Ticket


@pytest.fixture
def name(workspace: object) -> str:
    store.client().create_registered_model("digits")
    return "digits"


def hang_up(name: str, key: str, number: int, holder: str) -> None:
    told = json.dumps({"number": number, "holder": holder})
    store.client().set_registered_model_tag(name, f"{tickets.PREFIX}{key}", told)


def dead() -> str:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    return f"{processes.machine()}:{child.pid}:1.00"


def test_turn_leaves_no_ticket_behind(name: str):
    with tickets.turn(name):
        assert [each.number for each in tickets.queue(name)] == [1]
    assert tickets.queue(name) == []


def test_turn_goes_one_by_one_in_the_order_of_coming(name: str):
    order: list[str] = []

    def second() -> None:
        with tickets.turn(name):
            order.append("second")

    with tickets.turn(name):
        waiting = threading.Thread(target=second)
        waiting.start()
        while len(tickets.queue(name)) < 2:
            time.sleep(0.01)
        time.sleep(0.3)
        order.append("first")
    waiting.join(30)
    assert order == ["first", "second"]


def test_turn_passes_over_what_a_dead_process_left_behind(name: str):
    hang_up(name, "a", 1, dead())
    hang_up(name, "b", 0, dead())
    with tickets.turn(name):
        assert [each.holder for each in tickets.queue(name)] == [processes.signature()]


def test_turn_waits_for_another_machine_until_patience_ends(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tickets, "_PATIENCE_S", 0.3)
    hang_up(name, "a", 1, "elsewhere:1:1.00")
    start = time.monotonic()
    with tickets.turn(name):
        assert time.monotonic() - start > 0.3
    assert tickets.queue(name) == []


def test_turn_asks_nothing_of_a_name_that_does_not_stand(workspace: object):
    with tickets.turn("nobody"):
        assert store.client().search_registered_models() == []


def test_a_later_ticket_of_one_number_comes_after(name: str):
    hang_up(name, "b", 2, "x:1:1")
    hang_up(name, "a", 2, "y:1:1")
    hang_up(name, "c", 1, "z:1:1")
    assert tickets.queue(name) == [
        Ticket("ticket.c", 1, "z:1:1"),
        Ticket("ticket.a", 2, "y:1:1"),
        Ticket("ticket.b", 2, "x:1:1"),
    ]


def test_gone_tells_a_reused_number_from_the_process_that_had_it():
    mine = processes.signature()
    host, number, started = mine.split(":")
    assert not processes.gone(mine)
    assert processes.gone(f"{host}:{number}:{float(started) - 3600:.2f}")
    assert processes.gone(dead())
    assert not processes.gone("elsewhere:1:1.00")
