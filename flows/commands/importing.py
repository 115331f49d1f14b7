"""`bequest import`: brings an outside model into the registry as *inherited*."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from flows.console import err, out, print_json, user_errors


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(
        "import", epilog="Example: [bold]bequest import mobilenet.h5 --name mobilenet --source 'Keras Applications'[/]"
    )(bring_in)


@user_errors
def bring_in(
    path: Annotated[Path, typer.Argument(help="A tf_keras model: .keras, .h5, .hdf5.")],
    name: Annotated[str, typer.Option(help="Name to register it under.")],
    source: Annotated[str, typer.Option(help="Where it comes from, kept in its lineage.")] = "",
    licence: Annotated[str, typer.Option("--licence", "--license", help="Its licence, kept in its lineage.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print the version as JSON.")] = False,
) -> None:
    """Bring an outside model into the registry as an ancestor.

    It is loaded in safe mode (no Lambda layers, no custom code, no pickles) and run once before it is registered.
    """
    from flows.session import prepare_process

    prepare_process()
    from tasks.bring_in import bring_in as register_outside
    from tasks.bring_in import kept

    version = register_outside(path, name, source=source, licence=licence)
    if note := kept(version, source=source, licence=licence):
        err.print(f"[yellow]note:[/] {escape(note)}", highlight=False, soft_wrap=True)
    if json:
        print_json(version.model_dump(mode="json"))
    else:
        out.print(f"[green]✓[/] {version.label} inherited from {escape(str(path))}", soft_wrap=True)
        hint = escape(f"inherit: {{ancestors: [{version.uri}]}}")
        out.print(f"[dim]Name it in a recipe: {hint}[/]", highlight=False, soft_wrap=True)
