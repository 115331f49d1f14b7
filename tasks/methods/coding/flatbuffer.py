"""A LiteRT flatbuffer as a small file, and back to the last bit: the transport form of a bundle's network.

Constants with few different values (pruned, clustered, quantized) are entropy-coded, see `symbols`. What is left (the graph,
and constants of many different values, their bytes put side by side by significance) goes through LZMA.

`constriction` was chosen over the MPEG standard's own `nncodec`: that one asks for numpy < 2, torch and OpenCV (2.1.3), which
do not go with this product's numpy; constriction is a wheel of 0.4 MB that needs numpy alone.
"""

import lzma
import struct

import numpy as np

from tasks.methods.coding import symbols
from tasks.methods.coding.buffers import Constant, constants

MAGIC = b"BQT1"
_HEAD = struct.Struct("<III")  # lengths: plain part packed, plain part, flatbuffer
_ENTRY = struct.Struct("<IIBIH")  # of a coded constant: start, stop, bytes a value, rows, different values
_MOST_VALUES = 256
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 0, "lp": 0, "pb": 0}]


def pack(flatbuffer: bytes) -> bytes:
    """The transport form.

    Args:
        flatbuffer: A LiteRT model.

    Raises:
        ValueError: The bytes are not a LiteRT model.
    """
    encoder = symbols.encoder()
    entries: list[bytes] = []
    skeleton, planes, end = [], [], 0
    for constant in constants(flatbuffer):
        values = np.frombuffer(flatbuffer[constant.start : constant.stop], constant.dtype)
        coded = _encode(encoder, values, constant)
        skeleton.append(flatbuffer[end : constant.start])
        end = constant.stop
        if coded is None:
            planes.append(_planes(values))
            coded = _ENTRY.pack(constant.start, constant.stop, constant.dtype.itemsize, constant.rows, 0)
        entries.append(coded)
    skeleton.append(flatbuffer[end:])
    listed = b"".join(entries)
    plain = struct.pack("<II", len(entries), len(listed)) + listed + b"".join(planes) + b"".join(skeleton)
    packed = lzma.compress(plain, format=lzma.FORMAT_RAW, filters=_FILTERS)
    coded_words: np.ndarray = encoder.get_compressed()
    return MAGIC + _HEAD.pack(len(packed), len(plain), len(flatbuffer)) + packed + coded_words.tobytes()


def unpack(packed: bytes) -> bytes:
    """The flatbuffer that `pack` was given.

    Raises:
        ValueError: The bytes are not its work, or damaged.
    """
    if packed[:4] != MAGIC:
        raise ValueError(f"Invalid `packed`. Expected a packed flatbuffer ({MAGIC!r}). Received: {packed[:4]!r}.")
    try:
        return _unpack(packed)
    except (struct.error, lzma.LZMAError, ValueError, IndexError, AssertionError) as error:
        raise ValueError(f"Invalid `packed`. Expected a whole packed flatbuffer. Received: a damaged one ({error}).") from error


def coded_bytes(flatbuffer: bytes) -> dict[str, int]:
    """What each constant takes when it is coded alone: tensor name -> bytes, codebook and densities included.

    Constants of too many different values for a code of their own count as they are.

    Args:
        flatbuffer: A LiteRT model.
    """
    sizes = {}
    for constant in constants(flatbuffer):
        encoder = symbols.encoder()
        entry = _encode(encoder, np.frombuffer(flatbuffer[constant.start : constant.stop], constant.dtype), constant)
        words: np.ndarray = encoder.get_compressed()
        sizes[constant.name] = constant.stop - constant.start if entry is None else len(entry) + words.nbytes
    return sizes


def _unpack(packed: bytes) -> bytes:
    plain_packed, plain_length, length = _HEAD.unpack_from(packed, 4)
    start = 4 + _HEAD.size
    plain = lzma.decompress(packed[start : start + plain_packed], format=lzma.FORMAT_RAW, filters=_FILTERS)
    if len(plain) != plain_length:
        raise ValueError(f"{len(plain)} of {plain_length} bytes")
    decoder = symbols.decoder(np.frombuffer(packed[start + plain_packed :], np.uint32))
    count, listed = struct.unpack_from("<II", plain)
    entry, rest = 8, 8 + listed
    flatbuffer = bytearray(length)
    pieces: list[tuple[int, int]] = []
    for _ in range(count):
        first, last, width, rows, different = _ENTRY.unpack_from(plain, entry)
        entry += _ENTRY.size
        dtype, size = np.dtype(f"<u{width}"), (last - first) // width
        if different:
            codebook = np.frombuffer(plain, dtype, different, entry)
            entry += different * width
            weights = np.frombuffer(plain, np.uint8, different, entry)
            entry += different
            steps = np.frombuffer(plain, np.uint8, rows, entry)
            entry += rows
            flatbuffer[first:last] = _decode(decoder, codebook, weights, steps, size).tobytes()
        else:
            flatbuffer[first:last] = _values(plain[rest : rest + last - first], dtype).tobytes()
            rest += last - first
        pieces.append((first, last))
    end = 0
    for first, last in [*pieces, (length, length)]:
        flatbuffer[end:first] = plain[rest : rest + first - end]
        rest += first - end
        end = last
    return bytes(flatbuffer)


def _encode(encoder: object, values: np.ndarray, constant: Constant) -> bytes | None:
    """Writes a constant's values and returns its entry; None where they are too many different ones for a codebook."""
    codebook, index = np.unique(values, return_inverse=True)
    if len(codebook) > _MOST_VALUES or len(codebook) * (constant.dtype.itemsize + 1) > values.nbytes // 2:
        return None
    index = index.reshape(constant.rows, -1)
    common = int(np.bincount(index.ravel()).argmax())  # zero, in a sparse kernel
    mask = index != common
    steps = symbols.densities(mask)
    symbols.encode_mask(encoder, mask, steps)
    kept = index[mask]
    counts = np.bincount(kept, minlength=len(codebook))
    weights = symbols.weigh(counts)
    if len(kept):
        encoder.encode(kept.astype(np.int32), symbols.categorical(weights))  # type: ignore[attr-defined]
    entry = _ENTRY.pack(constant.start, constant.stop, constant.dtype.itemsize, constant.rows, len(codebook))
    # The one value that never stands among the kept is the common one: its weight is 0, and no other's is.
    return entry + codebook.tobytes() + weights.tobytes() + steps.tobytes()


def _decode(decoder: object, codebook: np.ndarray, weights: np.ndarray, steps: np.ndarray, size: int) -> np.ndarray:
    common = int(np.flatnonzero(weights == 0)[0])
    mask = symbols.decode_mask(decoder, size // len(steps), steps)
    index = np.full(mask.shape, common)
    kept = int(mask.sum())
    if kept:
        index[mask] = decoder.decode(symbols.categorical(weights), kept)  # type: ignore[attr-defined]
    values: np.ndarray = codebook[index.ravel()]
    return values


def _planes(values: np.ndarray) -> bytes:
    """The bytes of the values, all lowest first: those of equal significance are more alike."""
    return values.view(np.uint8).reshape(len(values), -1).T.tobytes()


def _values(planes: bytes, dtype: np.dtype[np.unsignedinteger]) -> np.ndarray:
    side_by_side = np.frombuffer(planes, np.uint8).reshape(dtype.itemsize, -1).T
    return np.ascontiguousarray(side_by_side).view(dtype).ravel()
