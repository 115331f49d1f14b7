"""The whole recipe as it will run, every key with where it comes from."""

from collections.abc import Iterable

from tasks.recipe.inherit import dump
from tasks.recipe.mistakes import dotted
from tasks.recipe.plain_yaml import read
from tasks.recipe.schema import Recipe

_COLUMN = 52


def annotated(recipe: Recipe, stated: Iterable[str], inherited: Iterable[str], ancestor: str) -> str:
    """A merged recipe as YAML: keys handed down and keys at their default say so, keys that the file states stand bare.

    Args:
        recipe: The merged recipe.
        stated: Dotted keys, or sections, that the file states.
        inherited: Dotted keys that were handed down.
        ancestor: Who handed them down.

    Returns:
        A recipe file that means the same without its comments.
    """
    text = dump(recipe)
    own, handed = set(stated), set(inherited)
    lines = text.splitlines()
    for path, number in read(text.encode(), "recipe").lines.items():
        key = dotted(path)
        if not path or isinstance(path[-1], int) or _is_section(recipe, path) or any(isinstance(part, int) for part in path):
            continue
        word = f"from {ancestor}" if _within(key, handed) else "" if _within(key, own) else "default"
        if word:
            lines[number - 1] = f"{lines[number - 1]:{_COLUMN}}  # {word}"
    return "\n".join(lines) + "\n"


def _is_section(recipe: Recipe, path: tuple[str | int, ...]) -> bool:
    """Whether keys stand below this one, which say themselves where they come from."""
    value: object = recipe.model_dump(mode="json")
    for part in path:
        value = value[part]  # type: ignore[index]
    return isinstance(value, dict) and bool(value)


def _within(key: str, keys: set[str]) -> bool:
    """Whether a key, or a section or list it stands in, is among `keys`."""
    parts = key.split(".")
    return any(".".join(parts[:count]) in keys for count in range(1, len(parts) + 1))
