"""`bequest status`: what stands in the registry, and what was moved by hand."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from flows.console import err, out, print_json, print_table, user_errors

if TYPE_CHECKING:
    from model_registry.versions import Version
    from model_registry.withdrawal import Withdrawal

_COLOURS = {"Production": "green", "Staging": "yellow", "Archived": "dim"}
_ROOMY_WIDTH = 120
_ROOMY = ("size (bytes)", "trigger", "made")  # shown where the terminal is that wide


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("status", epilog="Example: [bold]bequest status digits[/]")(status)


@user_errors
def status(
    name: Annotated[str | None, typer.Argument(help="A registered model, or an address of it; all if left out.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show what stands in the registry: each model's stages, or every version of one model."""
    from model_registry import clearance, stages, versions

    if name is not None and name not in versions.names():  # a model without a ready version has no address, but a name
        name = versions.resolve(name).name
    shown = [name] if name else versions.names()
    notes = [note for each in shown for note in stages.reconcile(each)]
    notes += [told for each in shown if (champion := stages.champion(each)) and (told := clearance.fault(champion))]
    withdrawn = _withdrawn(name)
    rows = _versions(name, withdrawn) if name else _models(withdrawn)
    notes += _withdrawn_notes(withdrawn)
    if json:
        print_json({"models" if name is None else "versions": rows, "notes": notes})
        return
    for note in notes:
        err.print(f"[yellow]note:[/] {escape(note)}", soft_wrap=True)
    if not rows:
        empty = f"{escape(name)} has no versions." if name else "The registry is empty."
        out.print(f"{empty} `bequest run RECIPE` makes a first one, `bequest import PATH --name NAME` brings one in.")
        return
    left_out = _ROOMY if name and out.is_terminal and out.width < _ROOMY_WIDTH else ()
    idle = () if any(row["withdrawn"] for row in rows) else ("withdrawn",)
    print_table(_table([{key: value for key, value in row.items() if key not in (*left_out, *idle)} for row in rows]))
    if left_out:
        out.print(f"[dim]{', '.join(left_out)}: in a terminal of {_ROOMY_WIDTH} columns, or with --json[/]", highlight=False)


def _table(rows: list[dict[str, Any]]) -> Table:
    """The rows; the first column, which names them, stays whole and on one line, the others fold."""
    first, *others = rows[0]
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    table.add_column(first, no_wrap=True, min_width=max(len(row[first]) for row in rows))
    for key in others:
        table.add_column(key, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(key, value) for key, value in row.items()))
    return table


def _cell(key: str, value: Any) -> str:
    if value is None or value == "":
        return "[dim]-[/]"
    if key == "stage" and value in _COLOURS:
        return f"[{_COLOURS[value]}]{value}[/]"
    if key == "gate" and value == "refused":
        return "[red]refused[/]"
    return f"{value:.4f}" if isinstance(value, float) else escape(str(value))


def _withdrawn(name: str | None) -> "dict[str, tuple[Version, list[Withdrawal]]]":
    """Withdrawn versions, of one name or of all, each with the withdrawals it is subject to."""
    from model_registry import versions, withdrawal

    if not withdrawal.any_marked():
        return {}
    found = {version.label: version for version in versions.search(f"name = '{name}'" if name else "")}
    return {label: (found[label], causes) for label, causes in withdrawal.causes(*found.values()).items()}


def _withdrawn_notes(withdrawn: "dict[str, tuple[Version, list[Withdrawal]]]") -> list[str]:
    """What withdrawn versions serve."""
    return [
        f"{label} stands in {version.stage.lower()}, but {causes[0].told(label)}"
        for label, (version, causes) in withdrawn.items()
        if version.stage in ("Production", "Staging")
    ]


def _models(withdrawn: "dict[str, tuple[Version, list[Withdrawal]]]") -> list[dict[str, Any]]:
    from model_registry import versions

    rows = []
    for name in versions.names():
        found = versions.search(f"name = '{name}'")
        standing = {version.stage: version for version in found if version.stage in ("Production", "Staging")}
        production = standing.get("Production")
        rows.append(
            {
                "model": name,
                "production": production.label if production else None,
                "staging": standing["Staging"].label if "Staging" in standing else None,
                "accuracy": production.test_accuracy if production else None,
                "versions": len(found),
                "not ready": sum(not version.ready for version in found),
                "withdrawn": sum(version.label in withdrawn for version in found),
            }
        )
    return rows


def _versions(name: str, withdrawn: "dict[str, tuple[Version, list[Withdrawal]]]") -> list[dict[str, Any]]:
    from model_registry import versions

    found = sorted(versions.search(f"name = '{name}'"), key=lambda version: version.version)
    return [_row(version, withdrawn.get(version.label, (version, []))[1]) for version in found]


def _row(version: "Version", causes: "list[Withdrawal]") -> dict[str, Any]:
    return {
        "version": version.label,
        "operation": version.operation if version.ready else "not ready",
        "parents": ", ".join(f"{parent.name}/{parent.version}" for parent in version.parents),
        "stage": version.stage,
        "gate": version.gate,
        "withdrawn": ", ".join("itself" if cause.of == version.label else f"with {cause.of}" for cause in causes),
        "validation accuracy": version.facts.get("validation_accuracy"),
        "test accuracy": version.test_accuracy,
        "size (bytes)": version.facts.get("size_bytes"),
        "trigger": version.trigger.get("kind"),
        "made": version.created.strftime("%Y-%m-%d %H:%M"),
    }
