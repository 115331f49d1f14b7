"""`bequest card`: a version's model card."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from flows.console import out, user_errors
from model_registry.errors import InputError


class CardFormat(StrEnum):
    """How a model card is written."""

    md = "md"
    html = "html"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("card", epilog="Example: [bold]bequest card digits@production --out digits.html[/]")(card)


@user_errors
def card(
    address: Annotated[str, typer.Argument(metavar="NAME[@stage|/version]", help="A registered version.")],
    format: Annotated[
        CardFormat | None, typer.Option(help="md or html; by the ending of --out where it is not given, else md.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="The file to write; without it the card is printed.")
    ] = None,
) -> None:
    """Tell what a version is, from the registry alone: its data, figures, family, cost and limits."""
    from model_registry import versions
    from tasks.model_card import as_html, as_markdown, card_of

    found = card_of(versions.resolve(address))
    of_page = format is CardFormat.html or (format is None and to is not None and to.suffix in (".html", ".htm"))
    text = as_html(found) if of_page else as_markdown(found)
    if to is None:
        out.file.write(text)
        return
    try:
        to.write_text(text)
    except OSError as error:
        raise InputError(f"{to}: expected a file that can be written. Received: {error}.") from error
    out.print(f"[green]✓[/] {escape(str(to))}: the model card of {escape(found.version.label)}")
