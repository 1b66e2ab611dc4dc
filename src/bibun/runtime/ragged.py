"""Ragged lists across the native boundary.

Native code knows a list as a handle of three words: address of the data, number of
elements, capacity. A list that goes in lends its rows: its capacity is -1, and native code
neither frees nor grows it. A list that comes out is `malloc`ed by the callee, exactly as large
as it is, and owned from then on by the array made of it here, which frees it. The data of a
list of lists are the handles of its elements.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from bibun.ir.types import RaggedType
from bibun.ops.control.ragged import Ragged, empty_value

_WORDS = 3
_INT64 = np.dtype(np.int64)


@functools.cache
def _free() -> Callable[[int], None]:
    from bibun.compiler.libraries import address

    found = address("free")
    assert found is not None
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(found)


class _Block:
    """Memory from `malloc` that NumPy may read; freed when the last array over it dies."""

    __slots__ = ("__array_interface__", "_address", "_release")

    def __init__(self, address: int, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self._address = address
        self._release = _free()
        self.__array_interface__ = {
            "shape": shape, "typestr": f"|V{dtype.itemsize}", "data": (address, True),
            "version": 3,
        }  # fmt: skip

    def __del__(self) -> None:
        self._release(self._address)


def lend(value: Ragged, keep: list[Any]) -> np.ndarray:
    """The handle of a list that goes in; what must live as long as the call is put in `keep`."""
    if isinstance(value.type.element, RaggedType):
        data = np.array([lend(item, keep) for item in value._items], _INT64)  # type: ignore[union-attr]
    else:
        data = np.ascontiguousarray(value.rows)
        if not data.flags.aligned:
            data = data.copy()
    keep.append(data)
    return np.array([data.__array_interface__["data"][0], len(value), -1], _INT64)


def take(handle: np.ndarray, type: RaggedType) -> Ragged:
    """The list that came out in `handle`."""
    address, count, _ = handle.tolist()
    element = type.element
    if not count:
        return empty_value(element)
    if not isinstance(element, RaggedType):
        shape, dtype = (count, *element.shape), element.dtype
        rows = np.asarray(_Block(address, shape, dtype)).view(dtype)
        return Ragged(element, rows)
    words = (ctypes.c_int64 * (_WORDS * count)).from_address(address)
    table = np.array(words, _INT64).reshape(count, _WORDS)
    _free()(address)
    return Ragged(element, tuple(take(h, element) for h in table))


def discard(handle: np.ndarray, type: RaggedType) -> None:
    """Free what a call that failed had already written."""
    if handle[0]:
        take(handle, type)
