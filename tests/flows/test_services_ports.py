"""Which port is taken: the one asked for or none, else the next that is free."""

import os
import socket
from collections.abc import Iterator

import pytest

from flows.services.ports import choose, is_free
from model_registry.errors import BequestError, InputError


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_choose_takes_the_port_asked_for_when_it_is_free(taken: int):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert choose(port, taken, option="--prefect-port") == port


def test_choose_refuses_when_the_port_asked_for_is_in_use(taken: int):
    with pytest.raises(InputError, match=f"--prefect-port: expected a free port.*{taken}.*process {os.getpid()}"):
        choose(taken, 4200, option="--prefect-port")


def test_choose_takes_the_next_free_port_when_none_was_asked_for(taken: int):
    chosen = choose(None, taken, option="--mlflow-port")
    assert taken < chosen < taken + 100
    assert is_free(chosen)


def test_choose_keeps_the_port_of_the_last_start_when_it_is_free(taken: int):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        last = probe.getsockname()[1]
    assert choose(None, taken, option="--mlflow-port", last=last) == last
    assert choose(None, last, option="--mlflow-port", last=taken) == last


def test_choose_names_the_option_when_no_port_is_free(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("flows.services.ports.is_free", lambda _: False)
    with pytest.raises(BequestError, match=r"4200 to 4299.*--prefect-port"):
        choose(None, 4200, option="--prefect-port")
