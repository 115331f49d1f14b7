"""`bequest up` and `bequest down`: the workspace's servers and its worker, kept running in the background."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.console import err, out, print_json, user_errors

if TYPE_CHECKING:
    from flows.services.control import Outcome

UP_EXAMPLES = """
[bold]Examples[/]

  bequest up

  bequest up --prefect-port 4300 --mlflow-port 5300

  bequest up --no-worker --json
"""

DOWN_EXAMPLES = """
[bold]Examples[/]

  bequest down

  bequest down --json
"""

WHAT = {"prefect": "Prefect server and UI", "mlflow": "MLflow server and UI", "worker": "worker of scheduled flows"}
COLOURS = {"restarted": "yellow", "yours": "cyan", "cleared": "yellow"}
WORDS = {"running": "runs already", "yours": "yours, left as it is", "cleared": "had died; record removed"}


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command(epilog=UP_EXAMPLES)(up)
    app.command(epilog=DOWN_EXAMPLES)(down)


@user_errors
def up(
    prefect_port: Annotated[
        int | None,
        typer.Option(help="Port of the Prefect server; else 4200 or the next free one.", min=1, max=65535, show_default=False),
    ] = None,
    mlflow_port: Annotated[
        int | None,
        typer.Option(help="Port of the MLflow server; else 5000 or the next free one.", min=1, max=65535, show_default=False),
    ] = None,
    worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Also start the worker that runs scheduled and triggered flows.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, an entry for each service.")] = False,
) -> None:
    """Starts the Prefect server, the MLflow server and the worker in the background, on this machine alone.

    What runs already is left as it is, what has died is started again. It returns once all of them answer.
    """
    from flows.services import control

    with _spinner("starting", quiet=as_json) as say:
        outcomes = control.up(prefect_port=prefect_port, mlflow_port=mlflow_port, worker=worker, say=say)
    if as_json:
        print_json({outcome.name: outcome.as_json() for outcome in outcomes})
        return
    out.print(_table(outcomes))
    logs = sorted({str(Path(outcome.log).parent) for outcome in outcomes if outcome.log})
    out.print(f"Logs are in {', '.join(logs)}", soft_wrap=True)
    if worker:
        out.print("Next: [bold]bequest schedule RECIPE --cron '0 2 * * *'[/]; [bold]bequest down[/] ends it all.")


@user_errors
def down(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, an entry for each service.")] = False,
) -> None:
    """Ends the services of this workspace, with all that they started.

    A flow at work is ended too; its next run carries on at the stage where it stopped.
    """
    from flows.services import control

    with _spinner("ending", quiet=as_json) as say:
        outcomes = control.down(say=say)
    if as_json:
        print_json({outcome.name: outcome.as_json() for outcome in outcomes})
        return
    for outcome in outcomes:
        out.print(f"{_state(outcome)} {WHAT[outcome.name]} ({outcome.pid})")
    if not outcomes:
        out.print("Nothing of this workspace was running.")


def _spinner(first: str, *, quiet: bool) -> Any:
    """A context that yields what shows the present step; silent for scripts."""
    if quiet:
        return nullcontext(lambda _: None)
    from contextlib import contextmanager

    @contextmanager
    def spinning() -> Any:
        with err.status(first) as status:
            yield status.update

    return spinning()


def _state(outcome: "Outcome") -> str:
    return f"[{COLOURS.get(outcome.state, 'green')}]{WORDS.get(outcome.state, outcome.state)}[/]"


def _table(outcomes: "list[Outcome]") -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("service", "state", "address", "pid"):
        table.add_column(title, overflow="fold")
    for outcome in outcomes:
        address = f"polls {outcome.url}" if outcome.name == "worker" else outcome.url
        table.add_row(WHAT[outcome.name], _state(outcome), address, str(outcome.pid or ""))
    return table
