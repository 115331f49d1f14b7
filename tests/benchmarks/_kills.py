"""Kills a `bequest run` before every change it makes to the store or its files, one after the other, and runs it again.

    python _kills.py FOLDER [POINT ...]

One small run is made first, in which every change is counted, and the workspace is kept as it stands before each stage. Then,
for each change: the workspace is put back to what it was before that change's stage, the run begins again there, is killed by
SIGKILL right before the change, and the same command is given once more. A kill after a change is the kill before the next
one: in between nothing changes.

The repeated run ends where the next stage would begin, and the registry must be what the first run had left there: what
follows reads nothing else. After the last change of each stage it goes on to the end, and must come to the same final version.
Then `bequest doctor --repair` comes by, after which `bequest doctor` must find nothing in store, workspace and registry.

The runs are forks of one process that has imported everything, with one Prefect server for all of them.
"""

import importlib
import itertools
import json
import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

PILOT = {
    "name": "pilot",
    "data": {"source": "bundled:breast_cancer", "rows": {"start": 0.0, "end": 0.4}},
    "model": {"hidden": [4]},
    "transfer": {"stages": [{"unfreeze": "all", "epochs": 1, "learning_rate": 0.01}]},
    "train": {"epochs": 1, "search": {"trials": 0}},
    "evaluate": {"gate": {}, "bootstrap_samples": 100},
    "deploy": {"to": "production", "max_disagreement": 1.0},
}
RECIPE = PILOT | {
    "name": "cancer",
    "inherit": {"ancestors": ["models:/pilot@production"]},
    "data": {"source": "bundled:breast_cancer", "rows": {"start": 0.4, "end": 0.85}},
    "compress": {"prune": {"epochs": 1, "max_drop": 1.0}, "quantize": {"max_drop": 1.0}},
}
_STATE = ("artifacts", "data", "results", "staging", "bundles", "plans", "mlflow.db")
_LIMIT_S = 300.0


class Harness:
    """The workspace, put back and forth, and the runs in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.recipe = folder / "cancer.yaml"
        self.recipe.write_text(yaml.safe_dump(RECIPE))
        (folder / "pilot.yaml").write_text(yaml.safe_dump(PILOT))

    def keep(self, name: str) -> None:
        """Keeps the workspace as it stands."""
        target = self.folder / "kept" / name
        target.mkdir(parents=True)
        for each in _STATE:
            source = self.home / each
            if source.is_dir():
                shutil.copytree(source, target / each)
            elif source.exists():
                shutil.copy2(source, target / each)

    def put_back(self, name: str) -> None:
        """Makes the workspace what it was."""
        for each in _STATE:
            path = self.home / each
            if path.is_dir():
                shutil.rmtree(path)
            path.unlink(missing_ok=True)
            source = self.folder / "kept" / name / each
            if source.is_dir():
                shutil.copytree(source, path)
            elif source.exists():
                shutil.copy2(source, path)

    def forked(self, act: Callable[[], Any]) -> tuple[int, Any]:
        """What a process of its own came to: its exit code (negative: the signal) and its result."""
        context = multiprocessing.get_context("fork")
        result = self.folder / "result.json"
        result.unlink(missing_ok=True)

        parent = os.getpid()

        def work() -> None:
            threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
            with (self.folder / "log").open("a") as log:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
                result.write_text(json.dumps(act()))

        process = context.Process(target=work)
        process.start()
        process.join(_LIMIT_S)
        if process.is_alive():
            process.kill()
            process.join()
            return -1, "hung"
        return process.exitcode or 0, json.loads(result.read_text()) if result.exists() else None

    def counted(self) -> dict[str, Any]:
        """One run: every change with its stage, and what stands when a stage begins. Keeps the workspace before each stage."""
        from _write_points import watch

        points: list[tuple[str, str]] = []
        present = ["0 begin"]
        before: dict[str, Any] = {}

        def begun(stage: str) -> None:
            present[0] = stage
            before[stage] = standing()
            self.keep(stage)

        _at_each_stage(begun)
        watch(self.home, lambda told: points.append((present[0], told)))
        self.keep(present[0])
        run(self.recipe)
        return {"points": points, "before": before | {"end": standing()}}

    def killed(self, stage: str, number: int) -> None:
        """A run that ends by SIGKILL before its change of that number in that stage."""
        from _write_points import watch

        present, left = ["0 begin"], [number]

        def begun(name: str) -> None:
            present[0] = name

        def at_point(_: str) -> None:
            if present[0] == stage:
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left[0] -= 1

        _at_each_stage(begun)
        watch(self.home, at_point)
        run(self.recipe)

    def repeated(self, until: str) -> dict[str, Any]:
        """The same command once more, until that stage begins; what stands then, and what doctor finds after a repair."""
        from flows.doctor import registry, workspace
        from flows.doctor import store as databases
        from model_registry import store

        checks = (databases.databases, workspace.leftovers, registry.registry)  # the others look at the installation

        class Reached(BaseException):
            pass

        def begun(stage: str) -> None:
            if stage == until:
                raise Reached

        _at_each_stage(begun)
        with suppress(Reached):
            run(self.recipe)
        found = standing()
        repaired = [each.found for check in checks for each in check(True)]
        mended = [each for each in repaired if each.startswith(("marked", "removed", "finished"))]
        faults = [f"{each.name}: {each.found}" for check in checks for each in check(False) if each.state != "ok"]
        running = store.client().search_runs(
            [store.experiment("cancer").experiment_id], "attributes.status = 'RUNNING'", max_results=10
        )
        return {"standing": found, "faults": faults, "running": len(running), "mended": mended}


def _end_with(parent: int) -> None:
    """Ends a fork whose parent is gone."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _at_each_stage(begun: Callable[[str], None]) -> None:
    """Has `begun` called with each stage's number and name before it runs, or is skipped."""
    from flows.loop import Loop

    original, number = Loop.run, itertools.count(1)

    def told(self: Any, task: Any, *args: Any, **kwargs: Any) -> Any:
        begun(f"{next(number)} {task.name}")
        return original(self, task, *args, **kwargs)

    Loop.run = told  # type: ignore[method-assign]


def run(recipe: Path) -> dict[str, Any]:
    """What `bequest run` does once everything is imported."""
    from flows.inherit import inherit

    return {"production": inherit(str(recipe)).production}


def standing() -> dict[str, Any]:
    """What the registry holds, every file verified."""
    from model_registry import artifacts, ledger, versions

    found = versions.search()
    for version in found:
        artifacts.fetch(version)
    keys = [version.stage_key for version in found]
    return {
        "versions": sorted([each.label, each.operation, each.stage, each.gate, each.ready] for each in found),
        "doubled": len(keys) - len(set(keys)),
        "ledger": [[each.move, each.version, each.to] for each in ledger.read("cancer")],
    }


def main(folder: Path, only: list[int]) -> None:
    """Enumerates the points, kills at each, prints what did not recover."""
    harness = Harness(folder)
    from flows.session import prepare_flows

    ready = prepare_flows()
    import flows.inherit  # noqa: F401
    from tasks.methods import backend, networks  # noqa: F401

    ready()
    code, loaded = harness.forked(lambda: [run(folder / "pilot.yaml"), sorted(sys.modules)])
    if code:
        sys.exit(f"the pilot ended with {code}: {(folder / 'log').read_text()[-3000:]}")
    for name in loaded[1]:  # what a run imports on its way: else each fork would do so again
        with suppress(Exception):
            importlib.import_module(name)
    code, first = harness.forked(harness.counted)
    if code:
        sys.exit(f"the first run ended with {code}: {(folder / 'log').read_text()[-3000:]}")
    points: list[tuple[str, str]] = first["points"]
    stages = list(dict.fromkeys(stage for stage, _ in points))
    print(f"{len(points)} points in {len(stages)} stages", file=sys.stderr)
    failed, seconds = [], time.perf_counter()
    for number in only or range(len(points)):
        stage, told = points[number]
        own = [index for index, (name, _) in enumerate(points) if name == stage]
        position = stages.index(stage) + 1
        until = "end" if number == own[-1] or position == len(stages) else stages[position]
        harness.put_back(stage)
        began = time.perf_counter()
        killed, _ = harness.forked(lambda stage=stage, within=number - own[0]: harness.killed(stage, within))  # type: ignore[misc]
        again, found = harness.forked(lambda until=until: harness.repeated(until))  # type: ignore[misc]
        wrong = []
        if killed != -signal.SIGKILL:
            wrong.append(f"was not killed, but ended with {killed}")
        if again:
            wrong.append(f"the same command ended with {again}: {(folder / 'log').read_text()[-500:]}")
        else:
            wrong += found["faults"]
            wrong += [f"{found['running']} runs never end"] if found["running"] else []
            wrong += (
                [f"{found['standing']}, expected {first['before'][until]}"]
                if found["standing"] != first["before"][until]
                else []
            )
        if wrong:
            failed.append({"point": number, "stage": stage, "before": told, "wrong": wrong})
        mended = found["mended"] if found else []
        line = f"{number} {stage}: {told}: {wrong or 'recovered'} {mended} {time.perf_counter() - began:.1f} s"
        print(line, file=sys.stderr, flush=True)
    print(json.dumps({"points": len(points), "failed": failed, "seconds": round(time.perf_counter() - seconds)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(each) for each in sys.argv[2:]])
