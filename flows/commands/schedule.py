"""`bequest schedule`: recipes by night, feedback by the hour, as deployments on the running Prefect server."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from flows.console import out, print_json, print_table, user_errors
from model_registry.errors import BequestError, InputError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from flows.schedules import Schedule


class AddByDefault(TyperGroup):
    """A group whose first word may be left out: what is no command of it is read as the arguments of `add`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts `add` in front where neither a command nor a call for help comes first."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["add", *args]
        return super().parse_args(ctx, args)


EXAMPLES = """
[bold]Examples[/]

  bequest schedule digits.yaml --cron "0 2 * * *"

  bequest schedule --feedback digits --data captured.csv --cron "0 * * * *"

  bequest schedule list

  bequest schedule pause digits-inherit
"""

app = typer.Typer(
    cls=AddByDefault,
    help="Run recipes and feedback by the clock. The word `add` may be left out: bequest schedule RECIPE --cron LINE.",
    epilog=EXAMPLES,
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Name = Annotated[str, typer.Argument(help="The schedule's name, as `bequest schedule list` shows it.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(parent: typer.Typer) -> None:
    """Adds the `schedule` group to the command line."""
    parent.add_typer(app, name="schedule")


@app.command(epilog=EXAMPLES)
@user_errors
def add(
    *,
    cron: Annotated[str, typer.Option(help="When: minute, hour, day of month, month, day of week.", show_default=False)],
    recipe: Annotated[
        Path | None,
        typer.Argument(help="The recipe to run.", metavar="[RECIPE]", show_default=False),
    ] = None,
    feedback: Annotated[
        str | None,
        typer.Option(help="Instead of a recipe: watch this model in production.", metavar="NAME", show_default=False),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="With --feedback: the file that holds the batch each time.", show_default=False)
    ] = None,
    target: Annotated[str | None, typer.Option(help="With --feedback: the label column.", show_default=False)] = None,
    timezone: Annotated[str, typer.Option(help="Time zone the cron line is read in.")] = "UTC",
    name: Annotated[
        str | None, typer.Option(help="The schedule's name; else made from the model's.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Schedules a recipe, or with --feedback the watch on a model. Scheduling a name again replaces it."""
    flow, model, parameters = _what(recipe, feedback, data, target)
    name = name or f"{model}-{flow}"
    with _server() as client:
        from flows import schedules

        schedule = schedules.cron_schedule(cron, timezone)
        if flow == "inherit":
            parameters["trigger"] = {"kind": "schedule", "reason": f"{name}: {cron} {timezone}"}
        is_new = schedules.add(client, name, flow, parameters, schedule)
    if as_json:
        print_json({"name": name, "flow": flow, "parameters": parameters, "cron": cron, "timezone": timezone, "new": is_new})
        return
    out.print(f"{'Scheduled' if is_new else 'Replaced'} [bold]{name}[/]: {flow} at '{cron}' {timezone}, in {Path.cwd()}.")
    from flows.services import running

    if "worker" not in running():
        out.print("[yellow]No worker of this workspace runs, so nobody will run it:[/] `bequest up` starts one.")


@app.command("list")
@user_errors
def list_(as_json: AsJson = False) -> None:
    """Shows every schedule: what runs when, and how it ended last."""
    with _server() as client:
        from flows import schedules

        found = schedules.found(client)
    if as_json:
        print_json([schedule.as_json() for schedule in found])
    elif found:
        print_table(_table(found))
    else:
        out.print("Nothing is scheduled. `bequest schedule RECIPE --cron '0 2 * * *'` runs a recipe every night.")


@app.command()
@user_errors
def remove(name: Name) -> None:
    """Removes a schedule; a run of it that is at work goes on."""
    _change(name, "removed")


@app.command()
@user_errors
def pause(name: Name) -> None:
    """Keeps a schedule from starting runs until it is resumed."""
    _change(name, "paused")


@app.command()
@user_errors
def resume(name: Name) -> None:
    """Lets a paused schedule start runs again."""
    _change(name, "resumed")


def _change(name: str, to: Literal["removed", "paused", "resumed"]) -> None:
    with _server() as client:
        from flows import schedules

        goes_on = schedules.change(client, name, to)
    out.print(f"{to.capitalize()} [bold]{name}[/].{' Its run that is at work goes on.' if goes_on else ''}")


def _what(recipe: Path | None, feedback: str | None, data: Path | None, target: str | None) -> tuple[str, str, dict[str, Any]]:
    """The flow, the model it is about and its parameters; paths absolute, as the worker stands elsewhere."""
    if feedback is not None:
        if recipe is not None:
            raise InputError(f"Expected RECIPE or --feedback NAME, not both. Received: {recipe} and --feedback {feedback}.")
        if data is None:
            raise InputError(f"--data: expected the file with the batch to look at. Received: --feedback {feedback} alone.")
        parameters = {"name": feedback, "data": str(data.absolute())}
        return "feedback", feedback, parameters | ({"target": target} if target else {})
    for option, value in (("--data", data), ("--target", target)):
        if value is not None:
            raise InputError(f"{option}: expected only with --feedback NAME. Received: {option} {value}.")
    if recipe is None:
        raise InputError("Expected RECIPE or --feedback NAME. Received: neither.")
    if not recipe.exists() and not recipe.suffix:
        commands = ", ".join(sorted({"add", "list", "remove", "pause", "resume"}))
        raise InputError(f"Expected a recipe's file or one of the commands {commands}. Received: {str(recipe)!r}.")
    from tasks.recipe.load import load

    loaded = load(recipe)
    return "inherit", str(loaded.stated.get("name") or recipe.stem), {"recipe": str(recipe.absolute())}


@contextmanager
def _server() -> "Iterator[SyncPrefectClient]":
    """A client of the workspace's server, which has to run."""
    from flows.services import use_server_if_up
    from model_registry.workspace import activate

    activate()
    api = use_server_if_up()
    if api is None:
        raise BequestError("Schedules live on the Prefect server, and none runs for this workspace. `bequest up` starts it.")
    from flows.services.pool import connect

    with connect(api) as client:
        yield client


def _table(found: "list[Schedule]") -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("name", "runs", "when", "state", "next", "last"):
        table.add_column(title, overflow="fold")
    table.columns[0].no_wrap = True  # it is what `remove` and `pause` take
    for schedule in found:
        subject = schedule.parameters.get("recipe") or f"{schedule.parameters.get('name')} on {schedule.parameters.get('data')}"
        last = f"{schedule.last_state} {_minute(schedule.last_run)}" if schedule.last_run else "never"
        table.add_row(
            schedule.name,
            f"{schedule.flow} {subject}",
            f"{schedule.cron} {schedule.timezone}",
            "[green]active[/]" if schedule.active else "[yellow]paused[/]",
            _minute(schedule.next_run) if schedule.next_run else "soon" if schedule.active else "",
            last,
        )
    return table


def _minute(time: str) -> str:
    """An ISO 8601 time without seconds and offset, which a table has no room for; `--json` tells them."""
    return time[:16].replace("T", " ")
