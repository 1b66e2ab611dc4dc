"""Boxes at computed places: `dynamic_slice` and `dynamic_update_slice`.

Starts are clamped so that the box lies inside the array. With a mapped start the lanes read
boxes at different places, which is a gather (or scatter) over the axes that the box does
not fill.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.errors import DTypeError, ShapeError
from bibun.ir.types import ArrayType
from bibun.ops.families.shape import (
    INT64,
    clear_errors,
    mapped_front,
    numpy_like,
    numpy_of,
    result_type,
    same_dtype,
    shape_of,
    zeros_like,
)
from bibun.ops.index.common import clamp_index, other_axes, staged_indices
from bibun.ops.op import INDEX_MAP, LIBRARY, Op, Sample, is_linear
from bibun.ops.registry import register


def _check(name: str, x: ArrayType, starts: Any, sizes: tuple[int, ...]) -> None:
    if len(starts) != x.ndim or len(sizes) != x.ndim:
        raise ShapeError(
            f"{name}: needs a start and a size for each of {x.ndim} axes, got {len(starts)} "
            f"starts and sizes {sizes}"
        )
    for t in starts:
        if t.dtype.kind not in "iu":
            raise DTypeError(f"{name}: starts must be integers, got {t}")
        if t.shape:
            raise ShapeError(f"{name}: starts must be scalars, got shape {t.shape}")
    if any(not 0 <= s <= n for s, n in zip(sizes, x.shape, strict=True)):
        raise ShapeError(f"{name}: a box of shape {sizes} does not fit in shape {x.shape}")


def _box(x: np.ndarray, starts: Any, sizes: tuple[int, ...]) -> tuple[slice, ...]:
    if len(starts) != x.ndim or len(sizes) != x.ndim:
        raise ValueError("one start and size per axis")
    at = []
    for s, m, n in zip(starts, sizes, x.shape, strict=True):
        if m > n:
            raise ValueError("box larger than the array")
        lo = min(max(s.__index__(), 0), n - m)
        at.append(slice(lo, lo + m))
    return tuple(at)


def _clamped_starts(b: Any, sources: Any, sizes: Any, shape: Any) -> list[Any]:
    zero = b.const(0, INT64)
    out = []
    for source, m, n in zip(sources, sizes, shape, strict=True):
        if m == n:
            out.append(zero)
        else:
            s = source.read([])
            unsigned = s.dtype == np.uint64
            s = b.convert(s, INT64)
            if unsigned:
                s = b.select(b.compare("lt", s, zero), b.const(n, INT64), s)
            out.append(b.clip(s, zero, b.const(n - m, INT64)))
    return out


def _lane_indices(
    size: int, starts: Any, dims: Any, sizes: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[tuple[int, ...], list[Any]]:
    """(axes that a box does not fill, index arrays of shape (size, *box along them))."""
    from bibun.ops.elementwise import add
    from bibun.ops.shape import broadcast_to, iota, reshape

    axes = tuple(k for k, (m, n) in enumerate(zip(sizes, shape, strict=True)) if m != n)
    box = (size, *(sizes[a] for a in axes))
    indices = []
    for j, a in enumerate(axes):
        start = starts[a]
        start = clamp_index(np.int64(start) if type(start) is int else start, shape[a] - sizes[a])
        if dims[a] is not None:
            start = reshape(start, shape=(size,) + (1,) * len(axes))
        steps = iota(shape=box, dtype=INT64, axis=j + 1)
        indices.append(add(broadcast_to(start, shape=box), steps))
    return axes, indices


def _box_order(axes: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    """Where the axes of (lane, boxed axes, other axes) come from in (lane, axes of x)."""
    return (0, *(a + 1 for a in axes), *(a + 1 for a in other_axes(ndim, axes)))


# dynamic_slice -----------------------------------------------------------------------------------


def _slice_type(x: ArrayType, *starts: ArrayType, sizes: tuple[int, ...]) -> ArrayType:
    _check("dynamic_slice", x, starts, sizes)
    return result_type(sizes, x.dtype, x, *starts)


def _slice_eval(x: Any, *starts: Any, sizes: tuple[int, ...]) -> np.ndarray:
    x = numpy_of(x)
    return x[_box(x, starts, sizes)]


def _slice_jvp(primals: Any, tangents: Any, sizes: tuple[int, ...]) -> Any:
    x, *starts = primals
    return dynamic_slice(x, *starts, sizes=sizes), dynamic_slice(tangents[0], *starts, sizes=sizes)


def _slice_transpose(ct: Any, x: Any, *starts: Any, sizes: tuple[int, ...]) -> Any:
    ct_x = dynamic_update_slice(zeros_like(x), ct, *starts) if is_linear(x) else None
    return ct_x, *(None,) * len(starts)


def _slice_batch(size: int, args: Any, dims: Any, sizes: tuple[int, ...]) -> Any:
    (x, *starts), (dim, *start_dims) = args, dims
    if all(d is None for d in start_dims):
        x = mapped_front(x, dim, size)
        return dynamic_slice(x, np.int64(0), *starts, sizes=(size, *sizes)), 0
    from bibun.ops.index.gather import gather
    from bibun.ops.shape import inverse, iota, transpose

    ndim = len(sizes)
    shape = shape_of(x) if dim is None else tuple(np.delete(shape_of(x), dim).tolist())
    axes, indices = _lane_indices(size, starts, start_dims, sizes, shape)
    if not axes:
        return mapped_front(x, dim, size), 0
    at = axes
    if dim is not None:
        x = mapped_front(x, dim, size)
        indices = [iota(shape=indices[0].shape, dtype=INT64, axis=0), *indices]
        at = (0, *(a + 1 for a in axes))
    boxes = gather(x, *indices, axes=at, mode="promise_in_bounds")
    return transpose(boxes, permutation=inverse(_box_order(axes, ndim))), 0


def _slice_lower(b: Any, idx: Any, ins: Any, out_type: Any, sizes: tuple[int, ...]) -> Any:
    starts = _clamped_starts(b, ins[1:], sizes, ins[0].shape)
    return ins[0].read([b.add(s, i) for s, i in zip(starts, idx, strict=True)])


_X = np.sin(np.arange(24.0)).reshape(2, 3, 4)

dynamic_slice = register(
    Op(
        "dynamic_slice",
        INDEX_MAP,
        type_rule=_slice_type,
        eval=clear_errors(_slice_type, _slice_eval),
        jvp=_slice_jvp,
        transpose=_slice_transpose,
        batch=_slice_batch,
        lower=_slice_lower,
        stage=staged_indices(1),
        simplify=lambda eq: (
            eq.inputs[0] if eq.outputs[0].type == eq.inputs[0].type else None
        ),
        samples=lambda: [
            Sample(_X, np.int64(1), np.int64(1), np.int64(0), sizes=(1, 2, 4)),
            Sample(_X, np.int32(5), np.int32(-3), np.int32(2), sizes=(2, 2, 3)),
            Sample(_X[0].astype(np.float32), np.array(1), np.array(2), sizes=(2, 1)),
            Sample(_X[0] + 1j * _X[1], np.int64(2), np.int64(9), sizes=(2, 2)),
            Sample(np.arange(5), np.uint64(2**64 - 1), sizes=(3,)),
            Sample(_X > 0, np.int64(0), np.int64(1), np.int64(0), sizes=(2, 0, 4)),
        ],
        doc="`dynamic_slice(x, *starts, sizes)`: the box of shape `sizes` at integer scalars "
        "`starts`, which are clamped so that it lies inside x.",
    )
)


# dynamic_update_slice ----------------------------------------------------------------------------


def _update_type(x: ArrayType, u: ArrayType, *starts: ArrayType) -> ArrayType:
    same_dtype("dynamic_update_slice", x, u)
    _check("dynamic_update_slice", x, starts, u.shape)
    return result_type(x.shape, x.dtype, x, u, *starts)


def _update_eval(x: Any, u: Any, *starts: Any) -> np.ndarray:
    x = numpy_of(x)
    u = numpy_like(u, x)
    box = _box(x, starts, u.shape)
    out = x.copy()
    out[box] = u
    return out


def _update_jvp(primals: Any, tangents: Any) -> Any:
    x, u, *starts = primals
    tx, tu = (
        zeros_like(p) if t is None else t for p, t in zip((x, u), tangents[:2], strict=True)
    )
    return dynamic_update_slice(x, u, *starts), dynamic_update_slice(tx, tu, *starts)


def _update_transpose(ct: Any, x: Any, u: Any, *starts: Any) -> Any:
    ct_x = dynamic_update_slice(ct, zeros_like(u), *starts) if is_linear(x) else None
    ct_u = dynamic_slice(ct, *starts, sizes=shape_of(u)) if is_linear(u) else None
    return ct_x, ct_u, *(None,) * len(starts)


def _update_batch(size: int, args: Any, dims: Any) -> Any:
    (x, u, *starts), (xdim, udim, *start_dims) = args, dims
    x, u = mapped_front(x, xdim, size), mapped_front(u, udim, size)
    if all(d is None for d in start_dims):
        return dynamic_update_slice(x, u, np.int64(0), *starts), 0
    from bibun.ops.index.scatter import scatter
    from bibun.ops.shape import iota, transpose

    axes, indices = _lane_indices(size, starts, start_dims, u.shape[1:], x.shape[1:])
    if not axes:
        return u, 0
    lane = iota(shape=indices[0].shape, dtype=INT64, axis=0)
    updates = transpose(u, permutation=_box_order(axes, len(u.shape) - 1))
    return (
        scatter(
            x, updates, lane, *indices, axes=(0, *(a + 1 for a in axes)),
            mode="promise_in_bounds", unique=True,
        ),
        0,
    )  # fmt: skip


def _update_lower(b: Any, ins: Any, outs: Any) -> None:
    u, out = ins[1], outs[0]
    starts = _clamped_starts(b, ins[2:], u.shape, out.shape)
    if 0 not in u.shape:
        b.nest(
            u.shape,
            lambda idx: out.store(
                [b.add(s, i) for s, i in zip(starts, idx, strict=True)], u.read(idx)
            ),
        )


dynamic_update_slice = register(
    Op(
        "dynamic_update_slice",
        LIBRARY,
        type_rule=_update_type,
        eval=clear_errors(_update_type, _update_eval),
        jvp=_update_jvp,
        transpose=_update_transpose,
        batch=_update_batch,
        lower=_update_lower,
        alias=0,
        stage=staged_indices(2),
        simplify=lambda eq: (
            eq.inputs[1] if eq.outputs[0].type == eq.inputs[1].type else None
        ),
        samples=lambda: [
            Sample(_X, _X[:1, 1:, :] * 3, np.int64(1), np.int64(1), np.int64(0)),
            Sample(_X, _X[:, :2, :3] + 1, np.int32(5), np.int32(-3), np.int32(2)),
            Sample(_X[0].astype(np.float32), np.ones((2, 1), np.float32), np.array(1), np.array(2)),
            Sample(_X[0] + 1j * _X[1], _X[0, :2, :2] * 1j, np.int64(2), np.int64(9)),
            Sample(np.arange(5), np.array([7, 8]), np.uint8(3)),
            Sample(_X > 0, np.ones((2, 0, 4), bool), np.int64(0), np.int64(1), np.int64(0)),
            Sample(np.array(2.0), np.array(3.0)),
        ],
        doc="`dynamic_update_slice(x, u, *starts)`: x with the box at `starts` (clamped) "
        "replaced by u.",
    )
)
