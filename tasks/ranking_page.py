"""A ranking as a table, for MLflow's UI and for the terminal."""

from tasks.ranking import Entry, Raced, Ranking

COLUMNS = ("rank", "candidate", "scores", "relevance", "race", "parameters", "bytes", "ms", "solution")
LEGEND = (
    "Scores and relevance: higher is better. Race: validation loss after so many epochs, 0 where there was no need of any, and "
    "by how much less that is than of a network from scratch, with its standard error."
)


def cells(entry: Entry, relevance: str | None) -> tuple[str, ...]:
    """What a table shows of a candidate, a text for each of `COLUMNS`.

    Args:
        entry: The candidate.
        relevance: What told how near its rows are, if anything did.
    """
    known = "" if relevance is None else "unknown" if entry.relevance is None else f"{entry.relevance:.3g}"
    return (
        ("*" if entry.chosen else "") + (str(entry.rank) if entry.rank else "-"),
        entry.version,
        ", ".join(f"{name} {_figure(score)}" for name, score in entry.scores.items()) or "-",
        known or "-",
        _race(entry.race),
        _figure(entry.parameters),
        _figure(entry.size_bytes),
        _figure(entry.latency_ms),
        entry.solution.level if entry.solution else "-",
    )


def control_cells(control: Raced) -> tuple[str, ...]:
    """The same of the network from scratch."""
    return ("", "from scratch", "", "", _race(control), "", "", "", "")


def as_markdown(ranking: Ranking) -> str:
    """The ranking as a Markdown page."""
    rows = [cells(entry, ranking.relevance) for entry in ranking.entries]
    rows += [control_cells(ranking.control)] if ranking.control else []
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{' --- |' * len(COLUMNS)}", *(f"| {' | '.join(row)} |" for row in rows)]
    told = [f"- {entry.version}: {entry.reason}{differs(entry)}" for entry in ranking.entries]
    return "\n".join([f"{ranking.verdict}\n", *lines, "", *told, "", "`*` chosen. " + LEGEND, ""])


def differs(entry: Entry) -> str:
    """What of the candidate's solution does not fit, as the end of a sentence; empty where all does, or nothing is known."""
    return f"; its solution: {', '.join(entry.solution.differs)}" if entry.solution and entry.solution.differs else ""


def _race(raced: Raced | None) -> str:
    if raced is None:
        return "-"
    if raced.loss is None:
        return f"failed in {raced.epochs}"
    lead = "" if raced.lead is None else f" ({raced.lead:+.3f} ± {raced.error:.3f})"
    return f"{raced.loss:.3f} after {raced.epochs}{lead}"


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 or float(value).is_integer() else f"{value:.4g}"
