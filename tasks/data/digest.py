"""A hash of everything a recipe reads, cheap enough to ask before each run whether anything has changed."""

import hashlib
from importlib.metadata import version
from pathlib import Path

from model_registry.manifest import sha256_of
from tasks.data.readers.named_pictures import named_pictures
from tasks.data.readers.source import locate, suite_path
from tasks.recipe.schema import Recipe


def source_digest(recipe: Recipe, base: Path) -> str:
    """The sha256 over the content of the source, the appended batches and the contract's file.

    Args:
        recipe: The recipe.
        base: Folder that its relative paths start from.

    Raises:
        InputError: A file is missing.
    """
    digest = hashlib.sha256()
    suite = recipe.preprocess.contract.path
    if suite is not None:
        digest.update(sha256_of(suite_path(base, suite)).encode())
    for name in [recipe.data.source, *recipe.data.append]:
        kind, path = locate(name, base)
        digest.update(f"{kind}:{name}".encode())
        digest.update((version("scikit-learn") if kind == "bundled" else content_digest(path)).encode())
        column = recipe.data.image.column
        for file in named_pictures(kind, path, name, column) if column is not None else []:
            digest.update(f"{file.relative_to(path.parent)}:{sha256_of(file)}".encode())
    return digest.hexdigest()


def content_digest(path: Path) -> str:
    """The sha256 of a file, or over the names and contents of a folder's files."""
    if path.is_file():
        return sha256_of(path)
    digest = hashlib.sha256()
    for file in sorted(each for each in path.rglob("*") if each.is_file()):
        digest.update(f"{file.relative_to(path)}:{sha256_of(file)}".encode())
    return digest.hexdigest()
