"""What a prepared data set depends on, as one hash: equal inputs are prepared once."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model_registry.manifest import sha256_of
from tasks.data.digest import source_digest
from tasks.data.store import CARD, canonical
from tasks.recipe.schema import Recipe

PREPARATION_VERSION = 1
"""Counted up when the same recipe would be prepared differently, so that older folders are not taken for it."""


def fingerprint_of(recipe: Recipe, base: Path, inherited_contract: dict[str, Any] | None, held: Sequence[Path]) -> str:
    """sha256, in hex, over the content of every source and all that decides what becomes of it.

    Args:
        recipe: Its name, seed and the sections data and preprocess count.
        base: Folder that relative paths start from.
        inherited_contract: An ancestor's suite.
        held: The ancestors' data sets.

    Raises:
        InputError: A source is missing.
    """
    suite = recipe.preprocess.contract.path
    parts = {
        "version": PREPARATION_VERSION,
        "name": recipe.name,
        "seed": recipe.seed,
        "data": recipe.data.model_dump(mode="json"),
        "preprocess": recipe.preprocess.model_dump(mode="json"),
        "sources": source_digest(recipe, base),
        "inherited_contract": inherited_contract if suite is None else None,
        "held": sorted(sha256_of(folder / CARD) if (folder / CARD).is_file() else "" for folder in held),
    }
    return hashlib.sha256(canonical(parts)).hexdigest()
