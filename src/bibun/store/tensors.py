"""Arrays in the safetensors format: written as a stream, read as a memory map.

The format is a page long (https://github.com/huggingface/safetensors): the length of a header
in 8 bytes, the header in JSON, the bytes of all tensors. The `safetensors` package reads our
files and we read its; we do not import it, because its writer copies each array to `bytes` and
its reader copies again, where writing straight from the array and mapping the file copy nothing.

Ours are written with the widest dtypes first and the header padded to 64 bytes, so that each
tensor is aligned in the map. Complex numbers and random keys, which the format does not have,
get a last axis of 2. A CRC-32 of each tensor is made in passing.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import struct
import zlib
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from bibun import dtypes
from bibun.store.errors import CorruptCheckpointError

MAPPED = os.name == "posix"  # Windows refuses to replace or delete a file that is mapped
BLOCK = 1 << 22  # bytes summed and written at a time: stays in the cache between the two
HEADER_LIMIT = 100_000_000  # as in the reference implementation

# our dtype -> (name in the file, dtype in the file, whether a last axis of 2 is added)
_PLAIN = {
    "bool": "BOOL", "int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64", "uint8": "U8",
    "uint16": "U16", "uint32": "U32", "uint64": "U64", "float16": "F16", "float32": "F32",
    "float64": "F64",
}  # fmt: skip
_PAIRS = {"complex64": "float32", "complex128": "float64", "key": "uint32"}


def dtype_name(dt: np.dtype) -> str:
    """The name of a dtype in a checkpoint."""
    return {dtypes.KEY: "key", dtypes.FLOAT0: "float0"}.get(dt, dt.name)


def dtype_of(name: str) -> np.dtype:
    """The dtype of a name. Errors: ValueError for one that no checkpoint has."""
    if name in ("key", "float0"):
        return dtypes.KEY if name == "key" else dtypes.FLOAT0
    if name not in _PLAIN and name not in _PAIRS:
        raise ValueError(f"{name!r} is no dtype of a checkpoint")
    return np.dtype(name)


def storable(dt: np.dtype) -> bool:
    """Whether arrays of this dtype can be stored."""
    return dt == dtypes.FLOAT0 or dtype_name(dt) in _PLAIN or dtype_name(dt) in _PAIRS


def _layout(name: str, shape: tuple[int, ...]) -> tuple[str, list[int], int]:
    """Name of the dtype in the file, shape there, number of bytes."""
    inner = _PAIRS.get(name, name)
    full = [*shape, 2] if name in _PAIRS else list(shape)
    return _PLAIN[inner], full, math.prod(full) * np.dtype(inner).itemsize


def write(file: BinaryIO, arrays: Mapping[str, np.ndarray]) -> tuple[bytes, dict[str, int]]:
    """Write arrays to a file. Returns the header's bytes and the CRC-32 of each tensor."""
    names = sorted(arrays, key=lambda n: -arrays[n].dtype.itemsize)
    entries: dict[str, Any] = {"__metadata__": {"format": "bibun.store"}}
    at = 0
    for name in names:
        a = arrays[name]
        kind, shape, size = _layout(dtype_name(a.dtype), a.shape)
        entries[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % 64)
    header = struct.pack("<Q", len(text)) + text
    file.write(header)
    sums = {}
    for name in names:
        flat = np.ascontiguousarray(arrays[name]).reshape(-1)
        raw = memoryview(flat.view(np.uint8)) if flat.size else memoryview(b"")
        total = 0
        for start in range(0, len(raw), BLOCK):
            block = raw[start : start + BLOCK]
            total = zlib.crc32(block, total)
            file.write(block)
        sums[name] = total
    return header, sums


class Tensors:
    """A safetensors file, mapped. `where` names it in errors.

    Errors: CorruptCheckpointError for anything that is not exactly the format: header, offsets
    that overlap, leave holes or run past the end.
    """

    def __init__(self, fd: int, where: str) -> None:
        self.where = where
        size = os.fstat(fd).st_size
        if size < 8:
            raise self._corrupt("it is shorter than a header")
        with os.fdopen(os.dup(fd), "rb") as file:
            if MAPPED:
                pages = np.memmap(file, np.uint8, "r")
                self._map, self._pages = np.asarray(pages), pages.base
            else:
                self._map, self._pages = np.fromfile(file, np.uint8), None
                self._map.flags.writeable = False
        (length,) = struct.unpack("<Q", self._map[:8].tobytes())
        if length > min(size - 8, HEADER_LIMIT):
            raise self._corrupt(f"its header would be {length} bytes long")
        self.header = self._map[: 8 + length].tobytes()
        try:
            entries = json.loads(self.header[8:])
            self._check(entries, size - 8 - length)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
            raise self._corrupt(f"its header is not safetensors ({e})") from None
        self.names = entries

    def _corrupt(self, why: str) -> CorruptCheckpointError:
        return CorruptCheckpointError(f"{self.where} is damaged: {why}")

    @staticmethod
    def _check(entries: dict[str, Any], size: int) -> None:
        entries.pop("__metadata__", None)
        widths = {v: np.dtype(k).itemsize for k, v in _PLAIN.items()}
        at = 0
        for name, entry in sorted(entries.items(), key=lambda e: e[1]["data_offsets"]):
            begin, end = entry["data_offsets"]
            if any(not isinstance(n, int) or n < 0 for n in [*entry["shape"], begin, end]):
                raise ValueError(f"{name!r} has no proper shape and offsets")
            if begin != at or end - begin != math.prod(entry["shape"]) * widths[entry["dtype"]]:
                raise ValueError(f"the offsets of {name!r} do not fit")
            at = end
        if at != size:
            raise ValueError(f"there are {size} bytes of data where it says {at}")
        for entry in entries.values():
            entry["data_offsets"] = tuple(entry["data_offsets"])

    def _soon(self, begin: int, end: int) -> None:
        """Tell the system that these bytes will be read at once, so that it reads ahead."""
        if self._pages is not None and hasattr(mmap, "MADV_WILLNEED"):
            begin -= begin % mmap.PAGESIZE
            self._pages.madvise(mmap.MADV_WILLNEED, begin, end - begin)

    def read(self, name: str, dtype: str, shape: tuple[int, ...], crc: int | None) -> np.ndarray:
        """A tensor as a read-only view of the map; `crc`: what its bytes must sum to."""
        kind, full, _ = _layout(dtype, shape)
        entry = self.names.get(name)
        if entry is None or entry["dtype"] != kind or list(entry["shape"]) != full:
            raise self._corrupt(f"the tensor {name!r} is not {dtype}{list(shape)} there")
        begin, end = entry["data_offsets"]
        data = self._map[len(self.header) + begin : len(self.header) + end]
        if crc is not None and end - begin >= BLOCK:
            self._soon(len(self.header) + begin, len(self.header) + end)
        if crc is not None and (found := zlib.crc32(data)) != crc:
            raise self._corrupt(
                f"the bytes of {name!r} are not those saved (CRC-32 {found:08x}, not {crc:08x})"
            )
        if begin == end:
            empty = np.empty(shape, dtype_of(dtype))
            empty.flags.writeable = False
            return empty
        return data.view(dtype_of(dtype)).reshape(shape)
