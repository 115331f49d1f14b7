"""`bequest lineage`, `bequest descendants`, `bequest blame`: who a version comes from, who comes from it, what cost what."""

from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from flows.console import out, print_json, print_table, user_errors

Address = Annotated[str, typer.Argument(metavar="NAME[@stage|/version]", help="A registered version.")]


class Format(StrEnum):
    """How a family tree is printed."""

    tree = "tree"
    json = "json"
    mermaid = "mermaid"
    svg = "svg"
    html = "html"


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("lineage", epilog="Example: [bold]bequest lineage digits@production --format html > family.html[/]")(lineage)
    app.command("descendants", epilog="Example: [bold]bequest descendants digits-even/3[/]")(descendants)
    app.command("blame", epilog="Example: [bold]bequest blame digits@production --metric test_accuracy[/]")(blame)


@user_errors
def lineage(
    address: Address,
    format: Annotated[
        Format, typer.Option(help="tree for people, json for scripts; mermaid, svg, or html with all deltas for a page.")
    ] = Format.tree,
) -> None:
    """Show the family tree of a version: who it comes from, by which operation, and what changed along each edge."""
    from model_registry import lineage as family
    from model_registry import versions

    version = versions.resolve(address)
    if format is Format.json:
        print_json(family.as_json(version))
    elif format is Format.mermaid:
        out.file.write(family.as_mermaid(version))
    elif format is Format.svg:
        from model_registry.drawing import as_svg

        out.file.write(as_svg(version))
    elif format is Format.html:
        from model_registry.page import as_html

        out.file.write(as_html(version))
    else:
        out.print(family.as_text(version), highlight=False, markup=False, soft_wrap=True)


@user_errors
def descendants(
    address: Address,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List every version that descends from one, the nearest first."""
    from model_registry import ancestry, versions, withdrawal

    version = versions.resolve(address)
    heirs = list(ancestry.descendants(version).values())
    withdrawn = withdrawal.causes(*heirs)
    rows: list[dict[str, Any]] = [
        {
            "version": heir.label,
            "operation": heir.operation,
            "parents": [f"{parent.name}/{parent.version}" for parent in heir.parents],
            "stage": heir.stage,
            "withdrawn": [cause.of for cause in withdrawn.get(heir.label, [])],
        }
        for heir in heirs
    ]
    if json:
        print_json({"version": version.label, "descendants": rows})
        return
    if not rows:
        out.print(f"Nothing descends from {escape(version.label)}.")
        return
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    table.add_column("version", no_wrap=True, min_width=max(len(heir.label) for heir in heirs))
    for key in ("operation", "parents", "stage", *(["withdrawn with"] if withdrawn else [])):
        table.add_column(key, overflow="fold")
    for row in rows:
        cells = [", ".join(value) if isinstance(value, list) else value for value in row.values()]
        table.add_row(*(escape(cell) for cell in cells[: len(table.columns)]))
    print_table(table)


@user_errors
def blame(
    address: Address,
    metric: Annotated[str, typer.Option(help="A number among the versions' facts, test_accuracy, or a metric of the verdict.")],
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Pin a regression on the edge of the family tree that made it: what each did to a metric, the worst first."""
    from model_registry import versions
    from model_registry.blame import blame as blamed

    found = blamed(versions.resolve(address), metric)
    if json:
        print_json(found.as_json())
        return
    if found.steps:
        table = Table(box=None, pad_edge=False, collapse_padding=True)
        for key in ("change", "from", "to"):
            table.add_column(key, no_wrap=True)
        for key in ("by", f"{metric} before", "after", "data"):
            table.add_column(escape(key), overflow="fold")
        for step in found.steps:
            cells = (f"{step.delta:+.6g}", step.parent, step.child, ", ".join(step.operations))
            values = (f"{step.before:.6g}", f"{step.after:.6g}", "the same" if step.same_data else "other")
            table.add_row(*(escape(cell) for cell in (*cells, *values)))
        print_table(table)
    out.print(escape(found.verdict), soft_wrap=True)
    if found.unmeasured:
        out.print(f"[dim]Without it: {escape(', '.join(found.unmeasured))}[/]", highlight=False, soft_wrap=True)
