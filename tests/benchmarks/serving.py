"""The server beside `mlflow models serve` and LitServe on the same network, in one run; and under promotions and rollbacks.

Needs wrk on the PATH. BEQUEST_BENCH_SERVING names the Python of an environment made from deployments/serving/requirements.lock
(else this one serves), BEQUEST_BENCH_LITSERVE that of one with litserve, ai-edge-litert and numpy (else LitServe is left out).

- Closed loop: eight connections, one row a request, the servers take turns in every round; ratios are medians over rounds of
  the ratio within a round, because load on the machine moves all servers of a round alike. Processor time is told too.
- Open loop: requests are due at a constant rate, on a network that is quick and on one that takes milliseconds and is therefore
  batched; the lowest 99th percentile of a few turns at each rate.
- MLflow serves the Keras network as `mlflow.tensorflow` keeps it, and our bundle through its pyfunc loader as well.
- Swaps: 50 promotions and rollbacks in 10 minutes (BEQUEST_BENCH_SWAP_SECONDS), every answer held to its version's own.

Run by `make bench NAME=serving`; leaves results/serving.json.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import _http_load as http
import _peers as peers
import _swaps as swaps
import numpy as np
from _record import record

FEATURES, CLASSES = 30, 2
ROUNDS, SECONDS = 5, 4
COLD_STARTS = 5
RATES = (0.3, 0.5, 0.7)  # of the peak
OPEN_TURNS, OPEN_SECONDS = 3, 4.0


def make_bundles(folder: Path) -> None:
    """A network of the size that the breast cancer example ends with, and one that takes milliseconds; as Keras model, too."""
    from tasks import bundle
    from tasks.methods.backend import keras, tf

    dense = keras.layers.Dense
    column = {"kind": "numeric", "fill": 0.0, "fences": None, "offset": 0.0, "scale": 1.0}
    state = {"format": "bequest-preprocessing", "format_version": 1, "modality": "tabular"}
    state["columns"] = [{**column, "name": f"column_{number}"} for number in range(FEATURES)]
    for name, hidden in (("quick", [64, 32]), ("heavy", [3000, 3000])):
        layers = [dense(size, activation="relu") for size in hidden]
        model = keras.Sequential([keras.Input((FEATURES,)), *layers, dense(CLASSES, activation="softmax")])
        flatbuffer = tf.lite.TFLiteConverter.from_keras_model(model).convert()
        labels = ["benign", "malignant"]
        bundle.write(folder / name, flatbuffer=flatbuffer, preprocessing=state, labels=labels, name="bench")
        if name == "quick":
            save_for_mlflow(model, folder)


def save_for_mlflow(model: Any, folder: Path) -> None:
    """The same network as MLflow's users keep it, and our bundle as a pyfunc."""
    import mlflow

    example = np.zeros((1, FEATURES), np.float32)
    signature = mlflow.models.infer_signature(example, np.zeros((1, CLASSES), np.float32))
    mlflow.tensorflow.save_model(model, str(folder / "keras"), signature=signature, pip_requirements=[])
    mlflow.pyfunc.save_model(
        str(folder / "pyfunc"),
        loader_module="deployments.serving.pyfunc",
        data_path=str(folder / "quick"),
        pip_requirements=[],
    )


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end(process: subprocess.Popen) -> None:
    """Ends a server with its children."""
    import psutil

    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    psutil.wait_procs(children, 3)
    for child in children:
        if child.is_running():
            child.kill()
    process.kill()
    process.wait()


def cold_start(folder: Path, body: bytes) -> float:
    """Seconds from the start of the process to its first answer."""
    port = free_port()
    begun = time.perf_counter()
    process = peers.ours(folder, port)
    try:
        http.wait_for(f"http://127.0.0.1:{port}/invocations", body)
        return time.perf_counter() - begun
    finally:
        end(process)


def compare(folder: Path, lua: Path, bodies: dict[str, bytes]) -> dict[str, Any]:
    """Closed-loop figures of every server, round by round in turn."""
    ports = {name: free_port() for name in ("ours", "mlflow", "mlflow_litert", "litserve")}
    servers = {
        "ours": peers.ours(folder / "quick", ports["ours"]),
        "mlflow": peers.mlflow(folder / "keras", ports["mlflow"]),
        "mlflow_litert": peers.mlflow(folder / "pyfunc", ports["mlflow_litert"]),
    }
    if litserve := os.environ.get("BEQUEST_BENCH_LITSERVE"):
        flatbuffer = folder / "quick" / "model.tflite"
        servers["litserve"] = peers.litserve(litserve, folder / "litserve_peer.py", flatbuffer, ports["litserve"])
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in servers}
    try:
        for name in list(servers):
            try:
                http.wait_for(f"http://127.0.0.1:{ports[name]}/invocations", bodies.get(name, bodies["ours"]))
            except TimeoutError as error:  # the others are compared all the same, and its figures are missing
                print(f"{name} never answered: {error}")
                end(servers.pop(name))
                del rounds[name]
        scripts = {name: http.script(lua.with_name(f"{name}.lua"), bodies.get(name, bodies["ours"])) for name in servers}
        for _ in range(ROUNDS):
            for name, process in servers.items():
                before = http.cost(process)[0]
                found = http.closed(f"http://127.0.0.1:{ports[name]}/invocations", scripts[name], SECONDS)
                used, resident = http.cost(process)
                rounds[name].append(found | {"cpu_us": 1e6 * (used - before) / found["requests"], "rss_mb": resident})
    finally:
        for process in servers.values():
            end(process)
    return rounds


def tail_under_load(bundle: Path, lua: Path, body: bytes) -> dict[str, Any]:
    """Peak, and the 99th percentile without load and at shares of the peak."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/invocations"
    process = peers.ours(bundle, port)
    try:
        http.wait_for(url, body)
        peak = min(http.closed(url, lua, SECONDS)["per_s"] for _ in range(2))
        rates = {"no_load": min(20.0, peak / 10), **{f"{share:.0%}": share * peak for share in RATES}}
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in rates}
        for _ in range(OPEN_TURNS):
            for name, rate in rates.items():
                found = asyncio.run(http.open_loop(url, body, rate, OPEN_SECONDS))
                times[name].append((float(np.quantile(found, 0.99)), float(np.quantile(found, 0.5))))
    finally:
        end(process)
    p99 = {name: round(min(each[0] for each in found), 3) for name, found in times.items()}
    p50 = {name: round(min(each[1] for each in found), 3) for name, found in times.items()}
    return {"peak_per_s": round(peak), "p50_ms": p50, "p99_ms": p99, "p99_ratio_70": round(p99["70%"] / p99["no_load"], 2)}


def swap(folder: Path, seconds: float) -> dict[str, Any]:
    """Fifty moves under load."""
    home = folder / "home"
    swaps.workspace(home)
    truth = swaps.fill_registry(home, folder / "quick")
    port = free_port()
    store = f"sqlite:///{home / 'mlflow.db'}"
    command = [peers.serving_python(), "-P", "-m", "deployments.serving", "--follow", "bench", "--store", store]
    command += ["--port", str(port), "--poll-interval", "0.5"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        http.wait_for(f"http://127.0.0.1:{port}/invocations", json.dumps({"instances": [[0.0] * FEATURES]}).encode())
        return swaps.run(f"http://127.0.0.1:{port}", folder / "quick", truth, moves=50, seconds=seconds)
    finally:
        end(process)


def ratio(rounds: dict[str, list[dict[str, float]]], name: str) -> float | None:
    """Our requests a second over another's, the median over rounds."""
    if name not in rounds:
        return None
    pairs = zip(rounds["ours"], rounds[name], strict=True)
    return round(float(np.median([ours["per_s"] / other["per_s"] for ours, other in pairs])), 2)


def figures_of(
    starts: list[float], rounds: dict[str, list[dict[str, float]]], tails: dict[str, Any], swapped: dict[str, Any] | None
) -> dict[str, Any]:
    """What is reported."""
    best = {name: max(found, key=lambda each: each["per_s"]) for name, found in rounds.items()}
    return {
        "throughput_ratio_mlflow": ratio(rounds, "mlflow"),
        "throughput_ratio_mlflow_litert": ratio(rounds, "mlflow_litert"),
        "throughput_ratio_best_other": ratio(rounds, "litserve"),
        "requests_per_s": {name: round(each["per_s"]) for name, each in best.items()},
        "p50_ms": {name: round(each["p50_ms"], 2) for name, each in best.items()},
        "p99_ms": {name: round(each["p99_ms"], 2) for name, each in best.items()},
        "cpu_us_per_request": {name: round(min(each["cpu_us"] for each in found)) for name, found in rounds.items()},
        "rss_mb_of_all": {name: round(max(each["rss_mb"] for each in found), 1) for name, found in rounds.items()},
        "cold_start_s": round(min(starts), 3),
        "cold_starts_s": [round(each, 3) for each in starts],
        "rss_mb": round(max(each["rss_mb"] for each in rounds["ours"]), 1),
        "open_loop": tails,
        "failed_during_swaps": None if swapped is None else swapped["failed"] + swapped["wrong"],
        "swaps": swapped,
    }


def main() -> None:
    """Measures and writes the results, once before the long part and once after it."""
    row = np.random.default_rng(0).normal(size=(1, FEATURES)).round(4).tolist()
    body = json.dumps({"instances": row}).encode()
    # MLflow's server takes a pyfunc's columns by name.
    split = {"columns": [f"column_{number}" for number in range(FEATURES)], "data": row}
    bodies = {"ours": body, "mlflow_litert": json.dumps({"dataframe_split": split}).encode()}
    load = [os.getloadavg()]
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        make_bundles(folder)
        starts = [cold_start(folder / "quick", body) for _ in range(COLD_STARTS)]
        lua = http.script(folder / "body.lua", body)
        rounds = compare(folder, lua, bodies)
        load.append(os.getloadavg())
        tails = {name: tail_under_load(folder / name, lua, body) for name in ("quick", "heavy")}
        load.append(os.getloadavg())
        write(figures_of(starts, rounds, tails, None), load, rounds)
        swapped = swap(folder, float(os.environ.get("BEQUEST_BENCH_SWAP_SECONDS", "600")))
        load.append(os.getloadavg())
        write(figures_of(starts, rounds, tails, swapped), load, rounds)


def write(figures: dict[str, Any], load: list[tuple[float, float, float]], rounds: dict[str, Any]) -> None:
    """Leaves the results."""
    record(
        "serving",
        figures,
        ("fastapi", "uvicorn", "ai-edge-litert", "numpy", "orjson", "mlflow"),
        load_average=[[round(each, 1) for each in one] for one in load],
        best_other="litserve" if "litserve" in rounds else None,
        serving_python="the small install" if "BEQUEST_BENCH_SERVING" in os.environ else "the whole install",
    )


if __name__ == "__main__":
    main()
