"""What gathers and scatters share: their typing, modes, and index arithmetic.

`indices` are integer arrays of one shape S, one for each of the ascending `axes` of x. The
indexed view of x has the shape S followed by the axes that are not indexed, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun.errors import DTypeError, ShapeError
from bibun.ir.types import ArrayType
from bibun.ops.families.shape import (
    INT64,
    check_axes,
    dtype_of,
    mapped_front,
    numpy_of,
    shape_of,
)

# "zero" is "fill" with 0: the tangent of a filled gather. Users have the first three.
MODES = ("clip", "fill", "promise_in_bounds", "zero")


def staged_indices(first: int) -> Callable[..., Any]:
    """A `stage` hook: a Python int among the indices is an int64, never x's dtype."""

    def hook(trace: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        return [
            np.int64(a) if k >= first and type(a) is int else a for k, a in enumerate(args)
        ], params

    return hook


def indexed_shape(
    name: str, x: ArrayType, indices: Sequence[ArrayType], axes: Sequence[int], mode: str
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(S, the axes not indexed). Errors: ShapeError, DTypeError, ValueError for the mode."""
    if mode not in MODES:
        raise ValueError(f"{name}: mode must be one of {', '.join(MODES[:3])}, got {mode!r}")
    check_axes(name, axes, x.ndim)
    if list(axes) != sorted(axes) or len(axes) != len(indices) or not axes:
        raise ShapeError(
            f"{name}: needs one index array for each of its ascending axes, got "
            f"{len(indices)} for axes {tuple(axes)}"
        )
    for t in indices:
        if t.dtype.kind not in "iu":
            raise DTypeError(f"{name}: indices must be integers, got {t}")
        if t.shape != indices[0].shape:
            listed = ", ".join(str(i.shape) for i in indices)
            raise ShapeError(f"{name}: index arrays must have one shape, got {listed}")
    if indices[0].size and mode in ("clip", "promise_in_bounds"):
        for a in axes:
            if x.shape[a] == 0:
                raise ShapeError(f"{name}: axis {a} of shape {x.shape} has no elements to index")
    return indices[0].shape, other_axes(x.ndim, axes)


def other_axes(ndim: int, axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(k for k in range(ndim) if k not in axes)


def index_arrays(indices: Sequence[Any]) -> list[np.ndarray]:
    """NumPy: the indices as arrays. Errors: TypeError where the type rule has a better one."""
    arrays = [numpy_of(i) for i in indices]
    if any(i.dtype.kind not in "iu" or i.shape != arrays[0].shape for i in arrays):
        raise TypeError("indices must be integers of one shape")
    return arrays


def clipped(x: np.ndarray, indices: Sequence[np.ndarray], axes: Sequence[int]) -> tuple[Any, ...]:
    """NumPy: indices moved to the nearest element."""

    def one(i: np.ndarray, size: int) -> np.ndarray:
        wide = i if i.dtype.itemsize > 2 else i.astype(np.intp)  # 8 bits do not hold every size
        return np.minimum(np.maximum(wide, 0), max(size - 1, 0)).astype(np.intp)

    return tuple(one(i, x.shape[a]) for i, a in zip(indices, axes, strict=True))


def in_bounds(x: np.ndarray, indices: Sequence[np.ndarray], axes: Sequence[int]) -> np.ndarray:
    """NumPy: which indices meet an element."""
    ok: Any = True
    for i, a in zip(indices, axes, strict=True):
        ok = ok & (i >= 0) & (i < x.shape[a])
    return np.asarray(ok)


# batching ----------------------------------------------------------------------------------------


def batch_indices(
    size: int, indices: Sequence[Any], dims: Sequence[int | None], own_axis: bool
) -> list[Any]:
    """Indices with the mapped axis in front; with `own_axis` also the index of each lane."""
    fronted = [mapped_front(i, d, size) for i, d in zip(indices, dims, strict=True)]
    if not own_axis:
        return fronted
    from bibun.ops.shape import iota

    shape = shape_of(fronted[0])
    return [iota(shape=shape, dtype=INT64, axis=0), *fronted]


def clamp_index(i: Any, top: int) -> Any:
    """`i` moved into [0, top] and made int64: clamped in its own dtype, so uint64 is safe."""
    from bibun.ops.elementwise import convert, max, min

    dtype = dtype_of(i)
    if dtype.kind == "i":
        i = max(i, dtype.type(0))
    if top < np.iinfo(dtype).max:
        i = min(i, dtype.type(top))
    return convert(i, new_dtype=INT64)


# lowering ----------------------------------------------------------------------------------------


def read_indices(
    b: Any, sources: Sequence[Any], idx: Sequence[Any], sizes: Sequence[int], mode: str
) -> tuple[list[Any], Any]:
    """(safe int64 indices, whether they were in bounds: None where that does not matter)."""
    zero = b.const(0, INT64)
    safe, ok = [], None
    for source, n in zip(sources, sizes, strict=True):
        i = source.read(idx)
        unsigned = i.dtype == np.uint64
        i = b.convert(i, INT64)
        if unsigned:  # what is beyond int64 is beyond every axis, above it
            i = b.select(b.compare("lt", i, zero), b.const(np.iinfo(np.int64).max, INT64), i)
        if mode in ("fill", "zero"):
            inside = b.bit_and(b.compare("ge", i, zero), b.compare("lt", i, b.const(n, INT64)))
            ok = inside if ok is None else b.bit_and(ok, inside)
        if mode == "promise_in_bounds":
            safe.append(i)
        else:
            safe.append(b.clip(i, zero, b.const(max(n - 1, 0), INT64)))
    return safe, ok


def loops(b: Any, shape: Sequence[int], body: Callable[[list[Any]], None]) -> None:
    """Nested scalar loops in row-major order: for writes that must keep their order."""

    def level(k: int, idx: list[Any]) -> None:
        if k == len(shape):
            body(idx)
        elif shape[k] == 1:
            level(k + 1, [*idx, b.const(0, INT64)])
        else:
            b.loop(0, shape[k], lambda i: level(k + 1, [*idx, i]))

    if 0 not in shape:
        level(0, [])
