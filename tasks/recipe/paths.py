"""Files a recipe names: do they stand, and where, once the recipe is read from another folder."""

import difflib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.recipe.mistakes import Mistake
from tasks.recipe.plain_yaml import KeyPath

BUNDLED_PREFIX = "bundled:"
FILE_KEYS: tuple[tuple[str, ...], ...] = (
    ("inherit", "prepare"),
    ("data", "source"),
    ("data", "append"),
    ("preprocess", "contract", "path"),
    ("evaluate", "gate", "golden"),
)


def nearest(path: Path) -> str:
    """A hint for a file that is not there: the nearest name in its folder, or the nearest folder that stands."""
    folder = path.parent
    if not folder.is_dir():
        while not folder.is_dir() and folder != folder.parent:
            folder = folder.parent
        return f" Its folder does not stand either; the nearest that does is {str(folder)!r}."
    near = difflib.get_close_matches(path.name, sorted(entry.name for entry in folder.iterdir()), n=1)
    return f" Did you mean {str(path.with_name(near[0]))!r}?" if near else ""


def absent(stated: dict[str, Any], base: Path) -> list[Mistake]:
    """A mistake for every file that plain recipe data names and that does not stand.

    Args:
        stated: What the recipe states; sections of a wrong type are passed over, the schema tells them.
        base: Folder that relative paths start from.
    """
    found = []
    for path, name in _named(stated):
        place = base / name
        if not place.exists():
            found.append(
                Mistake(path, f"expected a file or folder. Received: {name!r}, looked for at {place}.{nearest(place)}")
            )
    return found


def anchored(stated: dict[str, Any], base: Path) -> dict[str, Any]:
    """A copy of plain recipe data with every relative path made absolute.

    A recipe that is stored with a version is handed down to recipes in other folders: its paths must not move with them.

    Args:
        stated: Plain recipe data; left as it is.
        base: Folder that relative paths start from.
    """
    for path, name in _named(stated):
        stated = _replaced(stated, path, os.path.abspath(base / name))
    return stated


def _named(stated: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    for keys in FILE_KEYS:
        value: Any = stated
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        items: list[tuple[KeyPath, Any]] = [(keys, value)]
        if isinstance(value, list):
            items = [((*keys, i), item) for i, item in enumerate(value)]
        for path, item in items:
            if isinstance(item, str) and item and not item.startswith(BUNDLED_PREFIX):
                yield path, item


def _replaced(value: Any, path: KeyPath, new: str) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = _replaced(value[path[0]], path[1:], new)
    return copy
