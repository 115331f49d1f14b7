"""The server against a bare FastAPI + LiteRT loop over the same network: what preprocessing, checks and protocol cost.

Closed loop, one row a request, interleaved rounds; the best round of each counts, because load on the machine only takes.
Run by `make bench NAME=serving`; leaves results/serving.json.
"""

import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np
import psutil
from _record import record

FEATURES, CLASSES = 30, 2
ROUNDS, SECONDS, CONNECTIONS = 5, 3.0, 8
COLD_STARTS = 5


def make_bundle(folder: Path) -> None:
    """A network of the size that the breast cancer example ends with, over 30 numeric columns."""
    from tasks import bundle
    from tasks.methods.backend import keras, tf

    dense = keras.layers.Dense
    layers = [
        dense(64, activation="relu", input_shape=(FEATURES,)),
        dense(32, activation="relu"),
        dense(CLASSES, activation="softmax"),
    ]
    column = {"kind": "numeric", "fill": 0.0, "fences": None, "offset": 0.0, "scale": 1.0}
    state = {"format": "bequest-preprocessing", "format_version": 1, "modality": "tabular"}
    state["columns"] = [{**column, "name": f"column_{number}"} for number in range(FEATURES)]
    flatbuffer = tf.lite.TFLiteConverter.from_keras_model(keras.Sequential(layers)).convert()
    bundle.write(folder, flatbuffer=flatbuffer, preprocessing=state, labels=["benign", "malignant"], name="bench")


def bare(folder: str) -> None:
    """The least a server can do: JSON list in, probabilities out, nothing checked."""
    import socket

    import orjson
    import uvicorn
    from fastapi import FastAPI, Request, Response

    from tasks.methods.litert import LiteRunner

    runner = LiteRunner((Path(folder) / "model.tflite").read_bytes())
    app = FastAPI()

    @app.post("/invocations")
    async def invocations(request: Request) -> Response:
        x = np.array(orjson.loads(await request.body())["instances"], np.float32)
        return Response(orjson.dumps({"predictions": runner.run(x).tolist()}), media_type="application/json")

    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    print(f"on http://127.0.0.1:{listener.getsockname()[1]},", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, ws="none")).run(sockets=[listener])


def start(arguments: list[str]) -> tuple[subprocess.Popen, str]:
    """A server process, and its address once it says it listens."""
    process = subprocess.Popen([sys.executable, "-P", *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout.readline()
    found = re.search(r"on (http://\S+),", said)
    assert found is not None, said
    return process, found[1]


class Client(asyncio.Protocol):
    """One connection that sends the same request again as soon as the answer is complete."""

    def __init__(self, request: bytes, times: list[float]) -> None:
        self.request, self.times, self.buffer = request, times, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.send()

    def send(self) -> None:
        self.begun = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if found and length and len(body) == int(length[1]):
            assert head.startswith(b"HTTP/1.1 200"), self.buffer
            self.times.append(time.perf_counter() - self.begun)
            self.buffer = b""
            self.send()


async def load(url: str, body: bytes) -> list[float]:
    """Seconds of every request in a few seconds of closed-loop load."""
    host, port = url.removeprefix("http://").split(":")
    head = (
        f"POST /invocations HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    times: list[float] = []
    loop = asyncio.get_running_loop()
    clients = [
        await loop.create_connection(lambda: Client(head.encode() + body, times), host, int(port)) for _ in range(CONNECTIONS)
    ]
    await asyncio.sleep(SECONDS)
    for transport, _ in clients:
        transport.abort()
    return times


def cold_start(folder: Path, body: bytes) -> tuple[float, float]:
    """Seconds from the start of the process to its first answer, and its resident memory in MB then."""
    begun = time.perf_counter()
    process, url = start(["-m", "deployments.serving", str(folder), "--port", "0"])
    try:
        httpx.post(
            f"{url}/invocations", content=body, headers={"Content-Type": "application/json"}, trust_env=False
        ).raise_for_status()
        return time.perf_counter() - begun, psutil.Process(process.pid).memory_info().rss / 1e6
    finally:
        process.kill()
        process.wait()


def main() -> None:
    """Measures and writes the results."""
    body = json.dumps({"instances": np.random.default_rng(0).normal(size=(1, FEATURES)).round(4).tolist()}).encode()
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "bundle"
        make_bundle(folder)
        starts = [cold_start(folder, body) for _ in range(COLD_STARTS)]
        servers = {
            "ours": start(["-m", "deployments.serving", str(folder), "--port", "0"]),
            "bare": start([__file__, "--bare", str(folder)]),
        }
        try:
            rounds = [{name: asyncio.run(load(url, body)) for name, (_, url) in servers.items()} for _ in range(ROUNDS)]
        finally:
            for process, _ in servers.values():
                process.kill()
                process.wait()
    best = {name: max((times[name] for times in rounds), key=len) for name in servers}
    figures = {
        "requests_per_s": round(len(best["ours"]) / SECONDS),
        "bare_requests_per_s": round(len(best["bare"]) / SECONDS),
        "throughput_ratio_bare": round(len(best["ours"]) / len(best["bare"]), 3),
        "p50_ms": round(1e3 * float(np.quantile(best["ours"], 0.5)), 3),
        "p99_ms": round(1e3 * float(np.quantile(best["ours"], 0.99)), 3),
        "cold_start_s": round(min(seconds for seconds, _ in starts), 3),
        "rss_mb": round(max(megabytes for _, megabytes in starts), 1),
    }
    record("serving", figures, ("fastapi", "uvicorn", "ai-edge-litert", "numpy", "orjson"))


if __name__ == "__main__":
    bare(sys.argv[2]) if sys.argv[1:2] == ["--bare"] else main()
