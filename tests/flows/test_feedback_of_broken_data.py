"""Feedback on a batch that broke on its way."""

from pathlib import Path

import pandas as pd
import pytest
import yaml
from sklearn.datasets import load_breast_cancer

from flows.commands.feedback import _tell
from flows.feedback import _markdown, feedback
from flows.inherit import inherit


@pytest.fixture(scope="module")
def served(flows: Path) -> Path:
    """A folder beside a workspace in which `cancer` stands in production; at most 5 % of its rows may fail."""
    recipe = {
        "name": "cancer",
        "data": {"source": "bundled:breast_cancer", "rows": {"start": 0.0, "end": 0.6}},
        "model": {"hidden": [16]},
        "compress": {"prune": None, "quantize": {"max_drop": 0.2}},
        "train": {"epochs": 3, "search": {"trials": 0}},
        "evaluate": {"gate": {"floors": {"accuracy": 0.5}}},
        "deploy": {"to": "production", "max_disagreement": 0.3},
    }
    (flows / "cancer.yaml").write_text(yaml.safe_dump(recipe))
    inherit(str(flows / "cancer.yaml"))
    return flows


def batch(path: Path, broken: int) -> Path:
    """400 rows with a label column of another name; the first `broken` have a cell that is no number."""
    frame = load_breast_cancer(as_frame=True).frame.sample(400, random_state=0).reset_index(drop=True)
    frame["mean area"] = ["x" if row < broken else cell for row, cell in enumerate(frame["mean area"])]
    frame.rename(columns={"target": "targt"}).to_csv(path, index=False)
    return path


def test_feedback_calls_a_batch_broken_when_a_quarter_of_it_breaks_the_contract(
    served: Path, capsys: pytest.CaptureFixture[str]
):
    watched = feedback("cancer", str(batch(served / "broken.csv", 101)))
    report = watched.report
    assert (report.decision, report.quarantined, watched.action) == ("data", 101, "reported")
    assert len(pd.read_csv(report.quarantine)) == 101
    assert report.quarantine in report.reason
    assert "(5.0%)" in report.reason
    assert "The data is broken:" in Path(report.page).read_text()
    assert _markdown(report).startswith(f"# {report.version}: data\n")
    missing = "no labels: no column 'target' in the batch, so accuracy is not known"
    assert missing in _markdown(report)
    _tell(report, watched.action)
    shown = capsys.readouterr().out
    assert missing in shown
    assert report.quarantine in shown


def test_feedback_tells_where_a_few_quarantined_rows_are(served: Path):
    report = feedback("cancer", str(batch(served / "few.csv", 3))).report
    assert report.decision != "data"
    assert f"3 of 400 rows (0.8%) were quarantined, {report.quarantine} holds them" in report.reason
