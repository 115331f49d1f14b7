"""What keeps a Prefect service going: garbage collected where nobody waits for it, a fresh start after a fault."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FAULTY = """
import os, sys
from pathlib import Path
runs = Path(sys.argv[1])
runs.write_text(runs.read_text() + f"{os.getpid()} " if runs.exists() else f"{os.getpid()} ")
count = len(runs.read_text().split())
if count < 3:
    raise SystemExit(int(sys.argv[2])) if sys.argv[2] != "raise" else RuntimeError("broken")
"""


CYCLE = """
import gc, threading, time, weakref
from flows.services import keep
keep._COLLECT_S = 0.01
keep.collect_elsewhere()
class Cycle: pass
cycle = Cycle()
cycle.itself = cycle
freed = threading.Event()
watched = weakref.ref(cycle, lambda _: (print(threading.current_thread().name), freed.set()))
del cycle
freed.wait(30)
print(gc.isenabled())
"""


def run(folder: Path, *arguments: str, proved_s: float = 0.0) -> tuple[int, list[str]]:
    (folder / "faulty_service.py").write_text(FAULTY)
    code = f"from flows.services import keep; keep._PROVED_S = {proved_s}; keep._PAUSE_S = 0; keep.main()"
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    ended = subprocess.run(
        [sys.executable, "-c", code, "faulty_service", str(folder / "runs"), *arguments],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        check=False,
    )
    return ended.returncode, (folder / "runs").read_text().split()


@pytest.mark.parametrize("fault", ["1", "raise"])
def test_main_starts_again_in_the_same_process_when_the_service_fails(tmp_path: Path, fault: str):
    code, runs = run(tmp_path, fault)
    assert (code, len(runs), len(set(runs))) == (0, 3, 1)


def test_main_ends_when_the_service_ends_as_asked(tmp_path: Path):
    assert run(tmp_path, "0") == (0, [(tmp_path / "runs").read_text().strip()])


@pytest.mark.parametrize(("fault", "expected"), [("7", 7), ("raise", 1)])
def test_main_ends_when_the_service_fails_at_once(tmp_path: Path, fault: str, expected: int):
    code, runs = run(tmp_path, fault, proved_s=60.0)
    assert (code, len(runs)) == (expected, 1)


def test_collect_elsewhere_frees_cycles_on_another_thread():
    told = subprocess.run([sys.executable, "-c", CYCLE], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.split("\n")[:2] == ["garbage collection", "False"]
