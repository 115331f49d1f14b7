"""A ranking as a table."""

from tasks.ranking import Entry, Raced, Ranking
from tasks.ranking_page import COLUMNS, as_markdown, cells, control_cells
from tasks.solution_fit import SolutionFit

BEST = Entry(
    version="a/1",
    rank=1,
    scores={"knn": 0.91234},
    mean_rank=1.0,
    relevance=-0.5,
    parameters=12345,
    size_bytes=900.0,
    latency_ms=0.01234,
    solution=SolutionFit(level="partly", differs=["other classes", "new columns ['x']"]),
    race=Raced(epochs=2, control_epochs=2, loss=0.5, lead=0.125, error=0.01),
    chosen=True,
    reason="1st of 2",
)
LEFT_OUT = Entry(version="b/2", reason="left out: no column")
CONTROL = Raced(epochs=2, control_epochs=2, loss=0.625)


def test_cells_tell_what_is_known():
    known = cells(BEST, "proxy_a")
    expected = ("*1", "a/1", "knn 0.9123", "-0.5", "0.500 after 2 (+0.125 ± 0.010)", "12,345", "900", "0.01234", "partly")
    assert known == expected
    assert cells(LEFT_OUT, "proxy_a") == ("-", "b/2", "-", "unknown", "-", "-", "-", "-", "-")
    assert cells(LEFT_OUT, None)[3] == "-"
    assert len(known) == len(control_cells(CONTROL)) == len(COLUMNS)
    failed = BEST.model_copy(update={"race": Raced(epochs=1, control_epochs=1, loss=None, beaten=True)})
    assert cells(failed, None)[4] == "failed in 1"


def test_markdown_has_a_row_and_a_reason_for_each():
    ranking = Ranking(
        selectors=["knn"], relevance=None, entries=[BEST, LEFT_OUT], control=CONTROL, chosen=[], verdict="so be it", run_id="x"
    )
    lines = as_markdown(ranking).splitlines()
    assert lines[0] == "so be it"
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 2 + 3
    assert {line.count("|") for line in table} == {len(COLUMNS) + 1}
    assert "- a/1: 1st of 2; its solution: other classes, new columns ['x']" in lines
    assert "- b/2: left out: no column" in lines
