"""`bequest withdraw`: takes a version and all of its heirs out of use, or back into it."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from flows.console import err, out, print_json, user_errors

if TYPE_CHECKING:
    from model_registry.withdrawal import Withdrawn

_LISTED = 20  # heirs named on a terminal; --json has all


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("withdraw", epilog="Example: [bold]bequest withdraw digits/3 --reason 'trained on wrong labels'[/]")(withdraw)


@user_errors
def withdraw(
    address: Annotated[str, typer.Argument(metavar="NAME[@stage|/version]", help="A registered version.")],
    reason: Annotated[str, typer.Option(help="Why, kept with the version; needed unless --undo is given.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take the withdrawal back, for the version and its heirs.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Withdraw a version and every heir of it: none is promoted, nor inherited from, until the withdrawal is taken back.

    Says which of them stand in production or staging; they stay there until they are rolled back or archived. The same
    command finishes a withdrawal that was cut off. Heirs made later are withdrawn, too.
    """
    from model_registry import versions, withdrawal

    version = versions.resolve(address)
    done = withdrawal.undo(version, reason) if undo else withdrawal.withdraw(version, reason)
    if json:
        print_json(
            {
                "version": done.version.label,
                "withdrawn": [cause.model_dump() for cause in withdrawal.of(done.version)],
                "heirs": [each.label for each in done.heirs],
                "in_production": [each.label for each in done.in_production],
                "in_staging": [each.label for each in done.in_staging],
            }
        )
        return
    heirs = [escape(each.label) for each in done.heirs]
    listed = ", ".join(heirs[:_LISTED]) + (f" and {len(heirs) - _LISTED} more" if len(heirs) > _LISTED else "")
    told = "is in use again" if undo else "is withdrawn"
    out.print(
        f"[green]✓[/] {escape(done.version.label)} {told}"
        + (f", and with it {len(heirs)} {'heir' if len(heirs) == 1 else 'heirs'}: {listed}" if heirs else "; it has no heirs"),
        soft_wrap=True,
    )
    if undo:
        for cause in withdrawal.of(done.version):
            err.print(f"[yellow]note:[/] {escape(f'{done.version.label}: {cause.told(done.version.label)}')}", soft_wrap=True)
    else:
        _tell_where_they_stand(done)


def _tell_where_they_stand(done: "Withdrawn") -> None:
    if not done.in_production:
        out.print("Nothing in production descends from it.")
    for each in done.in_production:
        remedy = (
            f"`bequest rollback {each.name}` puts the former version back, "
            f"`bequest promote {each.name} {each.version} --to archived` takes it out"
        )
        err.print(f"[yellow]note:[/] {escape(f'{each.label} stands in production: {remedy}')}", soft_wrap=True)
    for each in done.in_staging:
        remedy = f"`bequest promote {each.name} {each.version} --to archived` takes it out"
        err.print(f"[yellow]note:[/] {escape(f'{each.label} stands in staging: {remedy}')}", soft_wrap=True)
