"""A recipe file to a typed recipe: all its mistakes at once, each with its line."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from model_registry.errors import InputError
from tasks.recipe import plain_yaml
from tasks.recipe.check import validate
from tasks.recipe.inherit_schema import Inherit, as_inherit
from tasks.recipe.mistakes import Mistake, RecipeError, dotted
from tasks.recipe.paths import absent, nearest
from tasks.recipe.plain_yaml import Document
from tasks.recipe.schema import Recipe

HANDED_DOWN = (("name",), ("data",), ("data", "source"))


@dataclass(frozen=True)
class LoadedRecipe:
    """A recipe file without mistakes.

    Attributes:
        stated: Exactly what the file states, as plain data (JSON types only).
        path: The file.
        base: Folder that the recipe's relative paths start from.
        inherit: Whom the file inherits from.
        missing: Keys that a recipe needs and that this one leaves to its named ancestor, dotted.
    """

    stated: dict[str, Any]
    path: Path
    base: Path
    inherit: Inherit
    missing: tuple[str, ...] = ()

    @property
    def recipe(self) -> Recipe:
        """The typed recipe, before anything is handed down.

        Raises:
            InputError: The file leaves a key to its ancestor: merge the ancestor's recipe first.
        """
        return parse(self.stated, origin=str(self.path))


def load(path: Path) -> LoadedRecipe:
    """Reads and checks a recipe file.

    A file that names its ancestors may leave `name` and `data` to them (see `tasks.recipe.inherit.merge`).

    Raises:
        InputError: The file is not there or is no YAML; or (RecipeError) it has mistakes, told all at once.
    """
    path = Path(path)
    document = plain_yaml.read(_content(path), str(path))
    if document.data is None and not document.mistakes:
        raise InputError(
            f"{path}:1: expected `name` and `data.source` at least. Received: an empty file. "
            "`bequest recipe new` writes a recipe to start from."
        )
    stated, base = document.data, path.absolute().parent
    mistakes = [Mistake(where, message, line) for where, line, message in document.mistakes]
    told = {mistake.path for mistake in mistakes}
    found = validate(stated)[1]
    left = [mistake for mistake in found if _is_left_to_ancestor(mistake, stated)]
    found = [mistake for mistake in found if mistake not in left]
    if isinstance(stated, dict):
        found += [mistake for mistake in absent(stated, base) if mistake.path not in {other.path for other in found}]
    mistakes += [_placed(mistake, document) for mistake in found if mistake.path not in told]
    if mistakes:
        raise RecipeError(str(path), mistakes)
    return LoadedRecipe(
        stated=stated,
        path=path,
        base=base,
        inherit=Inherit.model_validate(as_inherit(stated.get("inherit"))),
        missing=tuple(dotted(mistake.path) for mistake in left),
    )


def parse(stated: dict[str, Any], *, origin: str) -> Recipe:
    """Checks plain data that is no file of its own, such as a recipe merged with its parent's.

    Args:
        stated: Plain data: JSON types only.
        origin: What to call it in errors.

    Raises:
        RecipeError: It has mistakes, told all at once.
    """
    recipe, mistakes = validate(stated)
    if recipe is None:
        raise RecipeError(origin, mistakes)
    return recipe


def _content(path: Path) -> bytes:
    if path.is_dir():
        recipes = sorted(entry.name for entry in path.iterdir() if entry.suffix in (".yaml", ".yml"))
        within = f" Recipes in it: {recipes}." if recipes else ""
        raise InputError(f"{path}: expected a recipe file. Received: a folder.{within}")
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path}: expected a recipe file. Received: nothing of that name.{nearest(path)}") from error
    except OSError as error:
        raise InputError(f"{path}: expected a recipe file that can be read. Received: {error.strerror}.") from error


def _placed(mistake: Mistake, document: Document) -> Mistake:
    return replace(mistake, line=document.line(mistake.path))


def _is_left_to_ancestor(mistake: Mistake, stated: Any) -> bool:
    if not (mistake.missing and mistake.path in HANDED_DOWN and isinstance(stated, dict)):
        return False
    inherit = as_inherit(stated.get("inherit"))
    # `auto` ranks ancestors by the data, and may choose another project's model: both must be stated there.
    named = isinstance(inherit, dict) and isinstance(inherit.get("ancestors"), list) and bool(inherit["ancestors"])
    return named and inherit.get("solution", True) is True
