"""`bequest pack`, `bequest unpack`: a bundle as one small file. `bequest export`: a version with its whole family as one."""

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
    app.command("export", epilog="Example: [bold]bequest export digits@production digits.zip[/]")(export)


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


@user_errors
def export(
    address: Annotated[str, typer.Argument(metavar="NAME[@stage|/version]", help="A registered version.")],
    archive: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")],
    json: Json = False,
) -> None:
    """Write a version with everything it descends from as one file; `bequest import FILE` receives it elsewhere.

    Files, lineage, facts and verdicts are in it; stages, the ledger and data sets are not.
    """
    from model_registry import handover, versions

    labels = handover.write(versions.resolve(address), archive)
    size = archive.stat().st_size
    if json:
        print_json({"file": str(archive), "size_bytes": size, "versions": labels})
        return
    out.print(f"[green]✓[/] {escape(str(archive))}: {size:,} bytes, {len(labels)} versions: {escape(', '.join(labels))}")
