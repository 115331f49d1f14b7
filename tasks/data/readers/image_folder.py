"""Pictures in class folders: <folder>/<class>/<picture>, or <folder>/train|val|test/<class>/<picture>."""

from collections import Counter
from io import BytesIO
from pathlib import Path

import numpy as np

from model_registry.errors import InputError
from tasks.data.rawtable import RawTable, Rejected
from tasks.data.readers.pictures import converted, picture_table
from tasks.data.readers.request import Request
from tasks.data.rowhash import picture_hash

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
PARTS = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}


def read_folder(path: Path, request: Request) -> RawTable:
    """Reads every picture; one that cannot be read is rejected with its file name and the reason.

    Raises:
        InputError: No class folders, no pictures, none readable, or pictures of several sizes and no `data.image.size`.
    """
    entries = _entries(path, request)
    images, taken, hashes, rejected = [], [], [], []
    for row, (file, label, _) in enumerate(entries):
        try:
            image = pixels_of(file)
        except Exception as error:  # PIL's decoders raise many kinds on damaged files
            name = str(file.relative_to(path))
            rejected.append(
                Rejected(0, row, name, f"{name}: expected a readable picture. Received: {reason_of(error, file)}", label)
            )
            continue
        hashes.append(picture_hash(image))
        images.append(image)
        taken.append(row)
    if not images:
        raise InputError(
            f"{request.name}: expected readable pictures. Received: {len(entries)} that are not, e.g. {rejected[0].reason}"
        )
    channels = request.image.channels or max(image.shape[-1] for image in images)
    images = [converted(image[np.newaxis], request.image.size, channels)[0] for image in images]
    one_size(images, request.name)
    labels = np.array([entries[row][1] for row in taken], dtype=object)
    marks = np.array([entries[row][2] for row in taken], dtype=object)
    return picture_table(
        np.stack(images),
        None if all(label is None for label in labels) else labels,
        request,
        marks=None if all(mark is None for mark in marks) else marks,
        files=np.array([str(entries[row][0].relative_to(path)) for row in taken], dtype=object),
        hashes=np.array(hashes, dtype=np.uint64),
        row=np.array(taken, dtype=np.int64),
        rejected=rejected,
    )


def _entries(path: Path, request: Request) -> list[tuple[Path, str | None, str | None]]:
    """File, class and predefined split of every picture, in order of name."""
    folders = _folders(path)
    entries: list[tuple[Path, str | None, str | None]]
    if request.labels == "optional" and (loose := _pictures(path)) and not folders:
        return [(file, None, None) for file in loose]
    parts = {folder: PARTS[folder.name.lower()] for folder in folders if folder.name.lower() in PARTS}
    if folders and len(parts) == len(folders):
        entries = [(file, c.name, split) for part, split in parts.items() for c in _folders(part) for file in _pictures(c)]
    else:
        entries = [(file, folder.name, None) for folder in folders for file in _pictures(folder)]
    if not entries:
        raise InputError(
            f"{request.name}: expected one folder a class with {', '.join(SUFFIXES)} files. "
            f"Received: {[folder.name for folder in folders][:10] or 'no folders'} without pictures."
        )
    return entries


def _folders(path: Path) -> list[Path]:
    return sorted(child for child in path.iterdir() if child.is_dir() and not child.name.startswith("."))


def _pictures(path: Path) -> list[Path]:
    return sorted(child for child in path.iterdir() if child.suffix.lower() in SUFFIXES and not child.name.startswith("."))


def pixels_of(source: Path | bytes) -> np.ndarray:
    """One picture upright, from a file or its content: uint8 [h, w, 1] or [h, w, 3]."""
    from PIL import Image, ImageOps

    with Image.open(BytesIO(source) if isinstance(source, bytes) else source) as picture:
        picture.load()
        upright = ImageOps.exif_transpose(picture)
        if upright.mode.startswith("I"):  # 16-bit grey, which PIL would clip instead of scale
            deep = np.asarray(upright).astype(np.float64)
            return np.round(deep / 257).clip(0, 255).astype(np.uint8)[..., np.newaxis]
        if upright.mode in ("1", "L", "LA"):
            return np.asarray(upright.convert("L"))[..., np.newaxis]
        return np.asarray(upright.convert("RGB"))


def reason_of(error: Exception, file: Path) -> str:
    """PIL's message in one line, without the path."""
    if file.stat().st_size == 0:
        return "an empty file"
    return str(error).replace(str(file), file.name).splitlines()[0] if str(error) else type(error).__name__


def one_size(images: list[np.ndarray], name: str) -> None:
    """Refuses pictures [h, w, c] of several sizes.

    Raises:
        InputError: There are several; the message says which, and how to have them resized.
    """
    sizes = Counter(image.shape[:2] for image in images)
    if len(sizes) > 1:
        (height, width), _ = sizes.most_common(1)[0]
        shown = ", ".join(f"{h} x {w} ({count})" for (h, w), count in sizes.most_common(5))
        raise InputError(
            f"{name}: expected pictures of one size. Received: {shown}. "
            f"State data.image.size, e.g. [{height}, {width}], to resize them."
        )
