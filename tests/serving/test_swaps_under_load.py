"""A server under load while production is promoted and rolled back: nothing fails, and every answer is its version's own."""

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parents[1] / "benchmarks" / "_swaps.py"


@pytest.mark.slow
def test_no_request_fails_while_production_moves(workspace, table_bundle, flatbuffers, states, serving, tmp_path):
    from tasks import bundle

    spec = importlib.util.spec_from_file_location("swaps", PATH)
    swaps = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(swaps)
    columns = [{"name": f"c{n}", "kind": "numeric", "fill": 0.0, "fences": None, "offset": 0.0, "scale": 1.0} for n in range(5)]
    state = {**states["table"], "columns": columns}
    bundle.write(tmp_path / "b", flatbuffer=flatbuffers["table"], preprocessing=state, labels=["ill", "well"], name="bench")
    truth = swaps.fill_registry(workspace, tmp_path / "b")
    arguments = ["--follow", "bench", "--store", f"sqlite:///{workspace / 'mlflow.db'}", "--poll-interval", "0.2"]
    with serving(*arguments) as server:
        found = swaps.run(server.url, tmp_path / "b", truth, moves=10, seconds=40)
    assert (found["failed"], found["wrong"]) == (0, 0)
    assert found["requests"] > 500
    assert len(found["versions"]) >= 3
