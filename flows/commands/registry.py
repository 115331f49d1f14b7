"""`bequest promote`, `bequest rollback`: the stages."""

from enum import StrEnum
from typing import Annotated

import typer
from rich.markup import escape

from flows.console import out, print_json, user_errors


class To(StrEnum):
    """Stages a version can be moved to."""

    staging = "staging"
    production = "production"
    archived = "archived"


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("promote", epilog="Example: [bold]bequest promote digits 8 --to production[/]")(promote)
    app.command("rollback", epilog="Example: [bold]bequest rollback digits --reason 'labels were wrong'[/]")(rollback)


@user_errors
def promote(
    name: Annotated[str, typer.Argument(help="A registered model.")],
    version: Annotated[int, typer.Argument(help="Its version.")],
    to: Annotated[To, typer.Option(help="The stage to move it to.")],
    reason: Annotated[str, typer.Option(help="Why, kept in the promotion ledger.")] = "",
    force: Annotated[bool, typer.Option(help="Promote although the gate refused it or never judged it.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the version as JSON.")] = False,
) -> None:
    """Move a version to a stage; the version that was in production before is archived.

    Exit code 3 where the gate refused the version, or it is withdrawn.
    """
    from model_registry import stages

    moved = stages.promote(name, version, to.value, reason=reason, force=force)
    _tell(moved.label, moved.stage, json)


@user_errors
def rollback(
    name: Annotated[str, typer.Argument(help="A registered model.")],
    to: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION|DATE",
            help="One that stood there before; or when it did, as an ISO date or time (UTC unless it names a zone; a date "
            "alone is its first moment). Else the one before the present one.",
        ),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, kept in the promotion ledger.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print the version as JSON.")] = False,
) -> None:
    """Put a version back into production that stood there before."""
    from model_registry import stages

    moved = stages.rollback(name, to=to, reason=reason)
    _tell(moved.label, moved.stage, json)


def _tell(label: str, stage: str, json: bool) -> None:
    if json:
        print_json({"version": label, "stage": stage})
    else:
        out.print(f"[green]✓[/] {escape(label)} is in stage {stage}")
