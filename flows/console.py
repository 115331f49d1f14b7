"""What the commands say: rich on a terminal, JSON for scripts, one clear line for an error."""

import json
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from model_registry.errors import BequestError

P = ParamSpec("P")
R = TypeVar("R")

out = Console()
err = Console(stderr=True)

_UNLIMITED = 10_000


def print_json(value: Any) -> None:
    """Writes `value` as JSON to standard output, for a script to read."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def print_table(table: Table) -> None:
    """Prints a table within the terminal; as wide as it needs to be where a file or a pipe takes it."""
    (out if out.is_terminal else Console(file=out.file, width=_UNLIMITED)).print(table)


def user_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Ends the command with the error's own exit code and message, instead of a traceback."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except BequestError as error:
            err.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
            raise typer.Exit(error.exit_code) from error

    return run
