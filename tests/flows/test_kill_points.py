"""Some of the points at which the benchmark `registry` kills a run: it has all of them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "_kills.py"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_run_recovers_from_a_kill_before_any_change(tmp_path: Path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "PREFECT_"))}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path), *map(str, range(3, 300, 37))],
        env=kept | {"BEQUEST_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["points"] > 200
    assert found["failed"] == []
