"""What a prepared data set depends on, as one hash: equal inputs are prepared once."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from tasks.data.digest import source_digest
from tasks.data.marks import NEW
from tasks.data.store import canonical
from tasks.recipe.schema import Recipe

PREPARATION_VERSION = 2
"""Counted up when the same recipe would be prepared differently, so that older folders are not taken for it."""


def fingerprint_of(recipe: Recipe, base: Path, inherited_contract: dict[str, Any] | None, past: np.ndarray | None) -> str:
    """sha256, in hex, over the content of every source and all that decides what becomes of it.

    Ancestors count by the rows they held, not by their number or version: a data set stays the same where others come that
    share no row with it.

    Args:
        recipe: Its name, seed and the sections data and preprocess count.
        base: Folder that relative paths start from.
        inherited_contract: An ancestor's suite.
        past: int8 [n]: split of each row in the ancestors' data sets, NEW where none held it; None: all are new.

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
        "held": "" if past is None or (past == NEW).all() else hashlib.sha256(past.astype(np.int8).tobytes()).hexdigest(),
    }
    return hashlib.sha256(canonical(parts)).hexdigest()
