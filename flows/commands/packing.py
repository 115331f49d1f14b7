"""`bequest pack`, `bequest unpack`: a version's bundle as one small file, for archives and downloads."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from flows.commands.serve import find_bundle
from flows.console import out, print_json, user_errors

Json = Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("pack", epilog="Example: [bold]bequest pack digits@production digits.bundle[/]")(pack)
    app.command("unpack", epilog="Example: [bold]bequest unpack digits.bundle served && bequest serve ./served[/]")(unpack)


@user_errors
def pack(
    model: Annotated[
        str, typer.Argument(metavar="NAME[@stage|/version]|FOLDER", help="A registered version, or a bundle's folder.")
    ],
    archive: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")],
    json: Json = False,
) -> None:
    """Write a version's bundle as one file, its network entropy-coded; `unpack` gives it back to the last bit."""
    from tasks import bundle_archive

    folder, _ = find_bundle(model)
    written = bundle_archive.write(folder, archive)
    before = sum(path.stat().st_size for path in folder.iterdir())
    if json:
        print_json({"file": str(archive), "size_bytes": written, "bundle_bytes": before, "ratio": before / written})
        return
    out.print(f"[green]✓[/] {escape(str(archive))}: {written:,} bytes, {before / written:.1f} times smaller than the bundle")


@user_errors
def unpack(
    archive: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `bequest pack` wrote.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to; new or empty.")],
    json: Json = False,
) -> None:
    """Give a packed bundle back as a folder that `bequest serve` takes, every file checked against its sha256."""
    from tasks import bundle_archive

    manifest = bundle_archive.extract(archive, folder)
    if json:
        print_json({"folder": str(folder), "manifest": manifest})
        return
    out.print(f"[green]✓[/] {escape(str(folder))}: the bundle of {escape(manifest['name'])}, verified")
