"""`bequest recipe`: check recipes before they run, and start a new one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.console import err, out, print_json, user_errors

if TYPE_CHECKING:
    from rich.tree import Tree

    from model_registry.errors import BequestError
    from tasks.recipe.load import LoadedRecipe

app = typer.Typer(
    help="Check recipes and start new ones.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

VALIDATE_EXAMPLES = """
[bold]Examples[/]

  bequest recipe validate digits.yaml

  bequest recipe validate recipes/*.yaml --json
"""

NEW_EXAMPLES = """
[bold]Examples[/]

  bequest recipe new

  bequest recipe new churn.yaml --source data/churn.csv --target churned

  bequest recipe new digits.yaml --source bundled:digits --inherit models:/digits@production
"""


def register(parent: typer.Typer) -> None:
    """Adds the `recipe` group to the command line."""
    parent.add_typer(app, name="recipe")


@app.command(epilog=VALIDATE_EXAMPLES)
@user_errors
def validate(
    files: Annotated[list[Path], typer.Argument(help="Recipe files.", metavar="FILE", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list, an entry for each file.")] = False,
) -> None:
    """Shows what each recipe will do, or everything that is wrong with it.

    Nothing is run. The exit code is 2 where a file has mistakes.
    """
    from model_registry.errors import BequestError
    from tasks.recipe.load import load

    reports: list[dict[str, Any]] = []
    is_valid = True
    for file in files:
        try:
            loaded = load(file)
        except BequestError as error:
            is_valid = False
            reports.append(_refused(file, error))
            if not as_json:
                err.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
            continue
        reports.append(_accepted(loaded))
        if not as_json:
            out.print(_tree(loaded))
    if as_json:
        print_json(reports)
    if not is_valid:
        raise typer.Exit(2)


@app.command(epilog="Example: [bold]bequest recipe show digits.yaml > whole.yaml[/]")
@user_errors
def show(
    file: Annotated[Path, typer.Argument(help="Recipe file.", metavar="FILE", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print the recipe, and where its keys come from, as JSON.")] = False,
) -> None:
    """Shows the whole recipe as it would run now: what the file states, what its ancestor hands down, and defaults.

    Nothing is run; the ancestors must stand in the registry.
    """
    from flows.plan import plan
    from model_registry.errors import InputError
    from tasks.recipe.annotated import annotated
    from tasks.recipe.inherit import recipe_sha256
    from tasks.recipe.load import load
    from tasks.recipe.summary import leaves

    def prepare(recipe: Path) -> None:
        raise InputError(f"{file}: an ancestor does not stand yet. Run `bequest run {recipe}` first, which prepares it.")

    planned = plan(file, prepare=prepare)
    stated = list(leaves(load(file).stated))
    ancestor = planned.ancestors[0].label if planned.ancestors else "nobody"
    if as_json:
        print_json(
            {
                "file": str(file),
                "recipe": planned.recipe.model_dump(mode="json"),
                "recipe_sha256": recipe_sha256(planned.recipe),
                "stated": stated,
                "inherited": list(planned.inherited_keys),
                "inherited_from": ancestor if planned.inherited_keys else None,
            }
        )
        return
    typer.echo(annotated(planned.recipe, stated, planned.inherited_keys, ancestor), nl=False)  # plain: for a file


@app.command(epilog=NEW_EXAMPLES)
@user_errors
def new(
    path: Annotated[Path, typer.Argument(help="File to write.")] = Path("recipe.yaml"),
    *,
    source: Annotated[
        str, typer.Option(help="Where rows come from: a file, a folder of class folders, or bundled:NAME.")
    ] = "bundled:digits",
    name: Annotated[
        str | None, typer.Option(help="Name of the registered model; the file's own name unless given.", show_default=False)
    ] = None,
    target: Annotated[str | None, typer.Option(help="Label column, where the source does not say.", show_default=False)] = None,
    inherit: Annotated[
        list[str] | None,
        typer.Option(help="Registry URI to inherit from; may be repeated. Left out: the registry's best.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file where it stands.")] = False,
) -> None:
    """Writes a recipe to start from: every field, explained, at its default."""
    import os

    from model_registry.errors import InputError
    from tasks.recipe.paths import BUNDLED_PREFIX
    from tasks.recipe.starter import starter

    is_file = bool(source) and not source.startswith(BUNDLED_PREFIX)
    # Given from where the user stands; a recipe's paths start from the recipe.
    within = os.path.relpath(source, path.absolute().parent) if is_file and not os.path.isabs(source) else source
    ancestors = inherit if inherit and inherit != ["auto"] else "auto"
    text = starter(name or _name_of(path), within, target=target, ancestors=ancestors)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise InputError(
            f"{path}: expected a file that does not stand yet. Give another path, or --force to overwrite."
        ) from error
    except OSError as error:
        raise InputError(f"{path}: expected a file that can be written. Received: {error.strerror}.") from error
    out.print(f"Wrote {path}. Next: bequest recipe validate {path}", markup=False, highlight=False, soft_wrap=True)
    if is_file and not Path(source).exists():
        err.print(f"note: {source} does not stand yet; the recipe is valid once it does.", markup=False, highlight=False)


def _name_of(path: Path) -> str:
    import re

    return re.sub(r"[^a-z0-9._-]+", "-", path.stem.lower()).strip("-._") or "recipe"


def _refused(file: Path, error: "BequestError") -> dict[str, Any]:
    from tasks.recipe.mistakes import RecipeError, dotted

    mistakes = error.mistakes if isinstance(error, RecipeError) else []
    told = [{"line": mistake.line, "path": dotted(mistake.path), "message": mistake.message} for mistake in mistakes]
    return {"file": str(file), "valid": False, "errors": told or [{"line": None, "path": "", "message": str(error)}]}


def _accepted(loaded: "LoadedRecipe") -> dict[str, Any]:
    from tasks.recipe.summary import summarize

    summary = summarize(loaded)
    return {
        "file": str(loaded.path),
        "valid": True,
        "errors": [],
        "left_to_ancestor": loaded.missing,
        "plan": dict(summary.plan),
        "stated": summary.stated,
        "defaulted": summary.defaulted,
    }


def _tree(loaded: "LoadedRecipe") -> "Tree":
    from rich.markup import escape
    from rich.tree import Tree

    from tasks.recipe.plain_yaml import inline
    from tasks.recipe.summary import summarize

    summary = summarize(loaded)
    tree = Tree(f"[bold]{escape(str(loaded.path))}[/] [green]valid[/]")
    if summary.plan:
        plan = tree.add("[bold]what will happen[/]")
        for stage, words in summary.plan:
            plan.add(f"[cyan]{stage}[/]: {escape(words)}")
    ancestors = loaded.inherit.ancestors
    if loaded.missing:
        tree.add(f"[yellow]left to {escape(str(ancestors[0]))}[/]: {', '.join(loaded.missing)}, and all else not stated here")
    stated = tree.add(f"[bold]stated[/] ({len(summary.stated)})")
    for key, value in summary.stated.items():
        stated.add(f"{escape(key)}: {escape(inline(value))}")
    if summary.defaulted:
        unless = " unless the ancestor's recipe says otherwise" if ancestors and loaded.inherit.solution else ""
        defaulted = tree.add(f"[bold]defaults[/] ({len(summary.defaulted)}){unless}")
        for section, keys in _by_section(summary.defaulted).items():
            words = ", ".join(f"{key} {inline(value)}" for key, value in keys.items())
            defaulted.add(f"[dim]{escape(f'{section}: {words}')}[/]")
    return tree


def _by_section(keys: dict[str, Any]) -> dict[str, dict[str, Any]]:
    sections: dict[str, dict[str, Any]] = {}
    for key, value in keys.items():
        section, _, rest = key.partition(".")
        sections.setdefault(section if rest else "recipe", {})[rest or section] = value
    return sections
