"""A registry of thousands of versions, written straight into MLflow's tables: registering them would take an hour."""

import json
import sqlite3
import time
from contextlib import closing

from model_registry import store
from model_registry.workspace import current

NAME = "dynasty"


def fill(versions: int) -> None:
    """Makes versions 1 to `versions` of one name, each the heir of the one before, and beside them a family of its own."""
    store.client().create_registered_model(NAME)
    store.client().create_registered_model("small")
    now = int(time.time() * 1000)
    rows = [(NAME, number, [number - 1] if number > 1 else []) for number in range(1, versions + 1)]
    # 19 versions: three generations in which each heir has two parents, above one that has them all.
    rows += [("small", number, [each for each in (number - 6, number - 5) if each >= 1]) for number in range(1, 19)]
    rows += [("small", 19, list(range(13, 19)))]
    with closing(sqlite3.connect(current().home / "mlflow.db")) as base, base:
        workspace = base.execute("SELECT workspace FROM registered_models").fetchone()[0]
        for name, number, parents in rows:
            base.execute(
                "INSERT INTO model_versions (workspace, name, version, creation_time, last_updated_time, current_stage, source,"
                " status) VALUES (?, ?, ?, ?, ?, 'None', ?, 'READY')",
                (workspace, name, number, now + number, now + number, f"models:/m-{name}{number}"),
            )
            edges = [{"name": name, "version": each, "sha256": f"{each:064x}", "role": "weights"} for each in parents]
            tags = {
                "operation": "fine-tuned" if parents else "trained",
                "parents": json.dumps(edges),
                "sha256": f"{number:064x}",
                "stage_key": f"transfer-{name}-{number}",
                "trigger": '{"kind": "schedule"}',
                "facts": json.dumps({"validation_accuracy": 0.9 + (number % 90) / 1000, "size_bytes": 40_000 + number}),
                "by": "nobody",
                "ready": "true",
            }
            base.executemany(
                "INSERT INTO model_version_tags (workspace, name, version, key, value) VALUES (?, ?, ?, ?, ?)",
                [(workspace, name, number, key, value) for key, value in tags.items()],
            )
