"""Writes Parquet files: flat columns of numbers and text that may be missing, one row group, gzip pages.

pyarrow would do it as well, and be as large as all that a serving machine installs together (156 MB). The format:
https://parquet.apache.org/docs/file-format (thrift's compact protocol for the footer, levels in the RLE hybrid).
"""

import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

Kind = Literal["double", "int64", "string", "timestamp", "bytes"]
_MAGIC = b"PAR1"
# parquet.thrift: physical types, converted types, encodings, codec, page type
_PHYSICAL = {"int64": 2, "timestamp": 2, "double": 5, "string": 6, "bytes": 6}
_CONVERTED = {"string": 0, "timestamp": 10}  # UTF8, TIMESTAMP_MICROS
_PLAIN, _RLE, _GZIP, _DATA_PAGE, _OPTIONAL = 0, 3, 2, 0, 1


def to_bytes(columns: Mapping[str, tuple[Kind, Sequence[Any]]], metadata: Mapping[str, str] | None = None) -> bytes:
    """A whole Parquet file.

    Args:
        columns: Kind and values of each column by name, None where missing, all of one length; timestamps in microseconds.
        metadata: Key-value metadata of the file.
    """
    rows = len(next(iter(columns.values()))[1])
    body, chunks = bytearray(_MAGIC), []
    for name, (kind, values) in columns.items():
        offset = len(body)
        page = _page(kind, values)
        packed = _gzip(page)
        header = _page_header(len(page), len(packed), rows)
        body += header + packed
        chunks.append(_chunk(name, kind, rows, offset, len(header) + len(page), len(header) + len(packed)))
    footer = _footer(columns, rows, chunks, len(body) - len(_MAGIC), metadata or {})
    return bytes(body) + footer + struct.pack("<I", len(footer)) + _MAGIC


def _page(kind: Kind, values: Sequence[Any]) -> bytes:
    """Definition levels (0 missing, 1 there), then the values that are there."""
    present = np.array([value is not None for value in values], bool)
    there = list(values) if present.all() else [value for value in values if value is not None]
    if kind == "double":
        data = np.asarray(there, "<f8").tobytes()
    elif kind in ("int64", "timestamp"):
        data = np.asarray(there, "<i8").tobytes()
    else:
        texts = [value.encode("utf-8", "replace") if isinstance(value, str) else value for value in there]
        data = b"".join(struct.pack("<I", len(text)) + text for text in texts)
    levels = _levels(present)
    return struct.pack("<I", len(levels)) + levels + data


def _levels(present: np.ndarray) -> bytes:
    """One run where all are there, else bits packed in groups of eight, the lowest first."""
    if present.all():
        return _varint(len(present) << 1) + b"\x01"
    groups = -(-len(present) // 8)
    return _varint(groups << 1 | 1) + np.packbits(present, bitorder="little").tobytes().ljust(groups, b"\0")


def _gzip(data: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


def _page_header(size: int, packed: int, rows: int) -> bytes:
    data_header = _struct((1, _i32(rows)), (2, _i32(_PLAIN)), (3, _i32(_RLE)), (4, _i32(_RLE)))
    return _struct((1, _i32(_DATA_PAGE)), (2, _i32(size)), (3, _i32(packed)), (5, (12, data_header)))


def _chunk(name: str, kind: Kind, rows: int, offset: int, size: int, packed: int) -> bytes:
    meta = _struct(
        (1, _i32(_PHYSICAL[kind])),
        (2, _list(5, [_zigzag(_PLAIN), _zigzag(_RLE)])),
        (3, _list(8, [_binary(name)])),
        (4, _i32(_GZIP)),
        (5, _i64(rows)),
        (6, _i64(size)),
        (7, _i64(packed)),
        (9, _i64(offset)),
    )
    return _struct((2, _i64(offset)), (3, (12, meta)))


def _footer(
    columns: Mapping[str, tuple[Kind, Sequence[Any]]], rows: int, chunks: list[bytes], size: int, metadata: Mapping[str, str]
) -> bytes:
    schema = [_struct((4, _text("schema")), (5, _i32(len(columns))))]
    for name, (kind, _) in columns.items():
        fields = [(1, _i32(_PHYSICAL[kind])), (3, _i32(_OPTIONAL)), (4, _text(name))]
        if kind in _CONVERTED:
            fields.append((6, _i32(_CONVERTED[kind])))
        schema.append(_struct(*fields))
    group = _struct((1, _list(12, chunks)), (2, _i64(size)), (3, _i64(rows)))
    pairs = [_struct((1, _text(key)), (2, _text(value))) for key, value in metadata.items()]
    fields = [(1, _i32(1)), (2, _list(12, schema)), (3, _i64(rows)), (4, _list(12, [group]))]
    fields += [(5, _list(12, pairs))] if pairs else []
    return _struct(*fields, (6, _text("bequest")))


# Thrift's compact protocol: a field is (type, bytes); in a struct its id is told as the step from the one before.
def _struct(*fields: tuple[int, tuple[int, bytes]]) -> bytes:
    out, before = bytearray(), 0
    for number, (kind, content) in fields:
        out += bytes([(number - before) << 4 | kind]) + content
        before = number
    return bytes(out) + b"\0"


def _i32(value: int) -> tuple[int, bytes]:
    return 5, _zigzag(value)


def _i64(value: int) -> tuple[int, bytes]:
    return 6, _zigzag(value)


def _text(value: str) -> tuple[int, bytes]:
    return 8, _binary(value)


def _binary(value: str) -> bytes:
    content = value.encode("utf-8", "replace")
    return _varint(len(content)) + content


def _list(kind: int, items: list[bytes]) -> tuple[int, bytes]:
    head = bytes([len(items) << 4 | kind]) if len(items) < 15 else bytes([0xF0 | kind]) + _varint(len(items))
    return 9, head + b"".join(items)


def _zigzag(value: int) -> bytes:
    return _varint(value << 1 if value >= 0 else (-value << 1) - 1)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
