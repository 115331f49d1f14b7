"""`bequest suggest`: whom a recipe had best inherit from, and why."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from flows.console import err, out, print_json, print_table, user_errors

if TYPE_CHECKING:
    from tasks.ranking import Ranking

_NUMBERS = ("parameters", "bytes", "ms")
_ROOMY_WIDTH = 120
_ROOMY = ("relevance", "parameters", "bytes", "ms")  # shown where the terminal is that wide


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("suggest", epilog="Example: [bold]bequest suggest deployments/recipes/digits.yaml --top 5[/]")(suggest)


@user_errors
def suggest(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe file.", show_default=False)],
    top: Annotated[int, typer.Option(min=1, help="How many candidates to show, the best first.")] = 10,
    json: Annotated[bool, typer.Option("--json", help="Print the ranking as JSON and nothing else.")] = False,
) -> None:
    """Rank what the registry holds for a recipe: whom to inherit from, at what cost, and whether that helps at all.

    The data is prepared, each candidate's frozen network is scored on its training rows, and the best race a network from
    scratch for a few epochs. Nothing is registered. `inherit: auto` in the recipe takes what is chosen here.
    """
    from flows.session import prepare_flows, prepare_process
    from model_registry import lineage
    from tasks.recipe.load import load

    name = load(recipe).stated.get("name", "")  # every mistake before anything runs
    prepare_process()
    if not lineage.candidates(exclude_name=name):
        _tell_empty(json)
        return
    ready = prepare_flows()
    with err.status("Starting...") if not json else nullcontext():
        from flows.progress_bar import shown
        from flows.suggest import suggest as flow

        ready()
    with shown(err, quiet=json):
        ranking, notes = flow(str(recipe))
    if json:
        plain = ranking.model_dump(mode="json")
        chosen = [ref.uri for ref in ranking.chosen]
        print_json(plain | {"entries": plain["entries"][:top], "chosen": chosen, "notes": notes})
        return
    for note in notes:
        err.print(f"[yellow]note:[/] {escape(note)}", soft_wrap=True)
    _show(ranking, top)


def _tell_empty(json: bool) -> None:
    verdict = "nothing to inherit from: the registry holds no version of another project"
    if json:
        print_json({"chosen": [], "entries": [], "verdict": verdict, "notes": []})
    else:
        more = "`bequest run` starts fresh, `bequest import PATH --name NAME` brings a model in."
        out.print(f"{verdict[:1].upper()}{verdict[1:]}. {more}", highlight=False, soft_wrap=True)


def _show(ranking: "Ranking", top: int) -> None:
    from tasks.ranking_page import COLUMNS, LEGEND, cells, control_cells, differs
    from tasks.tracking import artifacts_of

    shown = ranking.entries[:top]
    left_out = _ROOMY if out.is_terminal and out.width < _ROOMY_WIDTH else ()
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    for name in COLUMNS:
        if name not in left_out:
            table.add_column(
                name, justify="right" if name in _NUMBERS else "left", overflow="fold", no_wrap=name == "candidate"
            )
    rows = [cells(entry, ranking.relevance) for entry in shown]
    rows += [control_cells(ranking.control)] if ranking.control else []
    for row in rows:
        kept = [text for name, text in zip(COLUMNS, row, strict=True) if name not in left_out]
        table.add_row(*map(escape, kept), style="bold green" if row[0].startswith("*") else None)
    print_table(table)
    hidden = len(ranking.entries) - len(shown)
    if hidden:
        out.print(f"[dim]and {hidden} more, with --top[/]", highlight=False)
    out.print()
    for entry in shown:
        out.print(f"[bold]{escape(entry.version)}[/] {escape(entry.reason + differs(entry)).rstrip('.')}.", highlight=False)
    out.print()
    out.print(f"[bold]{escape(ranking.verdict[:1].upper() + ranking.verdict[1:])}.[/]", highlight=False, soft_wrap=True)
    left = f" {', '.join(left_out)}: in a terminal of {_ROOMY_WIDTH} columns, or with --json." if left_out else ""
    where = escape(artifacts_of(ranking.run_id))
    out.print(f"[dim]* chosen. {LEGEND}{left}[/]", highlight=False)
    out.print(f"[dim]Table and picture: {where}[/]", highlight=False, soft_wrap=True)
