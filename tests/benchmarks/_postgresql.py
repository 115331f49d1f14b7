"""A PostgreSQL of a trial's own on loopback, and an MLflow server over it; both end with the trial, by their process ids."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

_PATIENCE_S = 120.0


def missing() -> str:
    """Why none can be started here; empty where one can."""
    if shutil.which("initdb") is None:
        return "PostgreSQL's initdb is not on PATH"
    try:
        import psycopg2  # noqa: F401
    except ImportError:
        return "psycopg2 is not installed (bequest[postgresql])"
    return "" if os.getuid() != 0 or _other() is not None else "PostgreSQL refuses to run as root, and there is no other user"


def _other() -> str | None:
    """A user that is not root, which PostgreSQL refuses to run as."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def postgresql() -> Iterator[str]:
    """Yields the address of an empty database."""
    binaries = Path(os.path.realpath(shutil.which("initdb") or "initdb")).parent
    folder = Path(tempfile.mkdtemp(prefix="bequest-pg-"))
    user = _other() if os.getuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user)
    port = free_port()
    try:
        made = subprocess.run(
            [binaries / "initdb", "-D", folder / "data", "-U", "bequest", "-A", "trust", "-E", "UTF8", "--no-sync"],
            user=user,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise RuntimeError(f"initdb: {made.stderr}")
        command = [f"{binaries}/postgres", "-D", f"{folder}/data", "-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-F"]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(command, user=user, cwd=folder, stdout=log, stderr=log)
        uri = f"postgresql://bequest@127.0.0.1:{port}/postgres"
        try:
            _wait(lambda: _answers(uri), server, folder / "log")
            yield uri
        finally:
            server.send_signal(signal.SIGINT)  # ends its connections, too
            server.wait(_PATIENCE_S)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def mlflow_server(uri: str, folder: Path) -> Iterator[str]:
    """Yields the address of an MLflow server over a database.

    Args:
        uri: The database.
        folder: Where its artifacts and its log go.
    """
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "2"]
    command += ["--backend-store-uri", uri, "--artifacts-destination", str(folder / "artifacts")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "PREFECT_"))}
    environment |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}
    log = folder / "mlflow.log"
    with log.open("wb") as opened:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=opened, stderr=opened, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(lambda: _healthy(address), server, log)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # its session: it and its workers
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _wait(answers: Callable[[], bool], server: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + _PATIENCE_S
    while not answers():
        if server.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"{server.args!r} did not start: {log.read_text()[-2000:]}")
        time.sleep(0.1)


def _answers(uri: str) -> bool:
    import psycopg2

    try:
        psycopg2.connect(uri).close()
    except psycopg2.OperationalError:
        return False
    return True


def _healthy(address: str) -> bool:
    try:
        with urlopen(f"{address}/health", timeout=5):
            return True
    except OSError:
        return False
