"""What the commands say: rich on a terminal, JSON for scripts, one clear line for an error."""

import json
import sys
import traceback
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from model_registry.errors import BequestError
from model_registry.workspace import current

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
    """Ends the command with the error's own exit code and message, instead of a traceback.

    Any other exception is a fault of bequest, or of the machine: exit code 1 and one line, the traceback in a file.
    """

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except BequestError as error:
            err.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
            raise typer.Exit(error.exit_code) from error
        except (typer.Exit, typer.Abort, typer.BadParameter, BrokenPipeError):
            raise  # the command line's own ways to end
        except Exception as error:
            told = " ".join(f"{type(error).__name__}: {error}".split())
            where = _keep_traceback(error)
            system = isinstance(error, OSError | MemoryError)
            blame = "If disk, rights, memory and network are in order, this" if system else "This"
            err.print(
                f"[bold red]error:[/] {escape(told.rstrip(':. '))}. {blame} is a fault of bequest; please report it with the "
                f"traceback {f'in {escape(str(where))}' if where else 'above'}.",
                highlight=False,
                soft_wrap=True,
            )
            raise typer.Exit(1) from error

    return run


def _keep_traceback(error: Exception) -> Path | None:
    """Writes the traceback into the workspace, and returns the file; prints it where that can't be written."""
    text = "".join(traceback.format_exception(error))
    try:
        folder = current().home / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"crash-{datetime.now():%Y%m%dT%H%M%S.%f}.txt"
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError:
        err.print(text, markup=False, highlight=False, soft_wrap=True)
        return None
    return file
