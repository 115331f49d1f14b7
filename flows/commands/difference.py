"""`bequest diff`: what tells two versions apart."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from flows.console import err, out, print_json, print_table, user_errors

if TYPE_CHECKING:
    from tasks.difference import Changed, Difference

_LONGEST = 60  # characters of a value on a terminal; --json has all
_EXAMPLES = 5

Address = Annotated[str, typer.Argument(metavar="NAME[@stage|/version]", help="A registered version.")]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("diff", epilog="Example: [bold]bequest diff digits@production digits/12[/]")(diff)


@user_errors
def diff(
    a: Address,
    b: Address,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON, equal figures and long values included.")] = False,
) -> None:
    """Show what tells two versions apart: recipe, data, figures, and the test rows on which they decide otherwise.

    The rows are the test split of B, or of A where B's data set is not here; the bundles are asked, without TensorFlow.
    """
    from model_registry import versions
    from tasks.difference import difference

    found = difference(versions.resolve(a), versions.resolve(b))
    if json:
        print_json(found.model_dump(mode="json"))
        return
    for title, rows in (
        ("made", found.made),
        ("recipe", found.recipe),
        ("data", found.data),
        ("figures", {name: each for name, each in found.figures.items() if each.a != each.b}),
    ):
        if rows:
            print_table(_table(title, found, rows))
        else:
            out.print(f"[bold]{title}[/]: no difference")
        out.print()
    _tell_predictions(found)
    for note in found.notes:
        err.print(f"[yellow]note:[/] {escape(note)}", soft_wrap=True)


def _table(title: str, found: "Difference", rows: "dict[str, Changed]") -> Table:
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    columns = [title, found.a, found.b] + (["change"] if title == "figures" else [])
    for column in columns:
        table.add_column(escape(column), overflow="fold")
    for key, each in rows.items():
        cells = [key, _short(each.a), _short(each.b)]
        if title == "figures":
            cells.append("" if each.a is None or each.b is None else f"{each.b - each.a:+.6g}")
        table.add_row(*map(escape, cells))
    return table


def _short(value: Any) -> str:
    if value is None:
        return "-"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _tell_predictions(found: "Difference") -> None:
    said = found.predictions
    if said is None:
        return
    out.print(
        f"[bold]predictions[/] on {said.rows} test rows of {escape(said.of)}: {said.changed} changed. "
        f"Right: {said.right_a} by {escape(found.a)}, {said.right_b} by {escape(found.b)}. "
        f"Right to wrong: {said.right_to_wrong}, wrong to right: {said.wrong_to_right}.",
        highlight=False,
        soft_wrap=True,
    )
    for each in said.examples[:_EXAMPLES]:
        told = f"  row {each.row} ({each.label}): {each.a} -> {each.b}"
        out.print(escape(told), highlight=False, soft_wrap=True)
    for note in said.notes:
        err.print(f"[yellow]note:[/] {escape(note)}", soft_wrap=True)
