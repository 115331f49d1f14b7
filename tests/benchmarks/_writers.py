"""Many processes that register and promote on one name at once, and what must stand afterwards.

    python _writers.py FOLDER WRITERS EACH

on the store that MLFLOW_TRACKING_URI names. Each process has a workspace of its own, as if it ran on a machine of its own.
Every fifth version is one that all processes make at once: the same stage with the same inputs.
"""

import json
import multiprocessing
import os
import sys
import time
import traceback
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

from model_registry import artifacts, ledger, stages, store, versions
from model_registry.errors import IntegrityError
from model_registry.versions import Version

NAME = "contested"
SHARED_EVERY = 5


def write(home: Path, who: int, each: int) -> list[dict[str, Any]]:
    """One writer: registers and promotes, one after the other."""
    os.environ["BEQUEST_HOME"] = str(home)
    run_id = store.client().create_run(store.experiment(NAME).experiment_id).info.run_id
    done = []
    for number in range(each):
        key = f"shared-{number}" if number % SHARED_EVERY == 0 else f"{who}-{number}"
        folder = home / "made" / key
        (folder / "bundle").mkdir(parents=True)
        (folder / "bundle" / "model.tflite").write_text(f"{key} by {who}")
        made = versions.register(
            NAME,
            folder,
            operation="trained",
            parents=[],
            run_id=run_id,
            stage_key=key,
            standing=lambda key=key: next(iter(versions.made_by(NAME, key)), None),  # type: ignore[misc]
        )
        if not made.gate:
            store.client().set_model_version_tag(NAME, str(made.version), "gate", "passed")
        promoted = stages.promote(NAME, made.version, "production", reason=f"{who}-{number}")
        done.append({"key": key, "version": made.version, "sha256": made.sha256, "promoted": promoted.version})
    return done


def _writer(home: Path, who: int, each: int, results: "multiprocessing.SimpleQueue[Any]") -> None:
    try:
        results.put((who, write(home, who, each), ""))
    except BaseException:
        results.put((who, [], traceback.format_exc()[-3000:]))


def judge(done: list[dict[str, Any]]) -> dict[str, Any]:
    """What was lost, what doubled: read from the store, held against what the writers were told."""
    standing = {version.version: version for version in versions.search(f"name = '{NAME}'")}
    entries = ledger.read(NAME)
    promotions = [entry for entry in entries if entry.move == "promotion"]
    moved = Counter(entry.version for entry in promotions)
    lost = [each for each in done if not _whole(standing.get(each["version"]), each)]
    lost += [each for each in done if not moved[each["promoted"]]]
    doubled: list[Any] = [key for key, count in Counter(each.stage_key for each in standing.values()).items() if count > 1]
    doubled += [version.label for version in standing.values() if version.stage == "Production"][1:]
    doubled += [at for at, count in Counter(entry.at for entry in entries).items() if count > 1]
    doubled += [entry.version for entry in promotions if moved[entry.version] > 1 and not _shared(standing, entry.version)]
    # Each entry names the one before it as replaced: else a move was decided on what was no longer so.
    torn = [(before.version, after.version) for before, after in pairwise(entries) if after.replaced != before.version]
    found = [entry.model_dump() for entry in entries if entry.move != "promotion"]
    archived = {version.version for version in standing.values() if version.stage == "Archived"}
    return {
        "registrations": len(done),
        "promotions": len(done),
        "versions": len(standing),
        "ledger_entries": len(entries),
        "lost": lost,
        "doubled": doubled,
        "torn": torn + found + sorted({entry.version for entry in entries[:-1]} - archived - {entries[-1].version}),
        "production_is_last_in_ledger": [each.version for each in standing.values() if each.stage == "Production"]
        == [entries[-1].version],
    }


def _whole(version: Version | None, told: dict[str, Any]) -> bool:
    if version is None or not version.ready or version.sha256 != told["sha256"]:
        return False
    try:
        return artifacts.fetch(version).is_dir()
    except IntegrityError:
        return False


def _shared(standing: dict[int, Version], number: int) -> bool:
    return standing[number].stage_key.startswith("shared-")


def main(folder: Path, writers: int, each: int) -> None:
    """Forks the writers, which share the imports and nothing else, and prints the judgement."""
    fork = multiprocessing.get_context("fork")
    results = fork.SimpleQueue()
    start = time.perf_counter()
    processes = [fork.Process(target=_writer, args=(folder / f"machine-{who}", who, each, results)) for who in range(writers)]
    for process in processes:
        process.start()
    outcomes = [results.get() for _ in processes]
    for process in processes:
        process.join()
    seconds = time.perf_counter() - start
    failed = [trace for _, _, trace in outcomes if trace]
    os.environ["BEQUEST_HOME"] = str(folder / "judge")
    judged = judge([each for _, done, _ in outcomes for each in done])
    print(json.dumps(judged | {"seconds": round(seconds, 1), "failed": failed}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
