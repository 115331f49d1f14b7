"""Runs a Prefect service in this process, and keeps it going for nights on end.

Two faults would otherwise end or stall it, both seen under load:

- Python's garbage collector runs wherever memory is asked for, in Prefect's server mostly on the thread of its event
  loop. There it may free a cursor of a database connection that another thread holds while it waits for a lock, and
  the lock's owner waits for the event loop: all stand still until the lock's minute of patience is over, and calls
  fail with "database is locked". Here a thread that nobody waits for collects instead.
- A worker ends for good after one refused call too many. Here what ends with an error is started again.

Usage: python -P -m flows.services.keep MODULE ARGUMENTS..., e.g. prefect worker start.
"""

import gc
import itertools
import os
import runpy
import sys
import threading
import time
import traceback

# What fails sooner was started wrongly, and would fail again: `bequest up` tells the user.
_PROVED_S = 60.0
_PAUSE_S = 5.0
_COLLECT_S = 0.2
_FULL_EVERY = 300


def collect_elsewhere() -> None:
    """Has garbage collected on a thread of its own from now on."""
    gc.disable()

    def collect() -> None:
        for turn in itertools.count(1):
            time.sleep(_COLLECT_S)
            gc.collect(2 if turn % _FULL_EVERY == 0 else 1)

    threading.Thread(target=collect, name="garbage collection", daemon=True).start()


def main() -> None:
    """Runs the module; after an error, in a process of the same id that begins afresh."""
    began, environment = time.monotonic(), os.environ.copy()
    collect_elsewhere()
    sys.argv = sys.argv[1:]
    code = _run(sys.argv[0])
    if code and time.monotonic() - began > _PROVED_S:
        sys.stderr.write(f"Ended with {code}; starting again in {_PAUSE_S:.0f} s.\n")
        time.sleep(_PAUSE_S)
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)
    sys.exit(code)


def _run(module: str) -> int:
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    main()
