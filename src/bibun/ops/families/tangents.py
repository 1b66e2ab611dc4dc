"""Which types have tangents, what their zeros are, and how cotangents add.

Derivative rules write a zero tangent as None. Only where a zero must be a value (the carry
of a loop, an argument of a user's rule, a result) is it made here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.dtypes import FLOAT0, default_float
from bibun.ir.types import ArrayType, RaggedType, Type
from bibun.ops.families.shape import mapped_front, zeros
from bibun.trace.core import type_of

_add: Any = None


def has_tangent(type: Type) -> bool:
    """Whether values of this type have a derivative: floating and complex ones do."""
    while isinstance(type, RaggedType):
        type = type.element
    return type.dtype.kind in "fc"


def as_float(x: Any) -> Any:
    """A weak integer, a Python int in disguise, as the weak float it may as well be."""
    from bibun.ops.registry import get

    return get("convert")(x, new_dtype=default_float(), weak=True)


def zeros_of(type: Type) -> Any:
    """A zero of a tangent type, in the current trace."""
    if isinstance(type, RaggedType):
        from bibun.ops.control.ragged import ragged_empty

        return ragged_empty(element=type.element)
    if type.dtype == FLOAT0:
        return np.zeros(type.shape, FLOAT0)
    return zeros(type.shape, type.dtype)


def instantiate(tangent: Any, primal: Any) -> Any:
    """The tangent, or the zero that None stands for; `primal` gives the type."""
    return zeros_of(type_of(primal).tangent()) if tangent is None else tangent


def add_tangents(x: Any, y: Any) -> Any:
    """The sum of two tangents or cotangents, either of which may be None."""
    global _add
    if x is None:
        return y
    if y is None:
        return x
    if _add is None:
        from bibun.ops.elementwise import add as _add
    if isinstance(type_of(x), ArrayType):
        return _add(x, y)
    from bibun.ops.control.common import accumulate

    return accumulate(x, y)


def stack_front(x: Any, dim: int | None, size: int) -> Any:
    """`x` with its mapped axis in front; an unmapped value is repeated."""
    if isinstance(type_of(x), ArrayType):
        return mapped_front(x, dim, size)
    from bibun.ops.control.common import lanes

    return lanes(x, size) if dim is None else x  # ragged lists have the axis in front already


def sum_front(x: Any) -> Any:
    """The sum over axis 0: the cotangent of a value that was the same for a whole batch."""
    from bibun.ops.reduce import reduce_sum

    return reduce_sum(x, axes=(0,))


def identity_rows(total: int, start: int, count: int, dtype: Any) -> Any:
    """Columns `start` to `start + count` of the identity matrix of size `total`."""
    from bibun.ops.elementwise import add, convert, eq
    from bibun.ops.shape import iota

    shape = (total, count)
    row = iota(shape=shape, dtype=np.dtype(np.int64), axis=0)
    column = iota(shape=shape, dtype=np.dtype(np.int64), axis=1)
    return convert(eq(row, add(column, start) if start else column), new_dtype=dtype)


def first(x: Any, dim: int) -> Any:
    """The first of the values stacked along `dim`."""
    from bibun.ops.shape import slice, squeeze

    shape = x.shape
    limits = tuple(1 if k == dim else n for k, n in enumerate(shape))
    row = slice(x, starts=(0,) * len(shape), limits=limits, strides=(1,) * len(shape))
    return squeeze(row, axes=(dim,))
