"""Several processes on one name at once, each as if on a machine of its own: nothing is lost, nothing doubled."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from _postgresql import missing, mlflow_server, postgresql

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "_writers.py"


def written(folder: Path, uri: str, writers: int = 3, each: int = 2) -> dict[str, Any]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "PREFECT_"))}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), str(writers), str(each)],
        env=kept | {"MLFLOW_TRACKING_URI": uri},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def check(found: dict[str, Any], registrations: int, versions: int) -> None:
    assert found["failed"] == []
    assert (found["registrations"], found["versions"]) == (registrations, versions)
    assert (found["lost"], found["doubled"], found["torn"]) == ([], [], [])
    assert found["production_is_last_in_ledger"]


@pytest.mark.slow
def test_writers_lose_and_double_nothing_on_a_fresh_sqlite_store(tmp_path: Path):
    check(written(tmp_path, f"sqlite:///{tmp_path}/mlflow.db"), 6, 4)  # the first of each is the same one


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(bool(missing()), reason=missing() or "PostgreSQL is here")
@pytest.mark.parametrize("direct", [True, False], ids=["database", "server"])
def test_writers_lose_and_double_nothing_on_postgresql(tmp_path: Path, direct: bool):
    with postgresql() as database:
        if direct:
            check(written(tmp_path, database), 6, 4)
        else:
            with mlflow_server(database, tmp_path) as uri:
                check(written(tmp_path, uri), 6, 4)
