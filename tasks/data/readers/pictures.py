"""Arrays of pictures to the size and channels a recipe asks for."""

import numpy as np

from model_registry.errors import InputError
from tasks.data.rawtable import RawTable, Rejected
from tasks.data.readers.request import Request
from tasks.data.rowhash import picture_hash

PICTURE_TARGET = "label"
GREY = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601 luma


def picture_table(
    images: np.ndarray,
    labels: np.ndarray | None,
    request: Request,
    *,
    marks: np.ndarray | None = None,
    class_order: list[str] | None = None,
    pixel_max: float | None = None,
    files: np.ndarray | None = None,
    hashes: np.ndarray | None = None,
    row: np.ndarray | None = None,
    rejected: list[Rejected] | None = None,
) -> RawTable:
    """Wraps pictures, converted as the recipe asks.

    Args:
        images: [n, h, w] or [n, h, w, c], bytes or numbers from 0.
        labels: object [n]; None where there are none.
        request: What is asked for.
        marks: See `RawTable`, as all that follow; `hashes` are taken from `images` where not given, and
            `pixel_max` of bytes is then 255.

    Raises:
        InputError: Wrong rank or channels, negative pixels, or table options stated for pictures.
    """
    if request.features or request.drop or request.mark_column:
        stated = request.features or request.drop or request.mark_column
        raise InputError(
            f"{request.name}: expected no columns with pictures (data.features, data.drop, split.column). Received: {stated}."
        )
    images = images[..., np.newaxis] if images.ndim == 3 else images
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        hint = " Move the channels last." if images.ndim == 4 and images.shape[1] in (1, 3) else ""
        raise InputError(
            f"{request.name}: expected pictures [n, height, width] or [n, height, width, 1 or 3]. "
            f"Received: {list(images.shape)}.{hint}"
        )
    if images.dtype == np.uint8:
        pixel_max = 255.0 if pixel_max is None else pixel_max
    else:
        images = images.astype(np.float32)
        if images.size and float(np.nanmin(images)) < 0:
            raise InputError(
                f"{request.name}: expected pixels from 0 up. Received: {float(np.nanmin(images)):g}. Shift and rescale them."
            )
    return RawTable(
        modality="image",
        target=request.target or PICTURE_TARGET,
        labels=labels,
        part=np.zeros(len(images), dtype=np.int64),
        row=np.arange(len(images)) if row is None else row,
        parts=[request.name],
        images=converted(images, request.image.size, request.image.channels),
        hashes=np.array([picture_hash(image) for image in images], dtype=np.uint64) if hashes is None else hashes,
        files=files,
        marks=marks,
        class_order=class_order,
        pixel_max=pixel_max,
        rejected=rejected or [],
    )


def converted(images: np.ndarray, size: tuple[int, int] | None, channels: int | None) -> np.ndarray:
    """Pictures [n, h, w, c] resized (bilinear, antialiased) and with 1 or 3 channels; same dtype."""
    if channels == 3 and images.shape[-1] == 1:
        images = np.repeat(images, 3, axis=-1)
    elif channels == 1 and images.shape[-1] == 3:
        grey = images @ GREY
        images = (np.round(grey) if images.dtype == np.uint8 else grey).astype(images.dtype)[..., np.newaxis]
    if size is None or images.shape[1:3] == tuple(size):
        return images
    return np.stack([resized(image, size) for image in images])


def resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """One picture [h, w, c] at another height and width; same dtype."""
    from PIL import Image

    height, width = size
    planes = [
        np.asarray(Image.fromarray(np.ascontiguousarray(image[..., c])).resize((width, height), Image.Resampling.BILINEAR))
        for c in range(image.shape[-1])
    ]
    return np.stack(planes, axis=-1).astype(image.dtype)
