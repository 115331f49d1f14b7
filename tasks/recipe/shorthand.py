"""Sections that may be written in one word: what the word is short for."""

from typing import Any

from tasks.recipe.fuse_schema import as_fuse
from tasks.recipe.inherit_schema import as_inherit

_SHORT = {"inherit": as_inherit, "fuse": as_fuse}


def spelled_out(stated: dict[str, Any]) -> dict[str, Any]:
    """What a recipe states, with every such section as its keys: `fuse: auto` as `fuse: {method: auto}`.

    Args:
        stated: Plain data; it is not changed.
    """
    return {key: _SHORT[key](value) if key in _SHORT else value for key, value in stated.items()}
