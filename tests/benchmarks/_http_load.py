"""Load on a server: closed by wrk, open at a constant rate by asyncio, and what it costs the server's processes."""

import asyncio
import re
import subprocess
import time
from pathlib import Path

import httpx
import numpy as np
import psutil


def wait_for(url: str, body: bytes, seconds: float = 180.0) -> float:
    """Seconds until the first answer."""
    begun = time.perf_counter()
    headers = {"Content-Type": "application/json"}
    while time.perf_counter() - begun < seconds:
        try:
            if httpx.post(url, content=body, headers=headers, timeout=60, trust_env=False).status_code == 200:
                return time.perf_counter() - begun
        except httpx.TransportError:
            pass
        time.sleep(0.01)
    raise TimeoutError(url)


def cost(process: subprocess.Popen) -> tuple[float, float]:
    """Processor seconds and resident MB of a process and all of its children."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    return sum(sum(each.cpu_times()[:2]) for each in family), sum(each.memory_info().rss for each in family) / 1e6


def script(path: Path, body: bytes) -> Path:
    """wrk's script for a body."""
    text = body.decode().replace("'", "\\'")
    path.write_text(
        f"wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/json'\nwrk.body = '{text}'\n", encoding="utf-8"
    )
    return path


def closed(url: str, lua: Path, seconds: int, connections: int = 8) -> dict[str, float]:
    """wrk's requests a second, and the median and 99th percentile in ms."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "60s", "-s", str(lua), url]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(said)

    def ms(percent: int) -> float:
        found = re.search(rf"\s{percent}%\s+([\d.]+)(us|ms|s)", said)
        assert found is not None, said
        return float(found[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[found[2]]

    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    count = re.search(r"(\d+) requests in", said)
    assert rate is not None, said
    assert count is not None, said
    return {"per_s": float(rate[1]), "requests": int(count[1]), "p50_ms": ms(50), "p99_ms": ms(99)}


async def open_loop(url: str, body: bytes, rate: float, seconds: float, connections: int = 16) -> np.ndarray:
    """Milliseconds of requests that are sent at a constant rate, each from when it was due, not from when it could be sent."""
    host, _, path = url.removeprefix("http://").partition("/")
    host, port = host.split(":")
    head = f"POST /{path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    request = head.encode() + body
    times: list[float] = []
    idle: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(connections):
        idle.put_nowait(await asyncio.open_connection(host, int(port)))

    async def one(due: float) -> None:
        reader, writer = pair = await idle.get()
        writer.write(request)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", answer, re.I)
        assert length is not None, answer
        assert b" 200 " in answer[:20], answer
        await reader.readexactly(int(length[1]))
        times.append(1e3 * (time.perf_counter() - due))
        idle.put_nowait(pair)

    begun, tasks = time.perf_counter(), []
    for number in range(int(rate * seconds)):
        due = begun + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(one(due)))
    await asyncio.gather(*tasks)
    while not idle.empty():
        idle.get_nowait()[1].close()
    return np.array(times)
