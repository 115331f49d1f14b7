"""Serves a bundle: `python -m deployments.serving BUNDLE_FOLDER`, one process, until SIGTERM or Ctrl-C."""

import argparse
import errno
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from deployments.serving.app import create_app
from deployments.serving.settings import MIB, TOKEN_VARIABLE, Settings, check_exposure, read_token
from model_registry.errors import BequestError, InputError
from model_registry.signature import Signature, require_bundle
from tasks.bundle import Bundle

# How long requests under way may take to end once the server is told to stop.
GRACE_S = 30
# Connections that may wait to be accepted, as uvicorn's own default.
BACKLOG = 2048


def main(arguments: list[str] | None = None) -> int:
    """Serves until told to stop.

    Returns:
        0 stopped, 1 the bundle is damaged or not signed by a trusted key, 2 an argument is wrong.
    """
    options = _parser().parse_args(arguments)
    try:
        token = read_token(options.token_file)
        check_exposure(options.host, token)
        settings = Settings(options.name, options.version, token, int(options.max_body_mb * MIB), options.max_rows)
        bundle = Bundle.open(options.bundle)
        signature = require_bundle(options.bundle, name=settings.name or bundle.manifest["name"], sha256=bundle.sha256)
        listener = _listen(options.host, options.port)
    except BequestError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    config = uvicorn.Config(
        create_app(bundle, settings),
        log_level="info" if options.access_log else "warning",
        access_log=options.access_log,
        ws="none",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    # uvicorn ends what is under way, then raises the signal again: to have come this far is a clean end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    _announce(bundle, settings, listener, signature)
    uvicorn.Server(config).run(sockets=[listener])
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deployments.serving", description="Serves a bundle over HTTP.")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE_FOLDER", help="folder of the bundle")
    parser.add_argument("--host", default="127.0.0.1", help="address to bind to; any but loopback needs a token")
    parser.add_argument("--port", type=int, default=5001, help="port to bind to; 0 takes a free one")
    parser.add_argument("--name", help="model name to answer as; default: the bundle's")
    parser.add_argument("--version", help="version to answer as; default: the bundle's")
    parser.add_argument("--token-file", type=Path, help=f"file with the token clients must send; else {TOKEN_VARIABLE}")
    parser.add_argument("--max-rows", type=int, default=Settings.max_rows, help="most rows in a request")
    parser.add_argument("--max-body-mb", type=float, default=Settings.max_body_bytes / MIB, help="largest body, in MiB")
    parser.add_argument("--access-log", action="store_true", help="log every request")
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


def _announce(bundle: Bundle, settings: Settings, listener: socket.socket, signature: Signature | None) -> None:
    """One line once the port is open; requests wait from here on, and are answered within milliseconds."""
    host, port = listener.getsockname()[:2]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    version = settings.version or bundle.manifest["version"]
    label = (settings.name or bundle.manifest["name"]) + (f"/{version}" if version else "")
    vouched = f", signed as {signature.signed.label} by {signature.key}" if signature is not None else ""
    sys.stdout.write(f"serving {label} (bundle {bundle.sha256[:12]}{vouched}) on http://{address}, POST /invocations\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
