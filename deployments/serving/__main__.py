"""Serves a bundle: `python -m deployments.serving BUNDLE_FOLDER`, one process, until SIGTERM or Ctrl-C."""

import argparse
import errno
import os
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from deployments.serving import access_log
from deployments.serving.app import create_app
from deployments.serving.follow import Follower
from deployments.serving.lineup import Lineup
from deployments.serving.metrics import Metrics
from deployments.serving.served import Served
from deployments.serving.service import Companion, Service
from deployments.serving.settings import MIB, TOKEN_VARIABLE, Settings, check_exposure, read_token
from model_registry import glance
from model_registry.errors import BequestError, InputError
from tasks.bundle import Bundle

# How long requests under way may take to end once the server is told to stop.
GRACE_S = 30
# Connections that may wait to be accepted, as uvicorn's own default.
BACKLOG = 2048


def main(arguments: list[str] | None = None) -> int:
    """Serves until told to stop.

    Returns:
        0 stopped, 1 the bundle is damaged, 2 an argument is wrong.
    """
    options = _parser().parse_args(arguments)
    try:
        token = read_token(options.token_file)
        check_exposure(options.host, token)
        settings = _settings(options, token)
        lineup, companions = _lineup(options)
        listener = _listen(options.host, options.port)
    except BequestError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    config = uvicorn.Config(
        create_app(Service(lineup, settings, Metrics(), companions)),
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
    _announce(lineup.champion, listener)
    uvicorn.Server(config).run(sockets=[listener])
    return 0


def _lineup(options: argparse.Namespace) -> tuple[Lineup, list[Companion]]:
    """Who answers first, and what works beside the requests."""
    if options.bundle is None and options.follow is None:
        raise InputError("expected BUNDLE_FOLDER, or --follow NAME with --store. Received: neither.")
    if options.follow is None:
        return Lineup(Served(Bundle.open(options.bundle), options.name, options.version)), []
    if options.store is None:
        raise InputError("--follow: expected --store (or MLFLOW_TRACKING_URI), the MLflow store to follow. Received: none.")
    follower = Follower(
        glance.open_store(options.store), options.follow, interval_s=options.poll_interval, tell=access_log.write
    )
    if options.bundle is None:
        return follower.first(), [follower]
    return Lineup(Served(Bundle.open(options.bundle), options.follow, options.version)), [follower]


def _settings(options: argparse.Namespace, token: str | None) -> Settings:
    return Settings(
        token=token,
        max_body_bytes=int(options.max_body_mb * MIB),
        max_rows=options.max_rows,
        threads=options.threads,
        batch_rows=options.batch_rows,
        batch_wait_s=options.batch_wait_ms / 1000,
        max_waiting=options.max_waiting,
        timeout_s=options.timeout,
        access_log=options.access_log,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deployments.serving", description="Serves a bundle over HTTP.")
    parser.add_argument("bundle", type=Path, nargs="?", metavar="BUNDLE_FOLDER", help="folder of the bundle")
    parser.add_argument("--follow", metavar="NAME", help="serve this model's production version, and swap when it moves")
    parser.add_argument("--store", default=os.environ.get("MLFLOW_TRACKING_URI"), help="the MLflow store that --follow reads")
    parser.add_argument("--poll-interval", type=float, default=2.0, help="seconds between two looks at the store")
    parser.add_argument("--host", default="127.0.0.1", help="address to bind to; any but loopback needs a token")
    parser.add_argument("--port", type=int, default=5001, help="port to bind to; 0 takes a free one")
    parser.add_argument("--name", help="model name to answer as; default: the bundle's")
    parser.add_argument("--version", help="version to answer as; default: the bundle's")
    parser.add_argument("--token-file", type=Path, help=f"file with the token clients must send; else {TOKEN_VARIABLE}")
    parser.add_argument("--max-rows", type=int, default=Settings.max_rows, help="most rows in a request")
    parser.add_argument("--max-body-mb", type=float, default=Settings.max_body_bytes / MIB, help="largest body, in MiB")
    parser.add_argument("--threads", type=int, help="threads that predict, one interpreter each; default: one a processor")
    parser.add_argument("--batch-rows", type=int, default=Settings.batch_rows, help="rows put through the network together")
    parser.add_argument("--batch-wait-ms", type=float, default=0.0, help="longest time a batch is held back for more rows")
    parser.add_argument("--max-waiting", type=int, default=Settings.max_waiting, help="requests under way, 429 past it")
    parser.add_argument("--timeout", type=float, default=Settings.timeout_s, help="seconds for a body, and for a prediction")
    parser.add_argument("--access-log", action="store_true", help="log every request as a line of JSON on standard output")
    return parser


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
    sys.stdout.write(f"serving {served.label} (bundle {served.sha256[:12]}) on http://{address}, POST /invocations\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
