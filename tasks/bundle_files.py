"""The files of a bundle, each held to its sha256: written in one move, and verified before anyone reads them.

manifest.json       format, name, version, sha256 of every other file
model.tflite        the network as it is served
preprocessing.json  fitted preprocessing, from raw rows to the network's input
labels.json         class labels, in the order of the network's outputs
signature.json      what a raw row holds and what an answer holds

manifest.signature.json, where the version is signed, vouches for the manifest; see `model_registry.signature`.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from model_registry.errors import InputError, IntegrityError
from model_registry.manifest import SIGNATURE
from tasks.data.transform import output_shape
from tasks.methods.litert import LiteRunner

FORMAT = "bequest-bundle"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
CONTENT = ("labels.json", "model.tflite", "preprocessing.json", "signature.json")
REMEDY = "Restore the folder from a backup, or repeat the run that made it."


def write(
    folder: Path | str,
    *,
    flatbuffer: bytes,
    preprocessing: dict[str, Any],
    labels: list[str],
    name: str,
    version: str | None = None,
) -> dict[str, Any]:
    """Writes a bundle in one move: a crash leaves nothing half-written.

    Args:
        folder: Where to; must not exist, or be empty.
        flatbuffer: The LiteRT model: one input of `output_shape(preprocessing)`, softmax over `labels`.
        preprocessing: Fitted preprocessing state.
        labels: Class labels in output order, at least two.
        name: The model's name.
        version: The registered version, where it is known yet.

    Returns:
        The manifest.

    Raises:
        InputError: The parts don't fit one another, or `folder` holds something.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            f"{folder}: expected a new or an empty folder to write the bundle to. Received: one that holds something."
        )
    _check_parts(flatbuffer, preprocessing, labels)
    files = {
        "labels.json": json_bytes(labels),
        "model.tflite": flatbuffer,
        "preprocessing.json": json_bytes(preprocessing),
        "signature.json": json_bytes(_signature(preprocessing)),
    }
    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "name": name,
        "version": version,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": {path: hashlib.sha256(content).hexdigest() for path, content in files.items()},
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for path, content in {**files, MANIFEST: json_bytes(manifest)}.items():
            (partial / path).write_bytes(content)
        partial.chmod(0o755)
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def verify(folder: Path | str) -> dict[str, Any]:
    """Checks every file of a bundle against its manifest, and returns the manifest.

    Raises:
        InputError: `folder` is not a bundle, or one of a newer format.
        IntegrityError: A file is missing, unknown, or not the one the manifest was written for.
    """
    return read(Path(folder))[0]


def read(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What `verify` checks: the manifest, and the very bytes that were verified, so that none is read a second time."""
    if not (folder / MANIFEST).is_file():
        raise InputError(f"{folder}: expected a bundle, a folder with {MANIFEST} in it. Received: no such file.")
    manifest = _parsed((folder / MANIFEST).read_bytes(), folder)
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()} - {MANIFEST, SIGNATURE}
    _check_names(manifest, found, folder)
    return manifest, _held(manifest, {path: (folder / path).read_bytes() for path in manifest["files"]}, folder)


def check(files: Mapping[str, bytes], what: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The same for a bundle that never was a folder here.

    Args:
        files: Content of its files by name, the manifest among them.
        what: The bundle, for messages.
    """
    where = Path(what)
    if MANIFEST not in files:
        raise InputError(f"{what}: expected a bundle, with {MANIFEST} in it. Received: no such file.")
    manifest = _parsed(files[MANIFEST], where)
    _check_names(manifest, set(files) - {MANIFEST}, where)
    return manifest, _held(manifest, files, where)


def _check_names(manifest: dict[str, Any], found: set[str], folder: Path) -> None:
    promised: dict[str, str] = manifest["files"]
    for path in sorted(set(promised) | set(CONTENT) | found):
        if path not in found:
            raise IntegrityError(f"{folder / path}: missing. Expected a file of the bundle {manifest['name']!r}. {REMEDY}")
        if path not in promised:
            raise IntegrityError(
                f"{folder / path}: not in the bundle's {MANIFEST}. Expected {sorted(promised)} alone. {REMEDY}"
            )


def _held(manifest: dict[str, Any], files: Mapping[str, bytes], folder: Path) -> dict[str, bytes]:
    """The files that the manifest promises, each with the sha256 that it promises."""
    for path, expected in manifest["files"].items():
        sha256 = hashlib.sha256(files[path]).hexdigest()
        if sha256 != expected:
            raise IntegrityError(
                f"{folder / path}: the file was changed. Expected sha256 {expected}. Received: {sha256}. {REMEDY}"
            )
    return {path: files[path] for path in manifest["files"]}


def _parsed(content: bytes, folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(content)
    except ValueError as error:
        raise IntegrityError(f"{path}: expected JSON. Received: {error}. {REMEDY}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise InputError(f"{path}: expected the manifest of a bundle, with format {FORMAT!r}. Received: another file.")
    version = manifest.get("format_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise InputError(
            f"{path}: expected format_version {FORMAT_VERSION} or older. Received: {version!r}. Read it with a newer bequest."
        )
    files = manifest.get("files")
    if not isinstance(files, dict) or not isinstance(manifest.get("name"), str):
        raise IntegrityError(f"{path}: expected the entries `name` and `files`. Received: {sorted(manifest)}. {REMEDY}")
    return manifest


def _check_parts(flatbuffer: bytes, preprocessing: dict[str, Any], labels: list[str]) -> None:
    if len(labels) < 2 or len(set(labels)) != len(labels) or not all(isinstance(label, str) for label in labels):
        raise InputError(f"labels: expected at least two different strings. Received: {labels}.")
    try:
        runner = LiteRunner(flatbuffer)
        probabilities = runner.run(np.zeros((1, *output_shape(preprocessing)), np.float32))
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"flatbuffer: expected a LiteRT model with input {output_shape(preprocessing)} a row. Received: {error}"
        ) from error
    if probabilities.shape != (1, len(labels)):
        raise InputError(f"flatbuffer: expected {len(labels)} outputs, one a label. Received: shape={probabilities.shape[1:]}.")


def _signature(preprocessing: dict[str, Any]) -> dict[str, Any]:
    """What a raw row holds: named columns, or one picture."""
    if preprocessing["modality"] == "image":
        shape = [-1, *preprocessing["size"], preprocessing["channels"]]
        inputs = [{"name": "image", "type": "tensor", "shape": shape, "required": True}]
    else:
        types = {"numeric": "double", "categorical": "string", "picture": "string"}  # as `tasks.data.pixels` writes pictures
        inputs = [
            {"name": column["name"], "type": types[column["kind"]], "shape": None, "required": True}
            for column in preprocessing["columns"]
        ]
    return {"inputs": inputs, "outputs": [{"name": "label"}, {"name": "probabilities"}]}


def json_bytes(value: Any) -> bytes:
    """The one form in which a bundle's JSON is written and hashed."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False).encode()
