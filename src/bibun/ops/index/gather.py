"""`gather`: elements, or whole boxes of the axes that are not indexed, at integer places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bibun.dtypes import KEY
from bibun.ir.types import ArrayType
from bibun.ops.families.shape import (
    INT64,
    clear_errors,
    mapped_front,
    numpy_of,
    result_type,
    shape_of,
    shift_axes,
    zeros_like,
)
from bibun.ops.index.common import (
    batch_indices,
    clipped,
    in_bounds,
    index_arrays,
    indexed_shape,
    other_axes,
    read_indices,
    staged_indices,
)
from bibun.ops.op import INDEX_MAP, Op, Sample, is_linear
from bibun.ops.registry import register


def fill_value(dtype: np.dtype, mode: str) -> Any:
    """What "fill" puts out of bounds: nan, the least int, the greatest unsigned, True."""
    if mode == "zero" or dtype == KEY:
        return np.zeros((), dtype)[()]
    if dtype.kind in "fc":
        return dtype.type(np.nan)
    if dtype.kind == "b":
        return np.True_
    return dtype.type(np.iinfo(dtype).min if dtype.kind == "i" else np.iinfo(dtype).max)


def _type_rule(x: ArrayType, *indices: ArrayType, axes: Any, mode: str) -> ArrayType:
    s, rest = indexed_shape("gather", x, indices, axes, mode)
    return result_type((*s, *(x.shape[k] for k in rest)), x.dtype, x, *indices)


def _eval(x: Any, *places: Any, axes: Any, mode: str) -> np.ndarray:
    x, indices = numpy_of(x), index_arrays(places)
    if mode not in ("fill", "zero"):
        return _take(x, clipped(x, indices, axes), axes)
    ok = in_bounds(x, indices, axes)
    shape = tuple(x.shape[k] for k in other_axes(x.ndim, axes))
    if not ok.any():
        return np.full((*ok.shape, *shape), fill_value(x.dtype, mode), x.dtype)
    out = _take(x, clipped(x, indices, axes), axes)
    if not ok.all():
        out[~ok] = fill_value(x.dtype, mode)
    return out


def _take(x: np.ndarray, indices: tuple[Any, ...], axes: Any) -> np.ndarray:
    if axes != tuple(range(len(axes))):
        x = x.transpose(*axes, *other_axes(x.ndim, axes))
    return np.array(x[indices], copy=None)  # an ndarray for 0-d places too


def _jvp(primals: Any, tangents: Any, axes: Any, mode: str) -> Any:
    x, *indices = primals
    tangent_mode = "zero" if mode == "fill" else mode
    return (
        gather(x, *indices, axes=axes, mode=mode),
        gather(tangents[0], *indices, axes=axes, mode=tangent_mode),
    )


def _transpose(ct: Any, x: Any, *indices: Any, axes: Any, mode: str) -> Any:
    from bibun.ops.index.scatter import scatter_add

    none = (None,) * len(indices)
    if not is_linear(x):
        return None, *none
    mode = "fill" if mode == "zero" else mode
    ct_x = scatter_add(zeros_like(x), ct, *indices, axes=axes, mode=mode, unique=False)
    return ct_x, *none


def _batch(size: int, args: Any, dims: Any, axes: Any, mode: str) -> Any:
    (x, *indices), (dim, *index_dims) = args, dims
    if all(d is None for d in index_dims):
        shifted = shift_axes(axes, dim)
        s = len(shape_of(indices[0]))
        place = s + other_axes(len(x.shape), shifted).index(dim)
        return gather(x, *indices, axes=shifted, mode=mode), place
    if dim is None:
        fronted = batch_indices(size, indices, index_dims, own_axis=False)
        return gather(x, *fronted, axes=axes, mode=mode), 0
    fronted = batch_indices(size, indices, index_dims, own_axis=True)
    axes = (0, *(a + 1 for a in axes))
    return gather(mapped_front(x, dim, size), *fronted, axes=axes, mode=mode), 0


def _lower(b: Any, idx: Any, ins: Any, out_type: Any, axes: Any, mode: str) -> Any:
    x, *indices = ins
    s = len(indices[0].shape)
    if 0 in x.shape:
        return b.const(fill_value(x.dtype, mode), x.dtype)
    places, ok = read_indices(b, indices, idx[:s], [x.shape[a] for a in axes], mode)
    at: list[Any] = [None] * len(x.shape)
    for a, i in zip(axes, places, strict=True):
        at[a] = i
    for a, i in zip(other_axes(len(x.shape), axes), idx[s:], strict=True):
        at[a] = i
    value = x.read(at)
    return value if ok is None else b.select(ok, value, b.const(fill_value(x.dtype, mode), x.dtype))


def _samples() -> list[Sample]:
    x = np.sin(np.arange(24.0)).reshape(2, 3, 4)
    i, j = np.array([[2, 0], [1, 2]]), np.array([[3, 0], [0, 1]])
    far = np.array([-1, 0, 3, 2])
    return [
        Sample(x, i, axes=(1,), mode="clip"),
        Sample(x, i, j, axes=(1, 2), mode="promise_in_bounds"),
        Sample(x, i // 2, j, axes=(0, 2), mode="fill"),
        Sample(x, far, axes=(1,), mode="clip"),
        Sample(x, far, axes=(1,), mode="zero"),
        Sample(x, far, axes=(1,), mode="fill", smooth=False),
        Sample(x[0].astype(np.float32), np.int32(1), axes=(0,), mode="clip"),
        Sample((x[0] + 1j * x[1]).astype(np.complex64), far, axes=(0,), mode="zero"),
        Sample(np.arange(5, dtype=np.uint8), far, axes=(0,), mode="fill"),
        Sample(np.arange(3), far.astype(np.uint64), axes=(0,), mode="fill"),
        Sample(x > 0, far, axes=(2,), mode="fill"),
        Sample(x, np.zeros((0, 2), np.int64), axes=(2,), mode="clip"),
        Sample(x[:0], np.array([0, 1]), axes=(0,), mode="zero"),
    ]


gather = register(
    Op(
        "gather",
        INDEX_MAP,
        type_rule=_type_rule,
        eval=clear_errors(_type_rule, _eval),
        jvp=_jvp,
        transpose=_transpose,
        batch=_batch,
        lower=_lower,
        stage=staged_indices(1),
        samples=_samples,
        doc="`gather(x, *indices, axes, mode)`: x at integer arrays of one shape S along "
        "ascending axes; the result has S, then the other axes of x. Out of bounds: mode "
        '"clip" takes the nearest, "fill" gives nan (or the least int, greatest unsigned, '
        'True), "promise_in_bounds" trusts the caller.',
    )
)


def take_along(x: Any, places: Any, axis: int) -> Any:
    """`x` at `places` (an integer array of x's ndim) along one axis, each line by itself."""
    from bibun.ops.shape import iota

    shape = shape_of(places)
    indices: Sequence[Any] = [
        places if k == axis else iota(shape=shape, dtype=INT64, axis=k) for k in range(len(shape))
    ]
    return gather(x, *indices, axes=tuple(range(len(shape))), mode="promise_in_bounds")
