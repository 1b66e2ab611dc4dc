"""Index maps: the same elements in another arrangement.

All are linear and pure index arithmetic: the compiler reads through them and no element
moves. Broadcasting is NumPy's, right-aligned; axes in parameters are never negative.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bibun.dtypes import canonical
from bibun.errors import DTypeError, ShapeError
from bibun.ir.types import ArrayType
from bibun.ops.families.shape import (
    INT64,
    check_axes,
    clear_errors,
    move_axis,
    never_batched,
    numpy_of,
    shape_op,
    shift_axes,
)
from bibun.ops.op import INDEX_MAP, Op, Sample
from bibun.ops.registry import register

_F = np.arange(24.0).reshape(2, 3, 4) - 7.5
_C = (_F[0] + 1j * _F[1]).astype(np.complex64)
_I = np.arange(12, dtype=np.int32).reshape(3, 4)
_B = _I % 3 == 0
_EMPTY = np.zeros((0, 3))


def same_type(eq: Any) -> Any:
    """simplify: the input, where the output has its very type."""
    x = eq.inputs[0]
    return x if x.type == eq.outputs[0].type else None


# copy --------------------------------------------------------------------------------------------

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


# broadcast_to ------------------------------------------------------------------------------------


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
    simplify=same_type,
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


# expand_dims, squeeze ----------------------------------------------------------------------------


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
    simplify=same_type,
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
    simplify=same_type,
    samples=lambda: [
        Sample(_F[:, :1, :1], axes=(1, 2)), Sample(_C[None], axes=(0,)), Sample(_I[:1], axes=(0,)),
        Sample(_B, axes=()), Sample(_EMPTY[:, :1], axes=(1,)),
    ],
    doc="`squeeze(x, axes)`: unit axes taken out. Errors: ShapeError if one is longer.",
)  # fmt: skip


# reshape -----------------------------------------------------------------------------------------


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
    simplify=same_type,
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
    check_axes("rev", axes, x.ndim)
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
