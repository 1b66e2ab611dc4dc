"""Dtypes, the promotion lattice, and the element type of random keys.

Promotion follows JAX: a Python scalar is *weak* and takes the dtype of the array it meets
if that can hold its kind. A random key is one 8-byte element, two 32-bit words, so that
shape operations, gathers and loops treat it like any other element.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from bibun.config import config
from bibun.errors import DTypeError

KEY = np.dtype([("key<fry>", np.uint32, (2,))])  # a threefry key as one element
FLOAT0 = np.dtype([("float0", np.void, 0)])  # the tangent of what cannot be differentiated

bool_ = np.dtype(np.bool_)
int8, int16, int32, int64 = (np.dtype(t) for t in (np.int8, np.int16, np.int32, np.int64))
uint8, uint16, uint32, uint64 = (
    np.dtype(t) for t in (np.uint8, np.uint16, np.uint32, np.uint64)
)
float32, float64 = np.dtype(np.float32), np.dtype(np.float64)
complex64, complex128 = np.dtype(np.complex64), np.dtype(np.complex128)

SUPPORTED = frozenset(
    {bool_, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64,
     complex64, complex128, KEY, FLOAT0}
)  # fmt: skip

_TO_32 = {float64: float32, int64: int32, uint64: uint32, complex128: complex64}


def default_float() -> np.dtype:
    return float64 if config.read("enable_x64") else float32


def default_int() -> np.dtype:
    return int64 if config.read("enable_x64") else int32


def default_complex() -> np.dtype:
    return complex128 if config.read("enable_x64") else complex64


def scalar_dtype(value: Any) -> np.dtype:
    """The dtype a bare Python scalar has where nothing else decides."""
    if isinstance(value, bool):
        return bool_
    if isinstance(value, int):
        return default_int()
    if isinstance(value, float):
        return default_float()
    if isinstance(value, complex):
        return default_complex()
    raise DTypeError(f"{type(value).__name__} is not a Python scalar")


def canonical(dtype: Any) -> np.dtype:
    """The supported dtype meant by `dtype` under the present settings.

    Python's `float`, `int`, `complex` and `bool` mean the defaults. Errors: DTypeError for
    strings, objects, dates, half and extended precision, and foreign byte orders are
    converted to native.
    """
    if dtype is float:
        return default_float()
    if dtype is int:
        return default_int()
    if dtype is complex:
        return default_complex()
    if dtype is bool:
        return bool_
    dt = np.dtype(getattr(dtype, "dtype", dtype) if not isinstance(dtype, type) else dtype)
    if dt in SUPPORTED:
        pass
    elif dt.newbyteorder("=") in SUPPORTED:
        dt = dt.newbyteorder("=")
    elif dt == np.float16:
        dt = float32
    else:
        raise DTypeError(
            f"dtype {dt} is not supported; bibun has bool, integers of 8 to 64 bits, "
            "float32, float64, complex64, complex128 and random keys"
        )
    if not config.enable_x64:
        dt = _TO_32.get(dt, dt)
    return dt


def is_complex(dt: np.dtype) -> bool:
    return dt.kind == "c"


def is_inexact(dt: np.dtype) -> bool:
    return dt.kind in "fc"


def is_integer(dt: np.dtype) -> bool:
    return dt.kind in "iu"


def real_of(dt: np.dtype) -> np.dtype:
    """The dtype of the real part."""
    return {complex64: float32, complex128: float64}.get(dt, dt)


def complex_of(dt: np.dtype) -> np.dtype:
    """The complex dtype that holds a real dtype."""
    if dt.kind == "c":
        return dt
    return complex64 if dt == float32 else complex128


# A total order of the kinds of weak scalars, bottom first.
_KIND_RANK = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}


@functools.cache
def _join(a: np.dtype, b: np.dtype) -> np.dtype:
    """Join of two strong dtypes in JAX's lattice."""
    if a == b:
        return a
    if KEY in (a, b) or FLOAT0 in (a, b):
        raise DTypeError(f"{a} and {b} have no common dtype")
    ka, kb = _KIND_RANK[a.kind], _KIND_RANK[b.kind]
    if ka > kb:
        a, b, ka, kb = b, a, kb, ka
    if ka == 0:
        return b
    if ka == kb == 1:
        if {a, b} & {uint64} and "i" in (a.kind, b.kind):
            return float64  # JAX: weak float; the default float here
        return np.promote_types(a, b)
    if ka == kb:
        return np.promote_types(a, b)
    if ka == 1:
        return b  # an integer array takes the inexact partner's dtype
    return complex_of(a) if complex_of(a).itemsize >= b.itemsize else b


def promote(types: list[tuple[np.dtype, bool]]) -> tuple[np.dtype, bool]:
    """Common dtype of operands given as (dtype, weak), and whether the result is weak.

    >>> promote([(np.dtype("float32"), False), (np.dtype("float64"), True)])
    (dtype('float32'), False)
    """
    strong = [d for d, weak in types if not weak]
    weak = [d for d, w in types if w]
    if not strong:
        result = functools.reduce(_join, weak)
        return (result, result != bool_)
    result = functools.reduce(_join, strong)
    for d in weak:
        if d == result:
            continue
        rw, rs = _KIND_RANK[d.kind], _KIND_RANK.get(result.kind, -1)
        if rs < 0:
            raise DTypeError(f"{d} and {result} have no common dtype")
        if rw <= rs:
            continue
        if rw == 1:
            result = default_int()
        elif rw == 2:
            result = default_float()
        else:
            result = complex_of(result) if result.kind == "f" else default_complex()
    if not config.enable_x64:
        result = _TO_32.get(result, result)
    return result, False
