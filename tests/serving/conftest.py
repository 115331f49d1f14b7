"""Tiny bundles with weights worked by hand, and a real server process that answers from one."""

import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest

from tasks import bundle

TABLE = {
    "format": "bequest-preprocessing",
    "format_version": 1,
    "modality": "tabular",
    "columns": [
        {"name": "age", "kind": "numeric", "fill": 40.0, "fences": [0.0, 120.0], "offset": 40.0, "scale": 10.0},
        {"name": "dose", "kind": "numeric", "fill": None, "fences": None, "offset": 0.0, "scale": 1e-3},
        {"name": "job", "kind": "categorical", "categories": ["clerk", "cook"], "missing": "category", "fill": None},
    ],
}
PICTURES = {
    "format": "bequest-preprocessing",
    "format_version": 1,
    "modality": "image",
    "size": [4, 3],
    "channels": 1,
    "pixel_max": 16.0,
    "denoise": {"method": "none", "size": 3},
}
TABLE_WEIGHTS = np.array([[1.0, -1.0], [0.002, 0.0], [0.0, 2.0], [1.0, 0.0], [0.0, 0.5]], np.float32)


def flatbuffer(shape: tuple[int, ...], kernel: np.ndarray) -> bytes:
    """softmax(flatten(x) @ kernel) as LiteRT."""
    from tasks.methods.backend import keras, tf

    layers = [
        keras.layers.Flatten(input_shape=shape),
        keras.layers.Dense(kernel.shape[1], activation="softmax", use_bias=False),
    ]
    model = keras.Sequential(layers)
    model.set_weights([kernel])
    return tf.lite.TFLiteConverter.from_keras_model(model).convert()


@pytest.fixture(scope="session")
def flatbuffers() -> dict[str, bytes]:
    kernel = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
    return {"table": flatbuffer((5,), TABLE_WEIGHTS), "pictures": flatbuffer((4, 3, 1), kernel)}


@pytest.fixture(scope="session")
def states() -> dict[str, dict]:
    """Preprocessing of the two bundles."""
    return {"table": TABLE, "pictures": PICTURES}


@pytest.fixture(scope="session")
def post() -> Callable[..., httpx.Response]:
    """`post(client, document, content_type)`: a document is sent as JSON, text and bytes as they are."""

    def send(client: httpx.Client, document: object, content_type: str | None = "application/json") -> httpx.Response:
        content = document if isinstance(document, str | bytes) else json.dumps(document)
        return client.post("/invocations", content=content, headers={"Content-Type": content_type} if content_type else {})

    return send


@pytest.fixture(scope="session")
def table_bundle(tmp_path_factory: pytest.TempPathFactory, flatbuffers: dict[str, bytes]) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "table"
    bundle.write(folder, flatbuffer=flatbuffers["table"], preprocessing=TABLE, labels=["ill", "well"], name="health")
    return folder


@pytest.fixture(scope="session")
def picture_bundle(tmp_path_factory: pytest.TempPathFactory, flatbuffers: dict[str, bytes]) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "pictures"
    bundle.write(folder, flatbuffer=flatbuffers["pictures"], preprocessing=PICTURES, labels=["0", "1", "2"], name="digits")
    return folder


@dataclass
class Server:
    process: subprocess.Popen
    url: str
    line: str

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-P", "-m", "deployments.serving", *map(str, arguments)]


@contextmanager
def started(arguments: list[str], env: dict[str, str] | None = None, cwd: Path | None = None) -> Iterator[Server]:
    """A server process, from the line that says it listens until the end of the block."""
    process = subprocess.Popen(
        arguments,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    try:
        readable, _, _ = select.select([process.stdout], [], [], 120)
        line = process.stdout.readline() if readable else ""
        found = re.search(r"on (http://\S+),", line)
        if found is None:
            process.kill()
            raise AssertionError(f"the server did not start: {line!r} {process.stderr.read()}")
        yield Server(process, found[1], line)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def started_process() -> Callable[..., object]:
    """Starts any command that becomes a server."""
    return started


@pytest.fixture(scope="session")
def serving() -> Callable[..., object]:
    """Starts servers; `with serving(folder, "--max-rows", 5) as server`."""
    return lambda *arguments, env=None: started(command(*arguments, "--port", 0), env)


@pytest.fixture(scope="module")
def table_server(table_bundle: Path, serving: Callable) -> Iterator[httpx.Client]:
    with (
        serving(table_bundle, "--name", "health", "--version", "7", "--max-rows", "50", "--max-body-mb", "0.25") as server,
        httpx.Client(base_url=server.url, timeout=30, trust_env=False) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def picture_server(picture_bundle: Path, serving: Callable) -> Iterator[httpx.Client]:
    with serving(picture_bundle) as server, httpx.Client(base_url=server.url, timeout=30, trust_env=False) as client:
        yield client
