"""`bequest doctor`: what is wrong with the installation or the workspace, and how to mend it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.console import err, out, print_json, user_errors

if TYPE_CHECKING:
    from flows.doctor import Check

EXAMPLES = """
[bold]Examples[/]

  bequest doctor

  bequest doctor --repair

  bequest doctor --json
"""

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(epilog=EXAMPLES)(doctor)


@user_errors
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list, an entry for each check.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Remove what killed processes left, and note stages moved by hand in the ledger.")
    ] = False,
) -> None:
    """Looks at versions, settings, stores, services, disk and leftovers, and says how to mend what is wrong.

    The exit code is 1 where something will not work, 0 where all is well or only to be looked at.
    """
    from flows.doctor import examine

    if as_json:
        checks = list(examine(repair=repair))
        print_json([check.as_json() for check in checks])
    else:
        checks = []
        with err.status("looking") as status:
            for check in examine(repair=repair):
                status.update(f"looked at {check.name}")
                checks.append(check)
        out.print(_table(checks))
    if any(check.state == "fail" for check in checks):
        raise typer.Exit(1)


def _table(checks: "list[Check]") -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("", "check", "found", "how to mend it"):
        table.add_column(title, overflow="fold")
    for check in checks:
        mark = f"[{COLOURS[check.state]}]{check.state}[/]"
        table.add_row(mark, check.name, escape(check.found), escape(check.remedy))
    return table
