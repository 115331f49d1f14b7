"""Which port a service listens on."""

import socket

from flows.services.loopback import HOST
from model_registry.errors import BequestError, InputError

_TRIED = 100


def is_free(port: int) -> bool:
    """Whether nobody listens on a loopback port."""
    with socket.socket() as probe:
        # As the servers do: a port whose last connection is only just closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def choose(given: int | None, default: int, *, option: str, last: int | None = None) -> int:
    """The port to listen on.

    Args:
        given: What the user asked for; taken or refused, never replaced.
        default: First of the ports tried where the user did not ask for one.
        option: The option's name, for the message.
        last: The port of the same service's last start, tried before `default` so that bookmarks stay good.

    Raises:
        InputError: The port asked for is in use.
        BequestError: None of the ports tried is free.
    """
    if given is not None:
        if not is_free(given):
            raise InputError(
                f"{option}: expected a free port on {HOST}. Received: {given}, which {_holder(given)} listens on. "
                f"Give another port, or leave {option} out and the next free one from {default} is taken."
            )
        return given
    likely: list[int] = [last] if last else []
    for port in [*likely, *range(default, default + _TRIED)]:
        if is_free(port):
            return port
    raise BequestError(f"No port from {default} to {default + _TRIED - 1} is free on {HOST}. Name a free one with {option}.")


def _holder(port: int) -> str:
    """Who listens on a port, as far as this user may know."""
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.pid and connection.laddr[1:] == (port,):
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    except psutil.Error:
        pass
    return "another process"
