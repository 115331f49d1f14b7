"""The `bequest` command: one file a group of commands, nothing heavy imported before a command needs it."""

import typer

from flows.commands import (
    card,
    difference,
    doctor,
    feedback,
    importing,
    lineage,
    packing,
    recipe,
    registry,
    reproduce,
    run,
    schedule,
    serve,
    services,
    signing,
    status,
    suggest,
    withdraw,
)

app = typer.Typer(
    name="bequest",
    help="The next project inherits: find ancestors, compress, transfer, fuse, train, judge, deploy, watch.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for module in (
    run,
    suggest,
    importing,
    lineage,
    difference,
    reproduce,
    registry,
    card,
    withdraw,
    signing,
    serve,
    packing,
    feedback,
    status,
    services,
    schedule,
    doctor,
    recipe,
):
    module.register(app)


def main() -> None:
    """Entry point of the console script."""
    app()
