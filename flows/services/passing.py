"""Starts a server for the length of this command, early, so that it gets ready while TensorFlow is imported."""

import atexit
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from flows.services.loopback import HOST, ask, past_proxies
from flows.services.ports import choose
from model_registry.errors import BequestError
from model_registry.workspace import Workspace

FIRST_PORT = 8400


@dataclass(frozen=True)
class PassingServer:
    """A Prefect server that is starting or up; it ends with this process."""

    process: subprocess.Popen[bytes]
    api: str
    log: Path

    def wait(self, timeout_s: float = 180.0) -> None:
        """Waits until the server answers.

        Raises:
            BequestError: It ended, or did not answer in time; the message names its log.
        """
        give_up = time.monotonic() + timeout_s
        while ask(f"{self.api}/health") != 200:
            if self.process.poll() is not None or time.monotonic() > give_up:
                state = "did not answer in time" if self.process.poll() is None else f"ended with code {self.process.poll()}"
                raise BequestError(
                    f"The Prefect server for this command {state}; see {self.log}. Repeat the command, or keep one server up "
                    "with `bequest up`. `bequest doctor` looks for the cause."
                )
            time.sleep(0.1)

    def end(self) -> None:
        """Ends the server."""
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def start(space: Workspace) -> PassingServer:
    """Starts a server on the workspace's Prefect database and points this process at it.

    Call before Prefect is imported: it reads its settings once.
    """
    space.services.mkdir(parents=True, exist_ok=True)
    log = space.services / "passing-prefect.log"
    # Processes that start at once look at different ports first.
    port = choose(None, FIRST_PORT + os.getpid() % 500, option="--prefect-port")
    command = [sys.executable, "-P", "-m", "flows.services.passing_server", str(port), str(os.getpid())]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    server = PassingServer(process, f"http://{HOST}:{port}/api", log)
    atexit.register(server.end)
    os.environ["PREFECT_API_URL"] = server.api
    past_proxies(os.environ)
    return server
