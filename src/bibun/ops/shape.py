"""Ops that rearrange: broadcast, reshape, transpose, slice, reverse, iota, concatenate, pad.

All are linear, and all but the last two are pure index arithmetic: the compiler reads
through them and no element moves. `concatenate` and `pad` have several sources, so they
write each region of the output with a nest of its own. What follows NumPy's broadcasting
is right-aligned; axes in parameters are always non-negative.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from bibun.dtypes import canonical
from bibun.errors import DTypeError, ShapeError
from bibun.ir.types import ArrayType
from bibun.ops.families.shape import (
    INT64,
    check_axes,
    clear_errors,
    mapped_front,
    move_axis,
    never_batched,
    numpy_of,
    result_type,
    same_dtype,
    shape_of,
    shape_op,
    shift_axes,
    zeros,
    zeros_like,
)
from bibun.ops.op import INDEX_MAP, LIBRARY, Op, Sample, is_linear
from bibun.ops.registry import register

_F = np.arange(24.0).reshape(2, 3, 4) - 7.5
_C = (_F[0] + 1j * _F[1]).astype(np.complex64)
_I = np.arange(12, dtype=np.int32).reshape(3, 4)
_B = _I % 3 == 0
_EMPTY = np.zeros((0, 3))


def _same_type(eq: Any) -> Any:
    """simplify: the input, where the output has its very type."""
    x = eq.inputs[0]
    return x if x.type == eq.outputs[0].type else None


# copy ---------------------------------------------------------------------------------------

copy = shape_op(
    "copy",
    reinterpret=True,
    type_rule=lambda x: x,
    eval=numpy_of,
    transpose=lambda ct, x: ct,
    batch=lambda x, dim: (copy(x), dim),
    lower=lambda b, idx, ins, out_type: ins[0].read(idx),
    simplify=lambda eq: eq.inputs[0],
    samples=lambda: [Sample(_F), Sample(_C), Sample(_I), Sample(_B), Sample(_EMPTY)],
    doc="`copy(x)`: x itself. Values are immutable, so nothing is moved.",
)


# broadcast_to ---------------------------------------------------------------------------------


def _broadcast_type(x: ArrayType, shape: tuple[int, ...]) -> ArrayType:
    off = len(shape) - x.ndim
    if off < 0 or any(n not in (1, m) for n, m in zip(x.shape, shape[max(off, 0) :], strict=True)):
        raise ShapeError(f"broadcast_to: shape {x.shape} cannot be broadcast to {tuple(shape)}")
    return x.with_shape(shape)


def _broadcast_eval(x: Any, shape: tuple[int, ...]) -> np.ndarray:
    x = numpy_of(x)
    return x if x.shape == shape else np.broadcast_to(x, shape)


def _broadcast_transpose(ct: Any, x: Any, shape: tuple[int, ...]) -> Any:
    return sum_to(ct, x.shape)


def _broadcast_batch(x: Any, dim: int, shape: tuple[int, ...]) -> Any:
    x = move_axis(x, dim, 0)
    extra = len(shape) - (len(x.shape) - 1)
    if extra:
        x = expand_dims(x, axes=tuple(range(1, 1 + extra)))
    return broadcast_to(x, shape=(x.shape[0], *shape)), 0


def _broadcast_lower(b: Any, idx: Any, ins: Any, out_type: Any, shape: tuple[int, ...]) -> Any:
    inner = ins[0].shape
    off = len(shape) - len(inner)
    zero = b.const(0, INT64)
    return ins[0].read([zero if n == 1 else idx[off + k] for k, n in enumerate(inner)])


broadcast_to = shape_op(
    "broadcast_to",
    type_rule=_broadcast_type,
    eval=_broadcast_eval,
    transpose=_broadcast_transpose,
    batch=_broadcast_batch,
    lower=_broadcast_lower,
    simplify=_same_type,
    samples=lambda: [
        Sample(_F[:, :1], shape=(5, 2, 3, 4)),
        Sample(np.float32(2.5), shape=(3, 2)),
        Sample(_C[0], shape=(2, 4)),
        Sample(_I[:1], shape=(2, 4)),
        Sample(_B, shape=(3, 4)),
        Sample(_F[0, :1], shape=(0, 4)),
        Sample(1.5, shape=()),
    ],
    doc="`broadcast_to(x, shape)`: NumPy's rule, right-aligned. Errors: ShapeError.",
)


def sum_to(x: Any, shape: Sequence[int]) -> Any:
    """The transpose of broadcasting: `x` summed over the axes that `shape` lacks or has as 1."""
    shape = tuple(shape)
    if x.shape == shape:
        return x
    from bibun.ops.reduce import reduce_sum

    off = len(x.shape) - len(shape)
    axes = [*range(off)]
    axes += [off + k for k, n in enumerate(shape) if n == 1 and x.shape[off + k] != 1]
    if axes:
        x = reduce_sum(x, axes=tuple(axes))
    return x if x.shape == shape else reshape(x, shape=shape)


# expand_dims, squeeze ---------------------------------------------------------------------------


def _expand_type(x: ArrayType, axes: tuple[int, ...]) -> ArrayType:
    check_axes("expand_dims", axes, x.ndim + len(axes))
    rest = iter(x.shape)
    return x.with_shape(
        tuple(1 if k in axes else next(rest) for k in range(x.ndim + len(axes)))
    )


def _expand_eval(x: Any, axes: tuple[int, ...]) -> np.ndarray:
    x = numpy_of(x)
    shape = list(x.shape)
    for k in sorted(axes):
        if not 0 <= k <= len(shape):
            raise ValueError("axis out of range")
        shape.insert(k, 1)
    return x.reshape(shape)


def _expand_batch(x: Any, dim: int, axes: tuple[int, ...]) -> Any:
    return expand_dims(move_axis(x, dim, 0), axes=tuple(a + 1 for a in axes)), 0


expand_dims = shape_op(
    "expand_dims",
    reinterpret=True,
    type_rule=_expand_type,
    eval=_expand_eval,
    transpose=lambda ct, x, axes: squeeze(ct, axes=axes),
    batch=_expand_batch,
    lower=lambda b, idx, ins, out_type, axes: ins[0].read(
        [i for k, i in enumerate(idx) if k not in axes]
    ),
    simplify=_same_type,
    samples=lambda: [
        Sample(_F, axes=(0, 2)), Sample(_C, axes=(2,)), Sample(_I, axes=(1,)), Sample(_B, axes=()),
        Sample(3.5, axes=(0,)), Sample(_EMPTY, axes=(1,)),
    ],
    doc="`expand_dims(x, axes)`: unit axes put in at `axes` of the result.",
)  # fmt: skip


def _squeeze_type(x: ArrayType, axes: tuple[int, ...]) -> ArrayType:
    check_axes("squeeze", axes, x.ndim)
    if any(x.shape[a] != 1 for a in axes):
        raise ShapeError(f"squeeze: axes {axes} of shape {x.shape} are not all of size 1")
    return x.with_shape(tuple(n for k, n in enumerate(x.shape) if k not in axes))


def _squeeze_lower(b: Any, idx: Any, ins: Any, out_type: Any, axes: tuple[int, ...]) -> Any:
    rest = iter(idx)
    zero = b.const(0, INT64)
    return ins[0].read([zero if k in axes else next(rest) for k in range(len(ins[0].shape))])


def _squeeze_batch(x: Any, dim: int, axes: tuple[int, ...]) -> Any:
    shifted = shift_axes(axes, dim)
    return squeeze(x, axes=shifted), dim - sum(a < dim for a in shifted)


squeeze = shape_op(
    "squeeze",
    reinterpret=True,
    type_rule=_squeeze_type,
    eval=lambda x, axes: np.squeeze(numpy_of(x), axes) if axes else numpy_of(x),
    transpose=lambda ct, x, axes: expand_dims(ct, axes=axes),
    batch=_squeeze_batch,
    lower=_squeeze_lower,
    simplify=_same_type,
    samples=lambda: [
        Sample(_F[:, :1, :1], axes=(1, 2)), Sample(_C[None], axes=(0,)), Sample(_I[:1], axes=(0,)),
        Sample(_B, axes=()), Sample(_EMPTY[:, :1], axes=(1,)),
    ],
    doc="`squeeze(x, axes)`: unit axes taken out. Errors: ShapeError if one is longer.",
)  # fmt: skip


# reshape ---------------------------------------------------------------------------------------


def _reshape_type(x: ArrayType, shape: tuple[int, ...]) -> ArrayType:
    if any(n < 0 for n in shape) or math.prod(shape) != x.size:
        raise ShapeError(
            f"reshape: {x.size} elements of shape {x.shape} cannot take shape {tuple(shape)} "
            f"({math.prod(shape)} elements)"
        )
    return x.with_shape(shape)


def index_groups(old: Sequence[int], new: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """The finest runs of axes of equal product; unit axes belong to no run.

    >>> index_groups((2, 3, 4), (6, 1, 2, 2))
    [([0, 1], [0]), ([2], [2, 3])]
    """
    i = [k for k, n in enumerate(old) if n != 1]
    j = [k for k, n in enumerate(new) if n != 1]
    groups = []
    while i and j:
        left, right = [i.pop(0)], [j.pop(0)]
        p, q = old[left[0]], new[right[0]]
        while p != q:
            if p < q:
                left.append(i.pop(0))
                p *= old[left[-1]]
            else:
                right.append(j.pop(0))
                q *= new[right[-1]]
        groups.append((left, right))
    return groups


def _reshape_lower(b: Any, idx: Any, ins: Any, out_type: Any, shape: tuple[int, ...]) -> Any:
    """Only the runs of axes that change are linearised and split again."""
    old = ins[0].shape
    zero = b.const(0, INT64)
    source = [zero] * len(old)
    if 0 in shape:
        return ins[0].read(source)
    for left, right in index_groups(old, shape):
        linear = idx[right[0]]
        for k in right[1:]:
            linear = b.add(b.mul(linear, b.const(shape[k], INT64)), idx[k])
        for k in reversed(left[1:]):
            n = b.const(old[k], INT64)
            source[k] = b.rem(linear, n)
            linear = b.div(linear, n)
        source[left[0]] = linear
    return ins[0].read(source)


def _reshape_batch(x: Any, dim: int, shape: tuple[int, ...]) -> Any:
    x = move_axis(x, dim, 0)
    return reshape(x, shape=(x.shape[0], *shape)), 0


reshape = shape_op(
    "reshape",
    reinterpret=True,
    type_rule=_reshape_type,
    eval=lambda x, shape: numpy_of(x).reshape(shape),
    transpose=lambda ct, x, shape: reshape(ct, shape=x.shape),
    batch=_reshape_batch,
    lower=_reshape_lower,
    simplify=_same_type,
    samples=lambda: [
        Sample(_F, shape=(4, 6)), Sample(_F, shape=(3, 1, 8)), Sample(_C, shape=(12,)),
        Sample(_I, shape=(2, 6)), Sample(_B, shape=(3, 1, 4, 1)), Sample(_EMPTY, shape=(3, 0, 5)),
        Sample(_F[:, ::2, ::3].astype(np.float32), shape=(2, 2, 2)), Sample(2.5, shape=(1, 1)),
    ],
    doc="`reshape(x, shape)`: the elements in row-major order. Errors: ShapeError.",
)  # fmt: skip


# transpose, rev ----------------------------------------------------------------------------------


def _transpose_type(x: ArrayType, permutation: tuple[int, ...]) -> ArrayType:
    if sorted(permutation) != list(range(x.ndim)):
        raise ShapeError(
            f"transpose: {tuple(permutation)} is not a permutation of the {x.ndim} axes of "
            f"an operand of shape {x.shape}"
        )
    return x.with_shape(tuple(x.shape[p] for p in permutation))


def inverse(permutation: Sequence[int]) -> tuple[int, ...]:
    """The permutation that undoes this one."""
    out = [0] * len(permutation)
    for k, p in enumerate(permutation):
        out[p] = k
    return tuple(out)


def _transpose_batch(x: Any, dim: int, permutation: tuple[int, ...]) -> Any:
    return transpose(x, permutation=(dim, *shift_axes(permutation, dim))), 0


transpose = shape_op(
    "transpose",
    type_rule=_transpose_type,
    eval=lambda x, permutation: numpy_of(x).transpose(permutation),
    transpose=lambda ct, x, permutation: transpose(ct, permutation=inverse(permutation)),
    batch=_transpose_batch,
    lower=lambda b, idx, ins, out_type, permutation: ins[0].read(
        [idx[k] for k in inverse(permutation)]
    ),
    simplify=lambda eq: (
        eq.inputs[0] if list(eq.params["permutation"]) == sorted(eq.params["permutation"]) else None
    ),
    samples=lambda: [
        Sample(_F, permutation=(2, 0, 1)), Sample(_F, permutation=(0, 2, 1)),
        Sample(_C, permutation=(1, 0)), Sample(_I, permutation=(1, 0)),
        Sample(_B, permutation=(0, 1)), Sample(_EMPTY, permutation=(1, 0)),
        Sample(1.5, permutation=()),
    ],
    doc="`transpose(x, permutation)`: axis k of the result is axis permutation[k] of x.",
)  # fmt: skip


def _rev_type(x: ArrayType, axes: tuple[int, ...]) -> ArrayType:
    check_axes("rev", axes, x.ndim)
    return x


def _rev_eval(x: Any, axes: tuple[int, ...]) -> np.ndarray:
    x = numpy_of(x)
    return x[tuple(np.s_[::-1] if k in axes else np.s_[:] for k in range(x.ndim))]


def _rev_lower(b: Any, idx: Any, ins: Any, out_type: Any, axes: tuple[int, ...]) -> Any:
    return ins[0].read(
        [b.sub(b.const(ins[0].shape[k] - 1, INT64), i) if k in axes else i
         for k, i in enumerate(idx)]
    )  # fmt: skip


rev = shape_op(
    "rev",
    type_rule=_rev_type,
    eval=_rev_eval,
    transpose=lambda ct, x, axes: rev(ct, axes=axes),
    batch=lambda x, dim, axes: (rev(x, axes=shift_axes(axes, dim)), dim),
    lower=_rev_lower,
    simplify=lambda eq: (
        eq.inputs[0] if all(eq.inputs[0].type.shape[a] < 2 for a in eq.params["axes"]) else None
    ),
    samples=lambda: [
        Sample(_F, axes=(0, 2)), Sample(_C, axes=(1,)), Sample(_I, axes=(0,)), Sample(_B, axes=()),
        Sample(_EMPTY, axes=(0, 1)),
    ],
    doc="`rev(x, axes)`: the order of elements along `axes` turned round.",
)  # fmt: skip


# slice -------------------------------------------------------------------------------------------


def _steps(starts: Sequence[int], strides: Sequence[int] | None) -> tuple[int, ...]:
    return (1,) * len(starts) if strides is None else tuple(strides)


def _slice_type(x: ArrayType, starts: Any, limits: Any, strides: Any = None) -> ArrayType:
    steps = _steps(starts, strides)
    if not len(starts) == len(limits) == len(steps) == x.ndim:
        raise ShapeError(
            f"slice: starts {starts}, limits {limits} and strides {strides} must each have "
            f"{x.ndim} entries for an operand of shape {x.shape}"
        )
    for s, e, d, n in zip(starts, limits, steps, x.shape, strict=True):
        if not 0 <= s <= e <= n or d < 1:
            raise ShapeError(
                f"slice: starts {starts}, limits {limits}, strides {steps} must satisfy "
                f"0 <= start <= limit <= size and stride >= 1 for shape {x.shape}"
            )
    return x.with_shape(
        tuple(-(-(e - s) // d) for s, e, d in zip(starts, limits, steps, strict=True))
    )


def _slice_eval(x: Any, starts: Any, limits: Any, strides: Any = None) -> np.ndarray:
    x = numpy_of(x)
    if len(starts) != x.ndim or any(
        not 0 <= s <= e <= n for s, e, n in zip(starts, limits, x.shape, strict=True)
    ):
        raise ValueError("slice out of range")
    if strides is None:
        return x[tuple(map(_builtin_slice, starts, limits))]
    return x[tuple(map(_builtin_slice, starts, limits, strides))]


def _slice_transpose(ct: Any, x: Any, starts: Any, limits: Any, strides: Any = None) -> Any:
    config = []
    for s, d, n, m in zip(starts, _steps(starts, strides), x.shape, ct.shape, strict=True):
        used = s + ((m - 1) * d + 1 if m else 0)
        config.append((s, n - used, d - 1))
    return pad(ct, np.zeros((), x.dtype)[()], config=tuple(config))


def _slice_batch(x: Any, dim: int, starts: Any, limits: Any, strides: Any = None) -> Any:
    def put(values: Any, extra: int) -> tuple[int, ...]:
        return (*values[:dim], extra, *values[dim:])

    steps = None if strides is None else put(strides, 1)
    return slice(x, starts=put(starts, 0), limits=put(limits, x.shape[dim]), strides=steps), dim


def _slice_lower(b: Any, idx: Any, ins: Any, out_type: Any, starts: Any, limits: Any,
                 strides: Any = None) -> Any:  # fmt: skip
    steps = _steps(starts, strides)
    return ins[0].read(
        [b.add(b.mul(i, b.const(d, INT64)), b.const(s, INT64))
         for i, s, d in zip(idx, starts, steps, strict=True)]
    )  # fmt: skip


_builtin_slice = slice
slice = shape_op(  # noqa: A001
    "slice",
    type_rule=_slice_type,
    eval=_slice_eval,
    transpose=_slice_transpose,
    batch=_slice_batch,
    lower=_slice_lower,
    simplify=_same_type,
    samples=lambda: [
        Sample(_F, starts=(0, 1, 0), limits=(2, 3, 4), strides=(1, 1, 3)),
        Sample(_F, starts=(1, 0, 1), limits=(2, 3, 3), strides=None),
        Sample(_C, starts=(0, 1), limits=(3, 4), strides=(2, 2)),
        Sample(_I, starts=(1, 1), limits=(1, 3), strides=None),
        Sample(_B, starts=(0, 0), limits=(3, 4), strides=(2, 1)),
        Sample(_EMPTY, starts=(0, 1), limits=(0, 3), strides=None),
    ],
    doc="`slice(x, starts, limits, strides=None)`: a static strided box. Errors: ShapeError.",
)


# iota --------------------------------------------------------------------------------------------


def _iota_type(*, shape: tuple[int, ...], dtype: Any, axis: int) -> ArrayType:
    check_axes("iota", (axis,), len(shape))
    dtype = canonical(dtype)
    if dtype.kind not in "iufc":
        raise DTypeError(f"iota: dtype {dtype} cannot count")
    return ArrayType(tuple(shape), dtype)


def _iota_eval(*, shape: tuple[int, ...], dtype: Any, axis: int) -> np.ndarray:
    line = np.arange(shape[axis]).astype(canonical(dtype))
    if len(shape) == 1:
        return line
    return np.broadcast_to(line.reshape((-1,) + (1,) * (len(shape) - axis - 1)), shape)


iota = register(
    Op(
        "iota",
        INDEX_MAP,
        type_rule=_iota_type,
        eval=clear_errors(_iota_type, _iota_eval),
        batch=never_batched,
        lower=lambda b, idx, ins, out_type, shape, dtype, axis: b.convert(
            idx[axis], out_type.dtype
        ),
        cost=0.0,
        samples=lambda: [
            Sample(shape=(5,), dtype=np.dtype(np.int64), axis=0),
            Sample(shape=(2, 3, 2), dtype=np.dtype(np.float32), axis=1),
            Sample(shape=(2, 3), dtype=np.dtype(np.uint8), axis=0),
            Sample(shape=(0, 3), dtype=np.dtype(np.float64), axis=1),
        ],
        doc="`iota(shape, dtype, axis)`: each element is its index along `axis`.",
    )
)


# concatenate -------------------------------------------------------------------------------------


def _concatenate_type(*xs: ArrayType, axis: int) -> ArrayType:
    if not xs:
        raise ShapeError("concatenate: needs at least one array")
    dtype = same_dtype("concatenate", *xs)
    first = xs[0].shape
    check_axes("concatenate", (axis,), len(first))
    for t in xs[1:]:
        if t.ndim != len(first) or any(
            n != m for k, (n, m) in enumerate(zip(t.shape, first, strict=True)) if k != axis
        ):
            listed = ", ".join(str(t.shape) for t in xs)
            raise ShapeError(f"concatenate: shapes {listed} differ outside axis {axis}")
    shape = (*first[:axis], sum(t.shape[axis] for t in xs), *first[axis + 1 :])
    return result_type(shape, dtype, *xs)


def _concatenate_jvp(primals: Any, tangents: Any, axis: int) -> Any:
    filled = [
        zeros_like(x) if t is None else t for x, t in zip(primals, tangents, strict=True)
    ]
    return concatenate(*primals, axis=axis), concatenate(*filled, axis=axis)


def _bounds(xs: Any, axis: int) -> list[tuple[int, int]]:
    ends = np.cumsum([0, *(x.shape[axis] for x in xs)]).tolist()
    return list(pairwise(ends))


def _concatenate_transpose(ct: Any, *xs: Any, axis: int) -> Any:
    out = []
    for x, (lo, hi) in zip(xs, _bounds(xs, axis), strict=True):
        starts, limits = [0] * len(ct.shape), list(ct.shape)
        starts[axis], limits[axis] = lo, hi
        out.append(
            slice(ct, starts=tuple(starts), limits=tuple(limits), strides=None)
            if is_linear(x)
            else None
        )
    return out


def _concatenate_batch(size: int, args: Any, dims: Any, axis: int) -> Any:
    fronted = [mapped_front(x, d, size) for x, d in zip(args, dims, strict=True)]
    return concatenate(*fronted, axis=axis + 1), 0


def _concatenate_lower(b: Any, ins: Any, outs: Any, axis: int) -> None:
    for x, (lo, _) in zip(ins, _bounds(ins, axis), strict=True):
        shift = b.const(lo, INT64)

        def body(idx: Any, x: Any = x, shift: Any = shift) -> None:
            to = [b.add(i, shift) if k == axis else i for k, i in enumerate(idx)]
            outs[0].store(to, x.read(idx))

        if 0 not in x.shape:
            b.nest(x.shape, body)


concatenate = register(
    Op(
        "concatenate",
        LIBRARY,
        type_rule=_concatenate_type,
        eval=clear_errors(
            _concatenate_type,
            lambda *xs, axis: (
                numpy_of(xs[0]) if len(xs) == 1 else np.concatenate(xs, axis, dtype=xs[0].dtype,
                                                                    casting="no")
            ),
        ),
        jvp=_concatenate_jvp,
        transpose=_concatenate_transpose,
        batch=_concatenate_batch,
        lower=_concatenate_lower,
        lazy_inputs=True,
        simplify=lambda eq: eq.inputs[0] if len(eq.inputs) == 1 else None,
        samples=lambda: [
            Sample(_F, _F[:, :1] * 2, axis=1),
            Sample(_F[0, 0], _F[1, 1], _F[1, 2, ::2], axis=0),
            Sample(_C, _C[:1], axis=0),
            Sample(_I, _I, axis=1),
            Sample(_B, axis=0),
            Sample(_EMPTY, _F[:, :, 0], axis=0),
        ],
        doc="`concatenate(*xs, axis)`: arrays of one dtype end to end. Errors: ShapeError.",
    )
)  # fmt: skip


# pad ---------------------------------------------------------------------------------------------


def _padded(n: int, lo: int, hi: int, interior: int) -> int:
    return lo + hi + n + max(n - 1, 0) * interior


def _pad_type(x: ArrayType, value: ArrayType, config: Any) -> ArrayType:
    same_dtype("pad", x, value)
    if value.shape:
        raise ShapeError(f"pad: the padding value must be a scalar, got shape {value.shape}")
    if len(config) != x.ndim:
        raise ShapeError(f"pad: {len(config)} (low, high, interior) triples for shape {x.shape}")
    shape = tuple(_padded(n, *c) for n, c in zip(x.shape, config, strict=True))
    if any(n < 0 for n in shape) or any(c[2] < 0 for c in config):
        raise ShapeError(f"pad: config {config} of shape {x.shape} gives the shape {shape}")
    return result_type(shape, x.dtype, x, value)


def _kept(n: int, m: int, lo: int, step: int) -> tuple[int, int]:
    """The range of source indices that land inside an output axis of size m."""
    first = min(max(0, -(lo // step)), n)
    return first, max(first, min(n, -((lo - m) // step)))


def _pad_eval(x: Any, value: Any, config: Any) -> np.ndarray:
    x = numpy_of(x)
    shape = tuple(_padded(n, *c) for n, c in zip(x.shape, config, strict=True))
    out = np.empty(shape, x.dtype)
    out[...] = value
    source, dest = [], []
    for n, m, (lo, _, interior) in zip(x.shape, shape, config, strict=True):
        step = interior + 1
        i, j = _kept(n, m, lo, step)
        source.append(_builtin_slice(i, j))
        dest.append(_builtin_slice(lo + i * step, max(lo + (j - 1) * step + 1, 0), step)
                    if j > i else _builtin_slice(0, 0))  # fmt: skip
    out[tuple(dest)] = x[tuple(source)]
    return out


def _pad_jvp(primals: Any, tangents: Any, config: Any) -> Any:
    filled = [
        zeros_like(x) if t is None else t for x, t in zip(primals, tangents, strict=True)
    ]
    return pad(*primals, config=config), pad(*filled, config=config)


def _pad_mask(shape: Sequence[int], config: Any) -> Any:
    """True where the padding shows."""
    return pad(zeros(shape, np.bool_), np.True_, config=config)


def _pad_transpose(ct: Any, x: Any, value: Any, config: Any) -> Any:
    from bibun.ops.elementwise import select
    from bibun.ops.reduce import reduce_sum

    zero = np.zeros((), ct.dtype)[()]
    ct_x = ct_value = None
    if is_linear(x):
        inner = pad(ct, zero, config=tuple((-lo, -hi, 0) for lo, hi, _ in config))
        ct_x = slice(
            inner,
            starts=(0,) * len(config),
            limits=inner.shape,
            strides=tuple(interior + 1 for *_, interior in config),
        )
    if is_linear(value):
        shown = select(_pad_mask(x.shape, config), zeros_like(ct), ct)
        ct_value = reduce_sum(shown, axes=tuple(range(len(config))))
    return ct_x, ct_value


def _pad_batch(size: int, args: Any, dims: Any, config: Any) -> Any:
    x, value = args
    if dims[1] is None:
        d = dims[0]
        return pad(x, value, config=(*config[:d], (0, 0, 0), *config[d:])), d
    from bibun.ops.elementwise import select

    x = mapped_front(x, dims[0], size)
    padded = pad(x, np.zeros((), x.dtype)[()], config=((0, 0, 0), *config))
    mask = _pad_mask(x.shape[1:], config)
    values = broadcast_to(
        reshape(value, shape=(size,) + (1,) * len(config)), shape=padded.shape
    )
    mask = broadcast_to(mask, shape=padded.shape)
    return select(mask, padded, values), 0


def _pad_lower(b: Any, ins: Any, outs: Any, config: Any) -> None:
    """Slabs of padding axis by axis, then the operand; holes inside need a whole fill."""
    x, out = ins[0], outs[0]
    value = ins[1].read([])
    kept = [
        _kept(n, m, lo, interior + 1)
        for n, m, (lo, _, interior) in zip(x.shape, out.shape, config, strict=True)
    ]
    # The box of the output that the operand covers, holes included.
    box = [
        (lo + i * (c + 1), lo + (j - 1) * (c + 1) + 1) if j > i else (0, 0)
        for (i, j), (lo, _, c) in zip(kept, config, strict=True)
    ]

    def put(first: Sequence[int], counts: Sequence[int]) -> None:
        def body(idx: Any) -> None:
            at = [b.add(i, b.const(f, INT64)) for i, f in zip(idx, first, strict=True)]
            out.store(at, value)

        if 0 not in counts:
            b.nest(counts, body)

    if any(c and j - i > 1 for (i, j), (*_, c) in zip(kept, config, strict=True)):
        put([0] * len(box), out.shape)
    else:
        for k, (lo, hi) in enumerate(box):
            first = [a for a, _ in box[:k]] + [0] * (len(box) - k)
            counts = [e - a for a, e in box[:k]] + list(out.shape[k:])
            counts[k] = lo
            put(first, counts)
            first[k], counts[k] = hi, out.shape[k] - hi
            put(first, counts)

    def body(idx: Any) -> None:
        source = [b.add(q, b.const(i, INT64)) for q, (i, _) in zip(idx, kept, strict=True)]
        at = [
            b.add(b.mul(s, b.const(c + 1, INT64)), b.const(lo, INT64))
            for s, (lo, _, c) in zip(source, config, strict=True)
        ]
        out.store(at, x.read(source))

    counts = [j - i for i, j in kept]
    if 0 not in counts:
        b.nest(counts, body)


pad = register(
    Op(
        "pad",
        LIBRARY,
        type_rule=_pad_type,
        eval=clear_errors(_pad_type, _pad_eval),
        jvp=_pad_jvp,
        transpose=_pad_transpose,
        batch=_pad_batch,
        lower=_pad_lower,
        lazy_inputs=True,
        simplify=lambda eq: eq.inputs[0] if not any(map(any, eq.params["config"])) else None,
        samples=lambda: [
            Sample(_F[0], 1.5, config=((1, 2, 0), (0, 1, 0))),
            Sample(_F[0], np.array(-2.0), config=((1, -1, 1), (-1, 2, 2))),
            Sample(_F[0, 0].astype(np.float32), np.float32(0.5), config=((-2, -2, 1),)),
            Sample(_C, np.complex64(1j), config=((0, 0, 0), (2, 0, 1))),
            Sample(_I, np.int32(7), config=((1, 1, 0), (-1, -1, 0))),
            Sample(_B, np.True_, config=((0, 0, 0), (0, 0, 2))),
            Sample(_EMPTY, 2.0, config=((2, 1, 3), (0, 0, 0))),
        ],
        doc="`pad(x, value, config)`: (low, high, interior) for each axis, as lax.pad: "
        "`interior` values between neighbours, negative low and high cut off.",
    )
)
