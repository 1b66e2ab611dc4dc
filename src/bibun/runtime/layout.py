"""Where CPython and NumPy keep what the native entry reads: measured, not assumed.

Native code that takes its arguments from Python objects must know at which offset a list
keeps its items or an array its data. The offsets have been the same in every CPython and
NumPy that bibun supports, but only some are promised. So each is found at first use, by
looking for values we know in objects we made; where one is not found, or is found twice
(another Python, a debug build, a build without the interpreter's lock), `measure` gives None
and calls take the portable way through ctypes.
"""

from __future__ import annotations

import ctypes
import functools
import struct
import sys
from typing import Any

import numpy as np

from bibun.array import Array

C_CONTIGUOUS, ALIGNED, _WRITEABLE = 0x1, 0x100, 0x400
WANTED = C_CONTIGUOUS | ALIGNED
_FLAGS = WANTED | _WRITEABLE

# The numbers of functions in NumPy's C interface are part of its binary interface.
_NUMPY_EMPTY = 184
_NUMPY_MAJOR = 2


class _NotFound(Exception):
    pass


def _word(address: int) -> int:
    return ctypes.c_int64.from_address(address).value


def _only(offsets: list[int]) -> int:
    if len(offsets) != 1:
        raise _NotFound
    return offsets[0]


def _find(objects: list[Any], size: int, read: Any, expected: Any, step: int = 8) -> int:
    """The one offset at which reading gives the expected value in every object."""
    return _only([
        o for o in range(ctypes.sizeof(ctypes.c_void_p), min(size, 256), step)
        if all(read(id(x) + o) == expected(x) for x in objects)
    ])  # fmt: skip


def _int32(address: int) -> int:
    return ctypes.c_int32.from_address(address).value


def _arrays() -> dict[str, int]:
    readonly = np.zeros((2, 3, 4))
    readonly.flags.writeable = False
    objects = [
        np.zeros(3), np.zeros((4, 5), np.int32)[:, 1], np.zeros((7, 2, 3, 5), np.int16).T,
        np.zeros(25, np.uint8)[1:].view(np.float64), np.array(1.0), readonly,
        np.zeros((2, 3), np.float32)[:1],
    ]  # fmt: skip
    size = np.ndarray.__basicsize__
    found = {
        "array_data": _find(objects, size, _word, lambda a: a.__array_interface__["data"][0]),
        "array_descr": _find(objects, size, _word, lambda a: id(a.dtype)),
        "array_ndim": _find(objects, size, _int32, lambda a: a.ndim, 4),
        "array_flags": _find(
            objects, size, lambda at: _int32(at) & _FLAGS, lambda a: a.flags.num & _FLAGS, 4
        ),
    }
    # NumPy's public struct has data, nd, dimensions, strides, base, descr, flags in this order
    data = found["array_data"]
    if (found["array_ndim"], found["array_descr"], found["array_flags"]) != (
        data + 8, data + 40, data + 48
    ):  # fmt: skip
        raise _NotFound
    found["array_dims"] = data + 16
    for a in objects:
        if a.ndim and [_word(_word(id(a) + data + 16) + 8 * k) for k in range(a.ndim)] != list(
            a.shape
        ):
            raise _NotFound
    return found


def _containers() -> dict[str, int]:
    items = [object(), object(), object()]
    tables = [
        o for o in range(16, list.__basicsize__, 8)
        if (at := _word(id(items) + o)) > 1 << 16 and at % 8 == 0
    ]  # fmt: skip
    three = tuple(items)
    lists, tuples = [[None] * n for n in (3, 5, 70)], [(None,) * n for n in (3, 5, 70)]
    return {
        "list_items": _only([
            o for o in tables
            if [_word(_word(id(items) + o) + 8 * i) for i in range(3)] == [id(x) for x in items]
        ]),
        "tuple_items": _only([
            o for o in range(16, tuple.__basicsize__ + 8, 8)
            if [_word(id(three) + o + 8 * i) for i in range(3)] == [id(x) for x in items]
        ]),
        "list_size": min(
            o for o in range(16, list.__basicsize__, 8)
            if all(_word(id(x) + o) == len(x) for x in lists)
        ),
        "tuple_size": _find(tuples, tuple.__basicsize__, _word, len),
    }  # fmt: skip


def _objects() -> dict[str, int]:
    numbers = [1.5, -2.25e300, 3.125]
    plain = [np.zeros(2), 1.5, "text", (1, 2), [3]]
    arrays = [Array(np.zeros(2), True), Array(np.ones(3), False)]
    size = Array.__basicsize__
    return {
        "type": _find(plain, 24, _word, lambda x: id(type(x))),
        "float_value": _find(
            numbers, float.__basicsize__, _word,
            lambda x: struct.unpack("<q", struct.pack("<d", x))[0],
        ),
        "Array_value": _find(arrays, size, _word, lambda a: id(a._value)),
        "Array_weak": _find(arrays, size, _word, lambda a: id(a._weak)),
    }  # fmt: skip


def numpy_empty() -> int:
    """The address of NumPy's `PyArray_Empty`."""
    from bibun.compiler.libraries import capsule_address

    table = capsule_address(np._core.multiarray._ARRAY_API)  # type: ignore[attr-defined]
    return _word(table + 8 * _NUMPY_EMPTY)


@functools.cache
def measure() -> dict[str, int] | None:
    """Offsets by name, or None where the layout could not be made sure of."""
    if sys.implementation.name != "cpython" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return None
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return None
    if int(np.__version__.partition(".")[0]) != _NUMPY_MAJOR:
        return None
    try:
        return _arrays() | _containers() | _objects()
    except (_NotFound, ValueError, AttributeError):
        return None
