"""`bequest feedback`: a batch from production beside what the served version was trained on."""

import glob
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.console import err, out, print_json, print_table, user_errors
from model_registry.errors import BequestError, InputError
from model_registry.workspace import current

if TYPE_CHECKING:
    from flows.feedback import Watched
    from tasks.feedback_report import Report


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("feedback", epilog="Example: [bold]bequest feedback digits --data yesterday.parquet[/]")(feedback)


@user_errors
def feedback(
    name: Annotated[str, typer.Argument(help="A registered model with a version in production.")],
    data: Annotated[
        Path | None,
        typer.Option(help="The batch: a file or folder of the form it was trained on, labelled or not.", show_default=False),
    ] = None,
    captured: Annotated[
        int | None,
        typer.Option(
            metavar="DAYS", help="Instead of --data: what `serve --capture` kept of so many days.", min=1, show_default=False
        ),
    ] = None,
    target: Annotated[str | None, typer.Option(help="Label column, where it has another name than in training.")] = None,
    retrain: Annotated[bool, typer.Option("--retrain/--no-retrain", help="Start the loop again where called for.")] = True,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")] = False,
) -> None:
    """Compare a batch with the production version's reference; on drift or degradation, retrain.

    Where more of its rows break the data contract than the recipe allows, it is reported as broken and nothing is retrained.

    Exit code 3 where a retrained version was refused by the gate: production stays as it is.
    """
    if (data is None) == (captured is None):
        raise InputError("--data, --captured: expected one of them: a batch, or the days of what was captured.")
    if captured is not None:
        from tasks.captured import TRUTH, gather

        space = current()
        data = gather(space.captured, name, captured, space.home / "batches")
        target = target or (TRUTH if _has_labels(data) else None)
    assert data is not None
    watched = show(name, data, target=target, retrain=retrain, quiet=json)
    if json:
        print_json(watched.model_dump(mode="json"))
    if watched.outcome is not None and watched.outcome.gate == "refused":
        raise typer.Exit(3)


def _has_labels(batch: Path) -> bool:
    """Whether any captured row has a label; without, the batch says nothing of one."""
    from tasks.captured import TRUTH

    if batch.suffix == ".npz":
        import numpy as np

        with np.load(batch, allow_pickle=False) as archive:
            return TRUTH in archive.files
    import pandas as pd

    return bool(pd.read_parquet(batch, columns=[TRUTH])[TRUTH].notna().any())


def show(name: str, data: Path, *, target: str | None, retrain: bool, quiet: bool) -> "Watched":
    """Runs the flow, showing progress, the report and the retraining's summary."""
    from flows.commands.run import summarise
    from flows.session import prepare_flows
    from tasks.recipe.paths import nearest

    if not data.exists():
        raise InputError(
            f"--data: expected a file or folder. Received: {data}, nothing stands there.{nearest(data.absolute())}"
        )
    ready = prepare_flows()
    with err.status("Starting...") if not quiet else nullcontext():
        from flows.feedback import feedback as flow
        from flows.progress_bar import shown

        ready()

    with _report_told(name), shown(err, quiet=quiet):
        watched = flow(name, str(data), target=target, retrain=retrain)
    if not quiet:
        _tell(watched.report, watched.action)
        if watched.outcome is not None:
            summarise(watched.outcome)
    return watched


@contextmanager
def _report_told(name: str) -> Iterator[None]:
    """Says where the report is when the retraining that followed it fails."""
    before = _pages(name)
    try:
        yield
    except BequestError:
        for page in sorted(_pages(name) - before)[-1:]:
            _tell_page(page, err)
        raise


def _pages(name: str) -> set[Path]:
    """A model's feedback reports; the folders of one whose name begins the same do not match."""
    return set(current().reports.glob(f"{glob.escape(name)}-????-??-??T??-??-??/report.html"))


def _tell_page(page: str | Path, console: Console) -> None:
    console.print(f"[dim]Report: {escape(str(page))}[/]", highlight=False, soft_wrap=True)


def _tell(report: "Report", action: str) -> None:
    out.rule(f"[bold]feedback on {escape(report.version)}")
    table = Table("feature", "method", "statistic", "p-value", "", box=None, pad_edge=False)
    moved = [row for row in report.predictions + report.together + report.features if row["drifted"]]
    for row in moved[:10]:
        p_value = "n/a" if row["p_value"] is None else f"{row['p_value']:.2g}"
        table.add_row(escape(row["name"]), escape(row["method"]), f"{row['statistic']:.3f}", p_value, "[red]drifted[/]")
    out.print(f"{report.rows} rows, {report.quarantined} quarantined, {report.drifted_share:.0%} of the features drifted")
    if moved:
        print_table(table)
    if len(moved) > 10:
        out.print(f"[dim]and {len(moved) - 10} more[/]")
    if report.accuracy is not None:
        known = f", on the test split {report.accuracy_reference:.3f}" if report.accuracy_reference is not None else ""
        out.print(f"accuracy {report.accuracy:.3f}{known}: {'[red]degraded[/]' if report.degraded else '[green]holds[/]'}")
        if report.alarms:
            out.print(f"the error rose along the rows: alarm at row {report.alarms[0]}")
    elif report.no_labels:
        out.print(escape(report.no_labels), highlight=False, soft_wrap=True)
    if report.estimated is not None and report.accuracy is None:
        guess = report.estimated
        verdict = "[red]degraded[/]" if report.estimated_degraded else "[green]holds[/]"
        out.print(f"accuracy estimated {guess['accuracy']:.3f} ({guess['low']:.3f} to {guess['high']:.3f}): {verdict}")
    style = "bold red" if report.decision == "data" else "bold"
    out.print(f"[{style}]{report.decision}[/]: {escape(report.reason)} · {escape(action)}", soft_wrap=True)
    _tell_page(report.page, out)
