"""Functions that pick elements: take, take_along_axis, diagonal, select, compress, ….

They are the plans of `indexing.py` under NumPy's names, with its modes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bibun.array import Array, Value
from bibun.dtypes import default_int
from bibun.errors import DTypeError, ShapeError
from bibun.numpy._common import (
    as_int,
    axis_index,
    need_concrete,
    no_out,
    value,
)
from bibun.numpy.indexing import (
    GATHER_MODE,
    MODES,
    Plan,
    _refill,
    checked,
    read,
    widened,
    wrapped,
)
from bibun.ops import linalg
from bibun.ops import shape as sh

__all__ = [
    "choose", "compress", "diagonal", "extract", "place", "put", "put_along_axis", "select",
    "take", "take_along_axis",
]  # fmt: skip


def _mode(name: str, mode: Any) -> Any:
    if mode not in MODES:
        known = ", ".join(repr(m) for m in MODES[1:])
        raise ValueError(f"{name}: mode must be one of {known}, got {mode!r}")
    return mode


def take(a: Any, indices: Any, axis: int | None = None, out: None = None, mode: Any = None,
         unique_indices: bool = False, indices_are_sorted: bool = False,
         fill_value: Any = None) -> Value:  # fmt: skip
    """Elements at integer indices along an axis (of the raveled array if none is given).

    mode: None or "raise" (the default: IndexError out of bounds, compiled too), "clip",
    "wrap", "fill" (with `fill_value`, nan if none is given), "promise_in_bounds".

    >>> import bibun.numpy as bnp
    >>> print(bnp.take(bnp.array([1.0, 2.0, 3.0]), bnp.array([2, 0])))
    [3. 1.]
    """
    no_out("take", out)
    mode = _mode("take", mode)
    x = value("take", "a", a)
    if axis is None:
        x, axis = sh.reshape(x, shape=(x.size,)) if x.ndim != 1 else x, 0
    k = axis_index("take", axis, x.ndim)
    i = np.asarray(indices) if isinstance(indices, list | tuple) else indices
    i = value("take", "indices", i)
    if i.dtype.kind not in "iu":
        raise DTypeError(f"take: indices must be integers, got dtype {i.dtype}")
    if type(i) is Array:
        i = i._value
    plan = Plan()
    plan.entries = [(0, n, 1) for n in x.shape]
    plan.entries[k] = i
    plan.advanced, plan.array_shape = (k,), i.shape
    plan.layout = list(range(x.ndim))
    plan.layout[k] = "arrays"
    plan.shape = (*x.shape[:k], *i.shape, *x.shape[k + 1 :])
    plan.scalars = i.ndim == 0
    return read(x, plan, mode, fill_value, "take")


def take_along_axis(arr: Any, indices: Any, axis: int | None = -1, mode: Any = None,
                    fill_value: Any = None, *, wrap_negative_indices: bool = True
                    ) -> Value:  # fmt: skip
    """For each line along an axis, its elements at its own indices.

    wrap_negative_indices: whether those count from the end, or are out of bounds.

    >>> import bibun.numpy as bnp
    >>> x = bnp.array([[3, 1], [2, 4]])
    >>> print(bnp.take_along_axis(x, bnp.argsort(x, axis=1), axis=1))
    [[1 3]
     [2 4]]
    """
    from bibun.numpy.arithmetic import remainder
    from bibun.ops.check import check_index
    from bibun.ops.index import gather

    mode = _mode("take_along_axis", mode)
    x, i, k = _along("take_along_axis", arr, indices, axis)
    n = x.shape[k]
    if not wrap_negative_indices and mode != "wrap":
        if mode in (None, "raise"):
            check_index(i, axis=k, size=n, what="take_along_axis: index")
        i = widened(i)
    elif mode in (None, "raise"):
        i = checked(i, k, n, "take_along_axis")
    else:
        i = remainder(widened(i), n) if mode == "wrap" else wrapped(i, n)
    shape = np.broadcast_shapes(tuple(1 if j == k else m for j, m in enumerate(x.shape)), i.shape)
    if i.shape != shape:
        i = sh.broadcast_to(i, shape=shape)
    if x.shape[:k] + x.shape[k + 1 :] != shape[:k] + shape[k + 1 :]:
        x = sh.broadcast_to(x, shape=(*shape[:k], n, *shape[k + 1 :]))
    grid = [i if j == k else sh.iota(shape=shape, dtype=default_int(), axis=j)
            for j in range(x.ndim)]  # fmt: skip
    out = gather(x, *grid, axes=tuple(range(x.ndim)), mode=GATHER_MODE[mode])
    if mode == "fill" and fill_value is not None:
        out = _refill(out, [i], [n], fill_value)
    return out


def _along(name: str, arr: Any, indices: Any, axis: int | None) -> tuple[Value, Any, int]:
    x, i = value(name, "arr", arr), value(name, "indices", indices)
    if i.dtype.kind not in "iu":
        raise DTypeError(f"{name}: indices must be integers, got dtype {i.dtype}")
    if axis is None:
        x, axis = sh.reshape(x, shape=(x.size,)), 0
    k = axis_index(name, axis, x.ndim)
    if i.ndim != x.ndim:
        raise ShapeError(
            f"{name}: arr of shape {x.shape} and indices of shape {i.shape} must have the same "
            "number of dimensions"
        )
    return x, i, k


def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None, inplace: bool = False,
                   *, mode: Any = None) -> Value:  # fmt: skip
    """A copy in which each line has values put at its own indices.

    >>> import bibun.numpy as bnp
    >>> print(bnp.put_along_axis(bnp.zeros((1, 3)), bnp.array([[1]]), 5.0, axis=1))
    [[0. 5. 0.]]
    """
    if inplace:
        raise ValueError("put_along_axis: arrays are immutable; use the result, inplace=False")
    x, i, k = _along("put_along_axis", arr, indices, axis)
    lines = [np.arange(n if i.shape[j] == 1 else i.shape[j]) for j, n in enumerate(x.shape)]
    grid = [i if j == k else line.reshape([-1 if m == j else 1 for m in range(x.ndim)])
            for j, line in enumerate(lines)]  # fmt: skip
    out = x.at[tuple(grid)].set(values, mode=mode)
    original = value("put_along_axis", "arr", arr)
    return out if out.shape == original.shape else sh.reshape(out, shape=original.shape)


def put(a: Any, ind: Any, v: Any, mode: Any = None, *, inplace: bool = False) -> Value:
    """A copy in which elements of the raveled array are replaced; v is repeated as needed.

    >>> import bibun.numpy as bnp
    >>> print(bnp.put(bnp.zeros(4), bnp.array([0, 2]), 5.0))
    [5. 0. 5. 0.]
    """
    if inplace:
        raise ValueError("put: arrays are immutable; use the result, inplace=False")
    from bibun.numpy.creation import asarray
    from bibun.numpy.shape import resize

    x, i, new = value("put", "a", a), asarray(ind), asarray(v)
    if i.size == 0 or new.size == 0:
        return x
    new = resize(new, (i.size,))
    flat = sh.reshape(x, shape=(x.size,)).at[i.ravel()].set(new, mode=_mode("put", mode))
    return sh.reshape(flat, shape=x.shape)


def place(arr: Any, mask: Any, vals: Any, *, inplace: bool = False) -> Value:
    """A copy in which the elements under a mask become vals in turn, repeated as needed.

    >>> import bibun.numpy as bnp
    >>> x = bnp.arange(4)
    >>> print(bnp.place(x, x > 1, bnp.array([7, 8])))
    [0 1 7 8]
    """
    if inplace:
        raise ValueError("place: arrays are immutable; use the result, inplace=False")
    from bibun.numpy.creation import asarray
    from bibun.numpy.cumulative import cumsum
    from bibun.numpy.elementwise import astype, where

    x, m, new = value("place", "arr", arr), asarray(mask), asarray(vals)
    if m.size != x.size:
        raise ShapeError(f"place: a mask of shape {m.shape} for an array of shape {x.shape}")
    if new.size == 0:
        raise ShapeError("place: vals is empty")
    flat = sh.reshape(m, shape=(m.size,)) != 0
    turn = (cumsum(flat) - 1) % new.size
    chosen = take(sh.reshape(new, shape=(new.size,)), turn)
    new = astype(sh.reshape(chosen, shape=x.shape), x.dtype)
    return where(sh.reshape(flat, shape=x.shape), new, x)


def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Value:
    """The diagonal of the planes of two axes; it becomes the last axis.

    >>> import bibun.numpy as bnp
    >>> print(bnp.diagonal(bnp.array([[1, 2], [3, 4]])))
    [1 4]
    """
    from bibun.numpy.shape import moveaxis

    x = value("diagonal", "a", a)
    i, j = axis_index("diagonal", axis1, x.ndim), axis_index("diagonal", axis2, x.ndim)
    if i == j:
        raise ShapeError(f"diagonal: axis1 and axis2 are both {i}")
    x = moveaxis(x, (i, j), (-2, -1))
    n, m = x.shape[-2:]
    offset = as_int("diagonal", "offset", offset)
    return linalg.diagonal(x, offset=min(max(offset, -n), m))


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Value:
    """For each element the choice of the first condition that holds, else the default.

    >>> import bibun.numpy as bnp
    >>> x = bnp.array([1.0, 5.0])
    >>> print(bnp.select([x < 2, x > 4], [x, 10 * x]))
    [ 1. 50.]
    """
    from bibun.numpy._common import promote_args
    from bibun.numpy.elementwise import where

    if len(condlist) != len(choicelist) or not condlist:
        raise ValueError(
            f"select: {len(condlist)} conditions for {len(choicelist)} choices; needs as many "
            "of each, at least one"
        )
    *choices, out = promote_args("select", *choicelist, default)
    for condition, choice in zip(condlist[::-1], choices[::-1], strict=True):
        out = where(condition, choice, out)
    return out


def choose(a: Any, choices: Any, out: None = None, mode: Any = None) -> Value:
    """For each element the choice that its index names.

    >>> import bibun.numpy as bnp
    >>> print(bnp.choose(bnp.array([1, 0]), [bnp.array([1, 2]), bnp.array([3, 4])]))
    [3 2]
    """
    from bibun.numpy.joining import stack
    from bibun.numpy.shape import broadcast_arrays, expand_dims

    no_out("choose", out)
    i, *arrays = broadcast_arrays(value("choose", "a", a), *choices)
    table = stack(arrays)
    got = take_along_axis(table, expand_dims(i, 0), 0, mode=mode)
    return sh.squeeze(got, axes=(0,))


def compress(condition: Any, a: Any, axis: int | None = None, out: None = None, *,
             size: int | None = None, fill_value: Any = 0) -> Value:  # fmt: skip
    """The slices where a 1-d condition holds; under jit give `size`.

    >>> import bibun.numpy as bnp
    >>> print(bnp.compress(bnp.array([True, False]), bnp.array([1, 2])))
    [1]
    """
    from bibun.numpy.creation import asarray
    from bibun.numpy.sorting import nonzero

    no_out("compress", out)
    x = value("compress", "a", a)
    if axis is None:
        x, axis = sh.reshape(x, shape=(x.size,)), 0
    c = asarray(condition)
    if size is None:
        return take(x, np.flatnonzero(need_concrete(c, "compress (or give size=)")), axis=axis)
    (places,) = nonzero(c, size=size, fill_value=x.shape[axis])
    return take(x, places, axis=axis, mode="fill", fill_value=fill_value)


def extract(condition: Any, arr: Any, *, size: int | None = None, fill_value: Any = 0) -> Value:
    """The elements where a condition holds, in one axis; under jit give `size`.

    >>> import bibun.numpy as bnp
    >>> x = bnp.array([1, 2, 3])
    >>> print(bnp.extract(x > 1, x))
    [2 3]
    """
    c = value("extract", "condition", condition)
    flat = sh.reshape(c, shape=(math.prod(c.shape),))
    return compress(flat, arr, None, size=size, fill_value=fill_value)
