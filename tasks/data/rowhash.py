"""A 64-bit hash of each row: tells duplicates, and keeps an ancestor's rows in their split.

`row_hash = values_hash ^ label_hash`, so that a row's values can be recognised even under another label. The hashes are
stored with data sets and must not change between versions, so nothing of pandas' own hashing is used.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence

import numpy as np

FLOAT32_MAX = float(np.finfo(np.float32).max)


def values_hash(columns: Mapping[str, np.ndarray], rounded: Collection[str] = ()) -> np.ndarray:
    """Hash of each row's values, whatever the order of the columns.

    Args:
        columns: Name to float64 [n] with NaN, or object [n] of str and None.
        rounded: Columns whose numbers count as float32, see `is_half`. Not all do: time stamps in seconds would be equal.

    Returns:
        uint64 [n].
    """
    total: np.ndarray | None = None
    for name, values in columns.items():
        mixed = _mix(_cells(_rounded(values) if name in rounded else values) ^ _text_hash(name))
        total = mixed if total is None else total + mixed
    return np.zeros(0, dtype=np.uint64) if total is None else _mix(total)


def picture_hash(pixels: np.ndarray) -> int:
    """Hash of one picture as read, before any resizing; the same for bytes and for floats of equal value.

    Args:
        pixels: [h, w, c].
    """
    digest = hashlib.blake2b(np.ascontiguousarray(pixels, dtype=np.float32).tobytes(), digest_size=8)
    digest.update(str(pixels.shape).encode())
    return int.from_bytes(digest.digest(), "little")


def label_hash(names: Sequence[str | None] | np.ndarray) -> np.ndarray:
    """Hash of each label name: uint64 [n]."""
    known = {name: _text_hash(f"label:{name}") for name in set(names)}
    return np.array([known[name] for name in names], dtype=np.uint64)


def is_half(values: np.ndarray) -> bool:
    """True where every number is one of float32: a file may keep half of the digits of another that holds the same rows."""
    return values.dtype.kind == "f" and bool(np.array_equal(_rounded(values), values, equal_nan=True))


def halves(columns: Mapping[str, np.ndarray], part: np.ndarray) -> list[str]:
    """Columns that are float32 in some part of the rows.

    Args:
        columns: As `values_hash` takes them.
        part: int64 [n]: file that each row comes from.
    """
    parts = [part == each for each in np.unique(part)]
    return [name for name, values in columns.items() if any(is_half(values[rows]) for rows in parts)]


def _cells(values: np.ndarray) -> np.ndarray:
    """Hash of each cell of one column."""
    if values.dtype.kind == "f":
        numbers = values.astype(np.float64) + 0.0  # -0.0 becomes 0.0
        bits = numbers.view(np.uint64).copy()
        bits[np.isnan(numbers)] = np.uint64(0x7FF8 << 48)  # all NaN are one
        return _mix(bits)
    known = {cell: _text_hash("missing" if cell is None else f"text:{cell}") for cell in set(values)}
    return np.array([known[cell] for cell in values], dtype=np.uint64)


def _rounded(values: np.ndarray) -> np.ndarray:
    """Each number the nearest one of float32, where it is not too large for it; text as it is."""
    if values.dtype.kind != "f":
        return values
    with np.errstate(over="ignore", under="ignore"):
        return np.where(np.abs(values) > FLOAT32_MAX, values, values.astype(np.float32)).astype(np.float64)


def _text_hash(text: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little"))


def _mix(bits: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64 (Steele et al., 2014): every input bit flips half of the output bits."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
