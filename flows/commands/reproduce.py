"""`bequest reproduce`: a version made once more from its recipe, parents and data, and compared."""

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from flows.console import err, out, print_json, print_table, user_errors

if TYPE_CHECKING:
    from flows.reproduce import Reproduced

_COLOURS = {"identical": "green", "equal within tolerance": "yellow", "differs": "red"}


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("reproduce", epilog="Example: [bold]bequest reproduce digits@production[/]")(reproduce)


@user_errors
def reproduce(
    address: Annotated[str, typer.Argument(metavar="NAME[@stage|/version]", help="A registered version.")],
    tolerance: Annotated[
        float, typer.Option(min=0.0, help="How far off a probability may be for the two to be called equal.")
    ] = 1e-3,
    json: Annotated[bool, typer.Option("--json", help="Print all that was compared as JSON and nothing else.")] = False,
) -> None:
    """Run the operation that made a version once more, on its parents and its data, and compare the two.

    Nothing is registered and no stage moves; what came of it is kept with the version. Exit code 1 where they differ.
    """
    from flows.session import prepare_process

    prepare_process()
    with err.status("Starting...") if not json else nullcontext():
        from flows.progress_bar import shown
        from flows.reproduce import reproduce as run
        from model_registry import versions

        version = versions.resolve(address)
    with shown(err, quiet=json):
        found = run(version, tolerance=tolerance)
    if json:
        print_json(found.model_dump(mode="json"))
    else:
        _show(found)
    if found.verdict == "differs":
        raise typer.Exit(1)


def _show(found: "Reproduced") -> None:
    for note in found.notes:
        err.print(f"[yellow]note:[/] {escape(note)}", highlight=False, soft_wrap=True)
    if found.likeness is not None:
        _show_figures(found)
    colour = _COLOURS[found.verdict]
    origin = ", ".join(found.parents) or "its data alone"
    told = f"{found.version} ({found.operation} from {origin})"
    out.print(f"[{colour}]{found.verdict}[/]: {escape(told)}", highlight=False, soft_wrap=True)
    for reason in found.reasons:
        out.print(f"  {escape(reason)}", highlight=False, soft_wrap=True)


def _show_figures(found: "Reproduced") -> None:
    from model_registry.figures import COMPARED
    from tasks.likeness import is_measured

    said = found.likeness
    assert said is not None
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    for column in ("figure", found.version, "rerun", "change"):
        table.add_column(escape(column), overflow="fold")
    for name, pair in sorted(said.metrics.items()):
        if is_measured(name) or (name not in COMPARED and pair.delta == 0):
            continue  # --json has all
        cells = [name, *("-" if value is None else f"{value:.6g}" for value in (pair.registered, pair.rerun))]
        table.add_row(*map(escape, cells), "" if pair.delta is None else f"{pair.delta:+.6g}")
    print_table(table)
    weights = "of other shapes" if said.weights_max_difference is None else f"at most {said.weights_max_difference:.3g} apart"
    weights = "the same to the last bit" if said.weights_sha256[0] == said.weights_sha256[1] else weights
    out.print(
        f"data: {found.source}. Weights: {weights}. Predictions: {said.agreement:.2%} of {said.rows} validation rows alike, "
        f"probabilities at most {said.max_difference:.3g} apart.",
        highlight=False,
        soft_wrap=True,
    )
