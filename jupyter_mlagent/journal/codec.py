"""Records and number sequences as compact blobs, and back."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from jupyter_mlagent.journal.records import canonical_json

T = TypeVar("T")


def pack(record: Any) -> bytes:
    """A record as compressed JSON."""
    return zlib.compress(canonical_json(record))


def unpack(blob: bytes, kind: type[T]) -> T:
    return msgspec.json.decode(zlib.decompress(blob), type=kind)


def pack_ints(values: Sequence[int]) -> bytes:
    """Token ids, compressed little-endian int32."""
    return zlib.compress(struct.pack(f"<{len(values)}i", *values))


def unpack_ints(blob: bytes) -> tuple[int, ...]:
    data = zlib.decompress(blob)
    return struct.unpack(f"<{len(data) // 4}i", data)


def pack_floats(values: Sequence[float]) -> bytes:
    """Log-probabilities, compressed little-endian float32: the precision they are computed in."""
    return zlib.compress(struct.pack(f"<{len(values)}f", *values))


def unpack_floats(blob: bytes) -> tuple[float, ...]:
    data = zlib.decompress(blob)
    return struct.unpack(f"<{len(data) // 4}f", data)
