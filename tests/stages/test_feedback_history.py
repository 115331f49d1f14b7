"""What feedback has seen of a model is read back, and drawn by one run of MLflow."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from model_registry.store import client, experiment
from tasks import feedback_history
from tasks.feedback_decision import Moment
from tasks.feedback_history import SERIES, batch_kept, batches_until, log_window, retraining_started, seen
from tasks.feedback_report import Report
from tasks.tracking import lone_run


def look(page: Path, window: str, *, fails: bool = False, **told: Any) -> str:
    """One look at `watched`, and its run."""
    fields: dict[str, Any] = {
        "name": "watched",
        "version": "watched/1",
        "batch_sha256": window,
        "rows": 100,
        "quarantined": 0,
        "labelled": True,
        "features": [],
        "predictions": [],
        "together": [
            {"kind": "multivariate", "method": "mmd", "statistic": 0.2},
            {"kind": "embedding", "method": "mmd", "statistic": 0.4},
        ],
        "drifted_share": 0.0,
        "drifted": False,
        "decision": "none",
        "reason": "a reason",
        "estimated": {"accuracy": 0.8, "low": 0.7, "high": 0.9},
    }
    report = Report.model_validate(fields | told)
    with lone_run(experiment("watched").experiment_id, "feedback", "feedback watched/1") as run:
        moment = Moment(window, "watched/1", datetime(2026, 1, 1, tzinfo=UTC), [each.past for each in seen("watched")])
        log_window(run, report, moment, page)
        if fails:
            raise RuntimeError("after all")
    return run.run_id


def test_history_is_read_back_and_drawn_by_one_run(workspace: Path, tmp_path: Path):
    page = tmp_path / "report.html"
    page.write_text("<html></html>")
    assert seen("watched") == []
    first = look(page, "a", accuracy=0.9, accuracy_interval=(0.8, 0.95), bad=False)
    look(page, "b", accuracy=0.6, accuracy_interval=(0.5, 0.7), bad=True, estimated=None)
    with pytest.raises(RuntimeError):
        look(page, "c", fails=True)
    retraining_started(first, "run by feedback")
    found = seen("watched")
    told = [(each.past.window, each.past.bad, each.past.retrained) for each in found]
    assert told == [("a", False, True), ("b", True, False)]
    assert (found[0].accuracy, found[0].estimated, found[1].estimated) == (0.9, (0.8, 0.7, 0.9), None)
    (series,) = client().search_runs([experiment("watched").experiment_id], f"tags.`bequest.stage` = '{SERIES}'")
    points = client().get_metric_history(series.info.run_id, "accuracy")
    assert [(point.step, point.value) for point in points] == [(1, 0.9), (2, 0.6)]
    assert [point.value for point in client().get_metric_history(series.info.run_id, "mmd")] == [0.2, 0.2, 0.2]
    assert [point.value for point in client().get_metric_history(series.info.run_id, "embedding_mmd")] == [0.4, 0.4, 0.4]


def test_batches_are_those_kept_until_a_look_oldest_first(workspace: Path, tmp_path: Path):
    page = tmp_path / "report.html"
    page.write_text("<html></html>")
    files = {name: tmp_path / f"{name}.parquet" for name in "abcd"}
    for name in ("a", "b", "unlabelled", "a", "c", "d"):  # a was looked at twice: its last look counts
        run_id = look(page, name)
        if name in files:
            files[name].touch()
            batch_kept(run_id, files[name])
    kept = [str(files[name]) for name in "bacd"]
    assert batches_until("watched", "c") == [str(files[name]) for name in "abc"]
    assert sorted(batches_until("watched", "nobody's")) == sorted(kept)
    files["b"].unlink()
    assert batches_until("watched", "d") == [str(files[name]) for name in "acd"]


def test_looks_that_started_a_retraining_or_kept_a_batch_are_read_however_long_ago(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(feedback_history, "MOST", 1)
    page = tmp_path / "report.html"
    page.write_text("<html></html>")
    runs = {name: look(page, name) for name in ("retrained", "calm", "kept", "last")}
    retraining_started(runs["retrained"], "run by feedback")
    batch_kept(runs["kept"], page)
    assert [each.past.window for each in seen("watched")] == ["retrained", "kept", "last"]
    assert batches_until("watched", "last") == [str(page)]
