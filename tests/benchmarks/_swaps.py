"""Load on a server that follows a registry while production is promoted and rolled back: what fails, and who answered."""

import asyncio
import copy
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

VERSIONS = 4


def fill_registry(home: Path, bundle: Path) -> dict[str, np.ndarray]:
    """A registry in this process's workspace with versions that answer differently; `ROWS`' probabilities by version."""
    from model_registry import stages, versions
    from model_registry.store import client, experiment
    from tasks import bundle as bundles
    from tasks.bundle import Bundle

    opened = Bundle.open(bundle)
    run_id = client().create_run(experiment("bench").experiment_id).info.run_id
    truth = {}
    for number in range(1, VERSIONS + 1):
        state = copy.deepcopy(opened.preprocessing)
        for column in state["columns"]:
            column["offset"] = 0.3 * number
        folder = home / "staging" / str(number)
        flatbuffer = (bundle / "model.tflite").read_bytes()
        bundles.write(folder / "bundle", flatbuffer=flatbuffer, preprocessing=state, labels=opened.labels, name="bench")
        made = versions.register("bench", folder, operation="converted", parents=[], run_id=run_id, stage_key=str(number))
        client().set_model_version_tag("bench", str(made.version), "gate", "passed")
        ours = Bundle.open(folder / "bundle")
        truth[str(made.version)] = ours.predict(dict(zip(names(ours), rows(ours).T, strict=True)))
        shutil.rmtree(folder)
    stages.promote("bench", 1, "production")
    return truth


def names(bundle: Any) -> list[str]:
    """Columns of a bundle."""
    return [column["name"] for column in bundle.signature["inputs"]]


def rows(bundle: Any) -> np.ndarray:
    """Two rows, always the same."""
    return np.random.default_rng(1).normal(size=(2, len(names(bundle)))).round(3)


async def load(url: str, body: bytes, truth: dict[str, np.ndarray], until: float, pause_s: float) -> dict[str, Any]:
    """One client's requests, one after the other; each answer is held to the prediction of the version it names."""
    host, port = url.removeprefix("http://").split(":")
    head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    found: dict[str, Any] = {"requests": 0, "failed": 0, "wrong": 0, "versions": set()}
    reader, writer = await asyncio.open_connection(host, int(port))
    while time.monotonic() < until:
        found["requests"] += 1
        try:
            writer.write(head.encode() + body)
            answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            headers = dict(line.split(": ", 1) for line in answer.split("\r\n")[1:] if ": " in line)
            content = await reader.readexactly(int(headers["content-length"]))
            if " 200 " not in answer.splitlines()[0]:
                raise ConnectionError(answer)
        except (OSError, EOFError, KeyError):
            found["failed"] += 1
            reader, writer = await asyncio.open_connection(host, int(port))
            continue
        version = headers.get("x-model-version", "")
        given = [list(each["probabilities"].values()) for each in json.loads(content)["predictions"]]
        found["wrong"] += version not in truth or not np.allclose(given, truth[version], rtol=1e-5)
        found["versions"].add(version)
        await asyncio.sleep(pause_s)
    writer.close()
    return found


def run(
    url: str, bundle: Path, truth: dict[str, np.ndarray], *, moves: int, seconds: float, clients: int = 4
) -> dict[str, Any]:
    """Promotes and rolls back in turn while clients ask.

    Args:
        url: The server, which follows `bench`.
        bundle: Any of its bundles, for the columns.
        truth: As `fill_registry` gave it.
        moves: Promotions and rollbacks together.
        seconds: Of the whole.
        clients: At a time.
    """
    from model_registry import stages
    from tasks.bundle import Bundle

    body = json.dumps({"instances": rows(Bundle.open(bundle)).tolist()}).encode()

    async def scenario() -> list[dict[str, Any]]:
        begun = time.monotonic()
        tasks = [asyncio.create_task(load(url, body, truth, begun + seconds, 0.005)) for _ in range(clients)]
        for move in range(moves):
            await asyncio.sleep(max(0.0, begun + seconds * (move + 0.5) / moves - time.monotonic()))
            if move % 2:
                await asyncio.to_thread(stages.rollback, "bench")
            else:
                await asyncio.to_thread(stages.promote, "bench", 2 + (move // 2) % (VERSIONS - 1), "production")
        return await asyncio.gather(*tasks)

    found = asyncio.run(scenario())
    return {
        "requests": sum(each["requests"] for each in found),
        "failed": sum(each["failed"] for each in found),
        "wrong": sum(each["wrong"] for each in found),
        "versions": sorted(set().union(*(each["versions"] for each in found))),
        "moves": moves,
        "seconds": seconds,
    }


def workspace(home: Path) -> None:
    """Points this process at an empty workspace."""
    for name in ("MLFLOW_TRACKING_URI", "PREFECT_HOME", "PREFECT_API_URL"):
        os.environ.pop(name, None)
    os.environ["BEQUEST_HOME"] = str(home)
    from model_registry.store import ensure

    ensure()
