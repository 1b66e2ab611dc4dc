"""`bibun.lax`, parts of arrays: static and dynamic slices."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from bibun.array import Value
from bibun.dtypes import default_int
from bibun.errors import ShapeError
from bibun.numpy._common import as_int, as_shape, axis_index, promote_args, value
from bibun.numpy.indexing import widened, wrapped
from bibun.ops import index as ix
from bibun.ops import shape as sh
from bibun.ops.check import check_true

__all__ = [
    "dynamic_index_in_dim", "dynamic_slice", "dynamic_slice_in_dim",
    "dynamic_update_index_in_dim", "dynamic_update_slice", "dynamic_update_slice_in_dim",
    "index_in_dim", "slice", "slice_in_dim",
]  # fmt: skip


def slice(operand: Any, start_indices: Sequence[int], limit_indices: Sequence[int],
          strides: Sequence[int] | None = None) -> Value:  # fmt: skip
    """A static box.

    >>> from bibun import lax
    >>> print(lax.slice(lax.iota(int, 5), (1,), (5,), (2,)))
    [1 3]
    """
    return sh.slice(
        value("slice", "operand", operand), starts=as_shape("slice", tuple(start_indices)),
        limits=as_shape("slice", tuple(limit_indices)),
        strides=None if strides is None else as_shape("slice", tuple(strides)),
    )  # fmt: skip


def slice_in_dim(operand: Any, start_index: int | None, limit_index: int | None, stride: int = 1,
                 axis: int = 0) -> Value:  # fmt: skip
    """A static range along one axis.

    >>> from bibun import lax
    >>> print(lax.slice_in_dim(lax.iota(int, 5), 1, 3))
    [1 2]
    """
    x = value("slice_in_dim", "operand", operand)
    k = axis_index("slice_in_dim", axis, x.ndim)
    part = builtins.slice(start_index, limit_index, stride)
    return x[(builtins.slice(None),) * k + (part,)]


def index_in_dim(operand: Any, index: int, axis: int = 0, keepdims: bool = True) -> Value:
    """One static index along an axis.

    >>> from bibun import lax
    >>> print(lax.index_in_dim(lax.iota(int, 5), 2, keepdims=False))
    2
    """
    x = value("index_in_dim", "operand", operand)
    k = axis_index("index_in_dim", axis, x.ndim)
    i = as_int("index_in_dim", "index", index)
    if not -x.shape[k] <= i < x.shape[k]:
        raise IndexError(
            f"index_in_dim: index {i} is out of bounds for axis {k} with size {x.shape[k]}"
        )
    i %= x.shape[k]
    out = slice_in_dim(x, i, i + 1, 1, k)
    return out if keepdims else sh.squeeze(out, axes=(k,))


def _starts(
    name: str, x: Value, start_indices: Any, sizes: Sequence[int], mode: str | None,
    negative: bool | Sequence[bool],
) -> list[Any]:  # fmt: skip
    """Starts counted from 0, after a check that the window lies inside (not for "clip")."""
    if mode not in (None, "raise", "clip"):
        raise ValueError(f"{name}: mode must be 'raise' or 'clip', got {mode!r}")
    if isinstance(start_indices, Value | np.ndarray):
        if start_indices.ndim != 1:
            raise ShapeError(f"{name}: start_indices must be a sequence or a 1-d array")
        start_indices = [start_indices[k] for k in range(start_indices.shape[0])]
    if len(start_indices) != x.ndim:
        raise ShapeError(f"{name}: {len(start_indices)} starts for an array of shape {x.shape}")
    from_end = [negative] * x.ndim if isinstance(negative, bool) else list(negative)
    if len(from_end) != x.ndim:
        raise ShapeError(
            f"{name}: {len(from_end)} allow_negative_indices for an array of shape {x.shape}"
        )
    out = []
    for axis, (i, n, size) in enumerate(zip(start_indices, x.shape, sizes, strict=True)):
        if isinstance(i, int | np.integer):
            start: Any = default_int().type(i + n if i < 0 and from_end[axis] else i)
        else:
            start = value(name, "start_indices", i)
            start = widened(wrapped(start, n) if from_end[axis] else start)
        if mode != "clip" and not (isinstance(start, np.integer) and 0 <= start <= n - size):
            where = f"of a window of {size} is out of bounds for axis {axis} with size {n}"
            inside = (start >= 0) & (start <= n - size)
            check_true(inside, i, error="index", message=f"{name}: start {{}} {where}")
        out.append(start)
    return out


def dynamic_slice(
    operand: Any, start_indices: Any, slice_sizes: Sequence[int], mode: str | None = None, *,
    allow_negative_indices: bool | Sequence[bool] = True,
) -> Value:  # fmt: skip
    """A box of static size at traced starts; negative ones count from the end, where allowed.

    Errors: IndexError where it does not lie inside; with `mode="clip"` the starts are clamped.

    >>> from bibun import lax
    >>> print(lax.dynamic_slice(lax.iota(int, 5), (2,), (2,)))
    [2 3]
    """
    x = value("dynamic_slice", "operand", operand)
    sizes = as_shape("dynamic_slice", tuple(slice_sizes), "slice_sizes")
    starts = _starts("dynamic_slice", x, start_indices, sizes, mode, allow_negative_indices)
    return ix.dynamic_slice(x, *starts, sizes=sizes)


def _in_dim(x: Value, index: Any, k: int) -> list[Any]:
    return [index if j == k else 0 for j in range(x.ndim)]


def dynamic_slice_in_dim(
    operand: Any, start_index: Any, slice_size: int, axis: int = 0, mode: str | None = None, *,
    allow_negative_indices: bool = True,
) -> Value:  # fmt: skip
    """A window of static size at a traced start along one axis; see `dynamic_slice`.

    >>> from bibun import lax
    >>> print(lax.dynamic_slice_in_dim(lax.iota(int, 5), 2, 2))
    [2 3]
    """
    x = value("dynamic_slice_in_dim", "operand", operand)
    k = axis_index("dynamic_slice_in_dim", axis, x.ndim)
    sizes = list(x.shape)
    sizes[k] = as_int("dynamic_slice_in_dim", "slice_size", slice_size)
    return dynamic_slice(x, _in_dim(x, start_index, k), sizes, mode,
                         allow_negative_indices=allow_negative_indices)  # fmt: skip


def dynamic_index_in_dim(
    operand: Any, index: Any, axis: int = 0, keepdims: bool = True, mode: str | None = None, *,
    allow_negative_indices: bool = True,
) -> Value:  # fmt: skip
    """One traced index along an axis. Errors: IndexError, unless `mode="clip"`.

    >>> from bibun import lax
    >>> print(lax.dynamic_index_in_dim(lax.iota(int, 5), 2, keepdims=False))
    2
    """
    x = value("dynamic_index_in_dim", "operand", operand)
    k = axis_index("dynamic_index_in_dim", axis, x.ndim)
    out = dynamic_slice_in_dim(x, index, 1, k, mode,
                               allow_negative_indices=allow_negative_indices)  # fmt: skip
    return out if keepdims else sh.squeeze(out, axes=(k,))


def dynamic_update_slice(
    operand: Any, update: Any, start_indices: Any, mode: str | None = None, *,
    allow_negative_indices: bool | Sequence[bool] = True,
) -> Value:  # fmt: skip
    """A copy with a box overwritten at traced starts; negative ones count from the end, if allowed.

    Errors: IndexError where it does not lie inside; with `mode="clip"` the starts are clamped.

    >>> from bibun import lax
    >>> print(lax.dynamic_update_slice(lax.iota(int, 4), lax.full((2,), 9), (1,)))
    [0 9 9 3]
    """
    x, new = promote_args("dynamic_update_slice", operand, update)
    x, new = value("dynamic_update_slice", "operand", x), value("dynamic_update_slice", "u", new)
    if new.ndim != x.ndim:
        raise ShapeError(
            f"dynamic_update_slice: an update of shape {new.shape} for an array of shape {x.shape}"
        )
    starts = _starts("dynamic_update_slice", x, start_indices, new.shape, mode,
                     allow_negative_indices)  # fmt: skip
    return ix.dynamic_update_slice(x, new, *starts)


def dynamic_update_slice_in_dim(
    operand: Any, update: Any, start_index: Any, axis: int, mode: str | None = None, *,
    allow_negative_indices: bool = True,
) -> Value:  # fmt: skip
    """A copy with a range along one axis overwritten at a traced start; see the above.

    >>> from bibun import lax
    >>> print(lax.dynamic_update_slice_in_dim(lax.iota(int, 4), lax.full((2,), 9), 1, 0))
    [0 9 9 3]
    """
    x = value("dynamic_update_slice_in_dim", "operand", operand)
    k = axis_index("dynamic_update_slice_in_dim", axis, x.ndim)
    return dynamic_update_slice(x, update, _in_dim(x, start_index, k), mode,
                                allow_negative_indices=allow_negative_indices)  # fmt: skip


def dynamic_update_index_in_dim(
    operand: Any, update: Any, index: Any, axis: int, mode: str | None = None, *,
    allow_negative_indices: bool = True,
) -> Value:  # fmt: skip
    """A copy with one traced index along an axis overwritten; see the above.

    >>> from bibun import lax
    >>> print(lax.dynamic_update_index_in_dim(lax.iota(int, 3), 9, 1, 0))
    [0 9 2]
    """
    x = value("dynamic_update_index_in_dim", "operand", operand)
    k = axis_index("dynamic_update_index_in_dim", axis, x.ndim)
    new = value("dynamic_update_index_in_dim", "update", update)
    if new.ndim != x.ndim:
        new = sh.expand_dims(new, axes=(k,))
    return dynamic_update_slice_in_dim(x, new, index, k, mode,
                                       allow_negative_indices=allow_negative_indices)  # fmt: skip
