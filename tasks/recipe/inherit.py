"""What an heir takes over from its parent's recipe, and how a recipe is written down and hashed for its heirs."""

import copy
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from tasks.recipe.mistakes import dotted
from tasks.recipe.plain_yaml import KeyPath, write
from tasks.recipe.schema import Recipe
from tasks.recipe.shorthand import spelled_out

OWN: frozenset[KeyPath] = frozenset({("description",), ("inherit",), ("deploy",)})
"""Never handed down: what is said about a recipe, whom it inherits from, and how far its versions may be moved."""

OF_THE_SOURCE: frozenset[KeyPath] = frozenset(
    {
        ("data", "rows"),
        ("data", "classes"),
        ("data", "append"),
        ("evaluate", "gate", "slices", "by"),
        ("evaluate", "gate", "golden"),
    }
)
"""Handed down together with `data.source` only: rows and columns of *that* source mean nothing for another one."""

OF_THE_OBJECTIVES: frozenset[KeyPath] = frozenset({("transfer", "strength")})
"""Handed down together with `transfer.objectives` only: what one objective is weighed with means nothing for another one."""


@dataclass(frozen=True)
class Merged:
    """A recipe's plain data with its parent's filled in.

    Attributes:
        stated: What the heir states or was handed down.
        inherited_keys: The keys that were handed down, dotted, in the parent's order.
    """

    stated: dict[str, Any]
    inherited_keys: tuple[str, ...]


def merge(stated: dict[str, Any], parent_recipe: dict[str, Any]) -> Merged:
    """Fills what a recipe leaves unstated with what its parent's recipe says.

    A key that is stated wins, null included; sections are merged key by key; a list is replaced whole. `name` is
    handed down too: a recipe without a name of its own makes the next version of its parent's model. Three kinds of key
    are kept back, see `OWN`, `OF_THE_SOURCE` and `OF_THE_OBJECTIVES`. Whether to inherit at all (`inherit.solution`) is the
    caller's to ask.

    Args:
        stated: What the heir states, plain data.
        parent_recipe: The parent's recipe, plain data, its paths made absolute (`tasks.recipe.paths.anchored`).

    Returns:
        New plain data; neither argument is changed.
    """
    kept_back = set(OWN)
    data = stated.get("data")
    if isinstance(data, dict) and "source" in data:
        kept_back |= OF_THE_SOURCE
    transfer = stated.get("transfer")
    if isinstance(transfer, dict) and "objectives" in transfer:
        kept_back |= OF_THE_OBJECTIVES
    inherited: list[KeyPath] = []
    filled = _fill(copy.deepcopy(spelled_out(stated)), parent_recipe, (), kept_back, inherited)
    return Merged(filled, tuple(dotted(path) for path in inherited))


def _fill(
    child: dict[str, Any], parent: dict[str, Any], above: KeyPath, kept_back: set[KeyPath], inherited: list[KeyPath]
) -> dict[str, Any]:
    for key, value in parent.items():
        path = (*above, key)
        if path in kept_back:
            continue
        if key in child and not (isinstance(child[key], dict) and isinstance(value, dict)):
            continue
        if isinstance(value, dict) and value:
            below = _fill(child.get(key, {}), value, path, kept_back, inherited)
            if below or key in child:
                child[key] = below
        elif key not in child:
            child[key] = copy.deepcopy(value)
            inherited.append(path)
    return child


def dump(recipe: Recipe) -> str:
    """A recipe as YAML, every key written out, so that it means the same under another version's defaults."""
    return write(recipe.model_dump(mode="json"))


def recipe_sha256(recipe: Recipe) -> str:
    """The hex sha256 of the whole recipe; formatting, key order and unstated defaults make no difference."""
    return plain_sha256(recipe.model_dump(mode="json"))


def plain_sha256(plain: dict[str, Any]) -> str:
    """The same of a recipe as a version keeps it, whatever this bequest would read from it."""
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
