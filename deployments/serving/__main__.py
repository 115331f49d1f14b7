"""Serves a bundle: `python -m deployments.serving BUNDLE_FOLDER`, one process, until SIGTERM or Ctrl-C."""

import errno
import signal
import socket
import sys

import uvicorn

from deployments.serving.app import create_app
from deployments.serving.options import parser, service_of, settings_of
from deployments.serving.served import Served
from deployments.serving.settings import check_exposure, read_token
from model_registry.errors import BequestError, InputError

# How long requests under way may take to end once the server is told to stop.
GRACE_S = 30
# Connections that may wait to be accepted, as uvicorn's own default.
BACKLOG = 2048


def main(arguments: list[str] | None = None) -> int:
    """Serves until told to stop.

    Returns:
        0 stopped, 1 the bundle is damaged or not signed by a trusted key, 2 an argument is wrong.
    """
    options = parser().parse_args(arguments)
    try:
        token = read_token(options.token_file)
        check_exposure(options.host, token)
        service = service_of(options, settings_of(options, token))
        listener = _listen(options.host, options.port)
    except BequestError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    config = uvicorn.Config(
        create_app(service),
        log_level="warning",
        access_log=False,  # ours is structured, and has the request's id
        ws="none",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    # uvicorn ends what is under way, then raises the signal again: to have come this far is a clean end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    _announce(service.lineup.champion, listener)
    uvicorn.Server(config).run(sockets=[listener])
    return 0


def _listen(host: str, port: int) -> socket.socket:
    """An open port. uvicorn's own would tell of a taken one in a log line, and not which port a 0 became."""
    # asyncio turns Nagle's delay off only where the protocol is stated; without it every answer waits 40 ms for the
    # client's delayed acknowledgement, and `socket.create_server` does not state it.
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise InputError(
                f"--port {port}: another process listens there already. Stop it, or choose another --port."
            ) from error
        raise InputError(f"--host {host} --port {port}: expected an address to bind to. Received: {error}.") from error
    return listener


def _announce(served: Served, listener: socket.socket) -> None:
    """One line once the port is open; requests wait from here on, and are answered within milliseconds."""
    host, port = listener.getsockname()[:2]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    signature = served.signature
    vouched = f", signed as {signature.signed.label} by {signature.key}" if signature is not None else ""
    sys.stdout.write(f"serving {served.label} (bundle {served.sha256[:12]}{vouched}) on http://{address}, POST /invocations\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
