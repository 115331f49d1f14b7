"""How a server is run: what it answers as, what it accepts, and who may ask."""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deployments.serving.lineup import Trial
from model_registry.errors import InputError

TOKEN_VARIABLE = "BEQUEST_SERVE_TOKEN"
MIN_TOKEN_LENGTH = 16
MIB = 1024 * 1024


@dataclass(frozen=True)
class Settings:
    """Settings of one server.

    Args:
        token: What `Authorization: Bearer` must carry; None: anyone may ask.
        max_body_bytes: Largest request body.
        max_rows: Most rows in a request.
        inline_body_bytes: Requests up to this size are answered on the event loop, where handing one to a thread
            would cost more than answering it; larger ones go to a thread, so that none holds up the others.
        inline_rows: The same for writing the answer.
        inline_s: The same for the network: longest time that it may take on the event loop.
        threads: Threads that predict, one interpreter each; None: one a processor.
        batch_rows: Rows that are put through the network together, where requests wait for an interpreter.
        batch_wait_s: How long an incomplete batch is held back for more rows.
        max_waiting: Requests that may be under way; the next one is told to come again.
        timeout_s: Longest time for a body to arrive, and for a prediction.
        access_log: Whether every request is logged.
        trial: How a challenger is tried; None: there is none.
    """

    token: str | None = None
    max_body_bytes: int = 16 * MIB
    max_rows: int = 10_000
    inline_body_bytes: int = 16 * 1024
    inline_rows: int = 64
    inline_s: float = 0.001
    threads: int | None = None
    batch_rows: int = 64
    batch_wait_s: float = 0.0
    max_waiting: int = 512
    timeout_s: float = 30.0
    access_log: bool = False
    trial: Trial | None = None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_token(token_file: Path | None, environ: Mapping[str, str] = os.environ) -> str | None:
    """The token of the file, else of the environment, else None.

    Raises:
        InputError: The file can't be read, or the token is too weak to guard anything.
    """
    if token_file is not None:
        try:
            token, source = token_file.read_text("ascii").strip(), f"--token-file {token_file}"
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"--token-file {token_file}: expected a readable text file. Received: {error}.") from error
    elif TOKEN_VARIABLE in environ:
        token, source = environ[TOKEN_VARIABLE].strip(), TOKEN_VARIABLE
    else:
        return None
    if len(token) < MIN_TOKEN_LENGTH or not (token.isascii() and token.isprintable()) or " " in token:
        raise InputError(
            f"{source}: expected a token of at least {MIN_TOKEN_LENGTH} printable ASCII characters without blanks. "
            f"Received: {len(token)} characters. `openssl rand -hex 24` makes a good one."
        )
    return token


def check_exposure(host: str, token: str | None) -> None:
    """Refuses to answer the network without a token.

    Raises:
        InputError: `host` is reachable from outside, and there is no token.
    """
    if token is None and not is_loopback(host):
        raise InputError(
            f"--host {host}: expected a token, because other machines can reach this address. Received: none. "
            f"Set {TOKEN_VARIABLE} or --token-file (`openssl rand -hex 24 > token` makes one), or bind to 127.0.0.1."
        )
