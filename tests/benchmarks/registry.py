"""The registry under many writers, under kills, under random sequences of everything, and with ten thousand versions.

    make bench NAME=registry

- `concurrent_*`: 8 processes, each as if on a machine of its own, register 25 versions on one name and promote each of them
  to production; every fifth is made by all of them at once. On sqlite, and on an MLflow server over PostgreSQL (skipped, and
  said so, where initdb is missing). Lost: what a process was told stands and does not, its files included. Doubled: two
  versions of one stage key, two in production, two entries of one time or for one promotion. Torn: a promotion decided on
  what was no longer so.
- `sequences`: random sequences of register, promote, rollback, withdraw, moves by hand and kills, after each step of which the
  registry is as a plain model of it (`_sequences.py`); the first difference ends the benchmark.
- `crash_points`: writes of one `bequest run`, to MLflow and to files; before each of them the run is killed and then repeated
  (`_kills.py`).
- `lineage_10k_s`: seconds of `bequest lineage` for a chain of 10,000 versions, beyond those for a single one, and of
  the processor (`_cpu_s`), which other work on the machine changes less. The versions are written straight into MLflow's tables
  (`_large_registry.py`).

One part alone: `python tests/benchmarks/registry.py sequences`; the others' figures stay.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _postgresql import missing, mlflow_server, postgresql
from _record import record

WRITERS, EACH, SEQUENCES, VERSIONS = 8, 25, 2000, 10_000
HERE = Path(__file__).parent


def environment(folder: Path, **more: str) -> dict[str, str]:
    """That of a process on a fresh workspace."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "PREFECT_"))}
    return kept | {"BEQUEST_HOME": str(folder / "home")} | more


def python(script: str, *args: str, env: dict[str, str]) -> Any:
    """What a script of this folder prints last, as JSON."""
    done = subprocess.run([sys.executable, str(HERE / script), *args], env=env, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{script} {' '.join(args)} ended with {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def _store(kind: str, folder: Path) -> Iterator[str]:
    """The address of an empty store: a sqlite file, or an MLflow server over a PostgreSQL of its own."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/mlflow.db"
        return
    with postgresql() as database, mlflow_server(database, folder) as uri:
        yield uri


def concurrent() -> dict[str, Any]:
    """Many writers on one name, on both stores."""
    figures: dict[str, Any] = {}
    for store in ("sqlite", "postgresql"):
        if store == "postgresql" and missing():
            print(f"{store}: not measured, {missing()}")
            continue
        with tempfile.TemporaryDirectory() as temporary, _store(store, Path(temporary)) as uri:
            env = environment(Path(temporary), MLFLOW_TRACKING_URI=uri)
            found = python("_writers.py", temporary, str(WRITERS), str(EACH), env=env)
        for trace in found["failed"]:
            print(trace)
        if found["failed"] or not found["production_is_last_in_ledger"]:
            sys.exit(f"{store}: a writer failed, or production is not what the ledger says: {found}")
        counts = {name: len(found[name]) for name in ("lost", "doubled", "torn")}
        told = {name: found[name] for name in ("registrations", "promotions", "versions", "ledger_entries", "seconds")}
        figures |= {f"concurrent_{name}_{store}": count for name, count in (told | counts).items()}
        print(store, told | counts)
    for name in ("lost", "doubled"):
        figures[f"concurrent_{name}"] = sum(figures.get(f"concurrent_{name}_{store}", 0) for store in ("sqlite", "postgresql"))
    return figures


def sequences() -> dict[str, Any]:
    """Random sequences against the model."""
    with tempfile.TemporaryDirectory() as temporary:
        os.environ.update(environment(Path(temporary)))
        for name in ("MLFLOW_TRACKING_URI", "PREFECT_API_URL"):
            os.environ.pop(name, None)
        from _faults import guarded
        from _sequences import run_sequences

        start = time.perf_counter()
        with guarded() as faults:
            count = run_sequences(faults, SEQUENCES)
        return {"sequences": count, "sequences_s": round(time.perf_counter() - start)}


def lineage() -> dict[str, Any]:
    """The family tree of ten thousand."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        env = environment(folder)
        code = f"import sys; sys.path.insert(0, {str(HERE)!r}); import _large_registry; _large_registry.fill({VERSIONS})"
        subprocess.run([sys.executable, "-c", code], env=env, check=True)
        command = [str(Path(sys.executable).parent / "bequest"), "lineage"]
        wanted = {"start": "small/1", "small": "small/19", "10k": f"dynasty/{VERSIONS}"}
        spent: dict[str, list[tuple[float, float]]] = {name: [] for name in wanted}
        for _ in range(3):
            for name, label in wanted.items():
                start, before = time.perf_counter(), _processor_s()
                subprocess.run([*command, label], env=env, check=True, stdout=subprocess.DEVNULL)
                spent[name].append((time.perf_counter() - start, _processor_s() - before))
    wall, processor = ({name: min(each[way] for each in found) for name, found in spent.items()} for way in (0, 1))
    return {
        "lineage_10k_s": round(wall["10k"] - wall["start"], 2),
        "lineage_10k_cpu_s": round(processor["10k"] - processor["start"], 2),
        "lineage_of_19_in_10k_cpu_s": round(processor["small"] - processor["start"], 2),
        "lineage_start_up_s": round(wall["start"], 2),
        "lineage_start_up_cpu_s": round(processor["start"], 2),
    }


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def crashes() -> dict[str, Any]:
    """A kill before every write of a run."""
    with tempfile.TemporaryDirectory() as temporary:
        found = python("_kills.py", temporary, env=environment(Path(temporary)))
    for point in found["failed"]:
        print(point)
    return {
        "crash_points": found["points"],
        "crash_points_survived": found["points"] - len(found["failed"]),
        "crash_points_s": found["seconds"],
    }


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "lineage": lineage,
    "concurrent": concurrent,
    "sequences": sequences,
    "crashes": crashes,
}


def main() -> None:
    """Measures the parts that were asked for, or all, and writes the results after each."""
    file = HERE / "results" / "registry.json"
    for name in sys.argv[1:] or PARTS:
        measured = PARTS[name]()
        figures = json.loads(file.read_text())["figures"] if file.exists() else {}
        record(
            "registry",
            dict(sorted((figures | measured).items())),
            ("mlflow", "prefect", "hypothesis", "psycopg2-binary"),
            writers=WRITERS,
            registrations_of_each=EACH,
        )


if __name__ == "__main__":
    main()
