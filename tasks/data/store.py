"""Files of a prepared data set: written whole or not at all, and verified when read."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from model_registry.errors import IntegrityError
from model_registry.manifest import sha256_of

CARD = "dataset.json"


def canonical(value: Any) -> bytes:
    """JSON bytes that are equal for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def write_json(path: Path, value: Any) -> None:
    """Readable JSON, the same bytes for the same value."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder to write into, which becomes `target` in one step at the end; after an error nothing is left.

    Where another process has made `target` meanwhile, its folder stands: equal fingerprints mean equal contents.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield work
        work.chmod(0o755)  # mkdtemp's 0700 would shut other accounts out of a shared workspace
        try:
            os.replace(work, target)
        except OSError:
            if not (target / CARD).is_file():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def verify_files(folder: Path, files: dict[str, str]) -> None:
    """Compares every file with the card.

    Raises:
        IntegrityError: A file is missing or its bytes are others.
    """
    for name, expected in files.items():
        path = folder / name
        found = sha256_of(path) if path.is_file() else "no file"
        if found != expected:
            raise IntegrityError(
                f"{path}: expected sha256 {expected}. Received: {found}. "
                f"The data set was changed after it was prepared: delete {folder} and prepare it again."
            )
