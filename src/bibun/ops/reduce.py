"""Reductions: sums, products, extremes, logic, and where the extremes are.

A reduction is an associative combination along `axes`, which the result does not have. The
compiled form is a `Reducer`: an accumulator, a step, a merge of two accumulators (lanes,
blocks), a last touch; the compiler fuses it with what produces its operand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bibun.dtypes import canonical
from bibun.errors import DTypeError, ShapeError
from bibun.ir.builder import Reducer
from bibun.ir.types import ArrayType
from bibun.ops.families.elementwise import quiet
from bibun.ops.families.shape import (
    INT64,
    check_axes,
    clear_errors,
    full,
    numpy_of,
    shift_axes,
)
from bibun.ops.op import REDUCTION, Op, Sample
from bibun.ops.registry import register
from bibun.trace.core import type_of

_F = np.sin(np.arange(24.0)).reshape(2, 3, 4) * 2.0
_TIES = np.array([[1.0, 3.0, 3.0], [2.0, 0.0, -1.0]])
_ZEROS = np.array([[1.5, 0.0, 2.0], [0.0, 0.0, -1.0], [0.5, 2.0, 3.0]])
_C = (_F[0] + 1j * _F[1]).astype(np.complex64)
_I = (np.arange(12, dtype=np.int32) * 7 % 12).reshape(3, 4) - 3
_B = _I % 3 == 0
_U = np.arange(6, dtype=np.uint8).reshape(2, 3) * 50


def kept_shape(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape without `axes`."""
    return tuple(n for k, n in enumerate(shape) if k not in axes)


def keep_dims(x: Any, axes: tuple[int, ...]) -> Any:
    """A reduced value with unit axes where it was reduced, so that it broadcasts back."""
    from bibun.ops.shape import expand_dims

    return expand_dims(x, axes=tuple(sorted(axes))) if axes else x


def _type_rule(name: str, kinds: str, wanted: str) -> Callable[..., ArrayType]:
    def type_rule(x: ArrayType, axes: tuple[int, ...]) -> ArrayType:
        if x.dtype.kind not in kinds:
            raise DTypeError(f"{name}: expected {wanted}, got {x}")
        check_axes(name, axes, x.ndim)
        return x.with_shape(kept_shape(x.shape, axes))

    return type_rule


def _batch(size: int, args: Any, dims: Any, op: Op, **params: Any) -> Any:
    (x,), (dim,) = args, dims
    axes = shift_axes(params.pop("axes"), dim)
    return op(x, axes=axes, **params), dim - sum(a < dim for a in axes)


def _simplify(eq: Any) -> Any:
    return None if eq.params["axes"] else eq.inputs[0]


def _reduction(
    name: str,
    *,
    kinds: str,
    wanted: str,
    eval: Callable[..., Any],
    reducer: Reducer,
    samples: Callable[[], list[Sample]],
    doc: str,
    jvp: Callable[..., Any] | None = None,
    transpose: Callable[..., Any] | None = None,
) -> Op:
    type_rule = _type_rule(name, kinds, wanted)

    def evaluate(x: Any, axes: tuple[int, ...]) -> Any:
        if type(x) is not np.ndarray:
            x = numpy_of(x)
        try:
            if x.dtype.kind not in kinds:
                raise TypeError("a dtype this op is not defined for")
            return quiet.run(eval, x, axes)
        except (ValueError, TypeError, IndexError, OverflowError):
            type_rule(type_of(x), axes=axes)
            raise

    op = Op(
        name,
        REDUCTION,
        type_rule=type_rule,
        eval=evaluate,
        jvp=jvp,
        transpose=transpose,
        batch=lambda size, args, dims, axes: _batch(size, args, dims, op, axes=axes),
        lower=reducer,
        simplify=_simplify,
        samples=samples,
        doc=doc,
    )
    return register(op)


def _combine(init: Callable[[np.dtype], Any], how: Callable[..., Any]) -> Reducer:
    """A reducer with one accumulator: `how(b, x, y)` and its neutral element."""
    return Reducer(
        init=lambda b, dtype, **params: (b.const(init(dtype), dtype),),
        step=lambda b, acc, x, idx, **params: (how(b, acc[0], x),),
        merge=lambda b, acc, other, **params: (how(b, acc[0], other[0]),),
    )


# sum ---------------------------------------------------------------------------------------------


def _sum_transpose(ct: Any, x: Any, axes: tuple[int, ...]) -> Any:
    from bibun.ops.shape import broadcast_to

    return (broadcast_to(keep_dims(ct, axes), shape=x.shape),)


reduce_sum = _reduction(
    "reduce_sum",
    kinds="iufc",
    wanted="numbers (convert booleans first)",
    eval=lambda x, axes: np.add.reduce(x, axis=axes, dtype=x.dtype) if axes else x,
    jvp=lambda primals, tangents, axes: (
        reduce_sum(primals[0], axes=axes), reduce_sum(tangents[0], axes=axes)
    ),
    transpose=_sum_transpose,
    reducer=_combine(lambda dtype: 0, lambda b, x, y: b.add(x, y)),
    samples=lambda: [
        Sample(_F, axes=(0, 2)), Sample(_F, axes=(1,)), Sample(_F, axes=(0, 1, 2)),
        Sample(_F.astype(np.float32), axes=(2,)), Sample(_C, axes=(0,)), Sample(_I, axes=(1,)),
        Sample(_U, axes=(0, 1)), Sample(_F, axes=()), Sample(_F[:, :0], axes=(1,)),
        Sample(_F[:0], axes=(1,)), Sample(_F[:, ::2, ::-1], axes=(1,)), Sample(2.5, axes=()),
    ],
    doc="`reduce_sum(x, axes)`: the sum over axes, in the dtype of x; 0 over no elements.",
)  # fmt: skip


# product -----------------------------------------------------------------------------------------


def others_product(x: Any, axes: tuple[int, ...]) -> Any:
    """For each element the product of the *other* elements along `axes`, without division.

    The product of what comes before times the product of what comes after, along the
    reduced axes taken as one: right where some, or several, elements are zero.
    """
    from bibun.ops.cumulative import cumprod
    from bibun.ops.elementwise import mul
    from bibun.ops.shape import concatenate, inverse, reshape, slice, transpose

    shape = x.shape
    order = (*(k for k in range(len(shape)) if k not in axes), *axes)
    moved = transpose(x, permutation=order)
    rest = kept_shape(shape, axes)
    n = 1
    for a in axes:
        n *= shape[a]
    flat = reshape(moved, shape=(*rest, n))
    one = full((*rest, min(n, 1)), 1, x.dtype)
    k = len(rest)

    def cut(lo: int, hi: int) -> Any:
        return slice(flat, starts=(0,) * k + (lo,), limits=(*rest, hi), strides=None)

    if n < 2:
        product = one
    else:
        before = concatenate(one, cumprod(cut(0, n - 1), axis=k, reverse=False), axis=k)
        after = concatenate(cumprod(cut(1, n), axis=k, reverse=True), one, axis=k)
        product = mul(before, after)
    return transpose(reshape(product, shape=moved.shape), permutation=inverse(order))


def _prod_jvp(primals: Any, tangents: Any, axes: tuple[int, ...]) -> Any:
    from bibun.ops.elementwise import absorb_mul

    (x,), (t,) = primals, tangents
    scaled = absorb_mul(t, others_product(x, axes))
    return reduce_prod(x, axes=axes), reduce_sum(scaled, axes=axes)


reduce_prod = _reduction(
    "reduce_prod",
    kinds="iufc",
    wanted="numbers (convert booleans first)",
    eval=lambda x, axes: np.multiply.reduce(x, axis=axes, dtype=x.dtype) if axes else x,
    jvp=_prod_jvp,
    reducer=_combine(lambda dtype: 1, lambda b, x, y: b.mul(x, y)),
    samples=lambda: [
        Sample(_F, axes=(0, 2)), Sample(_ZEROS, axes=(0,)), Sample(_ZEROS, axes=(0, 1)),
        Sample(_F[0].astype(np.float32), axes=(1,)), Sample(_C, axes=(0,)), Sample(_I, axes=(1,)),
        Sample(_F, axes=()), Sample(_F[:, :0], axes=(1,)), Sample(_F[:, :1], axes=(1,)),
    ],
    doc="`reduce_prod(x, axes)`: the product over axes; its derivative is right at zeros.",
)  # fmt: skip


# extremes ----------------------------------------------------------------------------------------


def lowest(dtype: np.dtype) -> Any:
    """The neutral element of max."""
    if dtype.kind == "f":
        return dtype.type(-np.inf)
    return np.False_ if dtype.kind == "b" else np.iinfo(dtype).min


def highest(dtype: np.dtype) -> Any:
    """The neutral element of min."""
    if dtype.kind == "f":
        return dtype.type(np.inf)
    return np.True_ if dtype.kind == "b" else np.iinfo(dtype).max


def _extreme_jvp(primals: Any, tangents: Any, axes: tuple[int, ...], op: Op) -> Any:
    """The tangent where the extreme is attained; equal parts of it where there are ties."""
    from bibun.ops.elementwise import absorb_mul, convert, div, eq

    (x,), (t,) = primals, tangents
    out = op(x, axes=axes)
    hit = convert(eq(x, keep_dims(out, axes)), new_dtype=x.dtype)
    share = div(hit, keep_dims(reduce_sum(hit, axes=axes), axes))
    return out, reduce_sum(absorb_mul(t, share), axes=axes)


def _extreme_eval(ufunc: np.ufunc, identity: Callable[..., Any]) -> Callable[..., Any]:
    def eval(x: np.ndarray, axes: tuple[int, ...]) -> Any:
        if not axes:
            return x
        if x.size:
            return ufunc.reduce(x, axis=axes)
        return ufunc.reduce(x, axis=axes, initial=identity(x.dtype))

    return eval


def _extreme_samples() -> list[Sample]:
    nans = np.array([[1.0, np.nan, 2.0], [0.5, -np.inf, np.inf]])
    return [
        Sample(_F, axes=(0, 2)), Sample(_F, axes=(1,)), Sample(_TIES, axes=(1,), smooth=False),
        Sample(nans, axes=(1,), diff=(), smooth=False), Sample(_F[0].astype(np.float32), axes=(0,)),
        Sample(_I, axes=(1,)), Sample(_U, axes=(0,)), Sample(_B, axes=(0,)), Sample(_F, axes=()),
        Sample(_F[:, :0], axes=(1,)), Sample(_I[:0], axes=(0,)),
    ]  # fmt: skip


reduce_max = _reduction(
    "reduce_max",
    kinds="biuf",
    wanted="ordered elements (real numbers or booleans)",
    eval=_extreme_eval(np.maximum, lowest),
    jvp=lambda primals, tangents, axes: _extreme_jvp(primals, tangents, axes, reduce_max),
    reducer=_combine(lowest, lambda b, x, y: (b.bit_or if x.dtype.kind == "b" else b.max)(x, y)),
    samples=_extreme_samples,
    doc="`reduce_max(x, axes)`: the maximum, nan if one is nan; -inf (lowest) over nothing. "
    "The derivative is shared equally among ties.",
)

reduce_min = _reduction(
    "reduce_min",
    kinds="biuf",
    wanted="ordered elements (real numbers or booleans)",
    eval=_extreme_eval(np.minimum, highest),
    jvp=lambda primals, tangents, axes: _extreme_jvp(primals, tangents, axes, reduce_min),
    reducer=_combine(highest, lambda b, x, y: (b.bit_and if x.dtype.kind == "b" else b.min)(x, y)),
    samples=_extreme_samples,
    doc="`reduce_min(x, axes)`: the minimum, nan if one is nan; inf (highest) over nothing. "
    "The derivative is shared equally among ties.",
)


# logic -------------------------------------------------------------------------------------------


def _all_ones(dtype: np.dtype) -> Any:
    return np.True_ if dtype.kind == "b" else (-1 if dtype.kind == "i" else np.iinfo(dtype).max)


def _logic(name: str, ufunc: np.ufunc, init: Callable[..., Any], how: str, doc: str) -> Op:
    return _reduction(
        name,
        kinds="biu",
        wanted="booleans or integers",
        eval=lambda x, axes: ufunc.reduce(x, axis=axes) if axes else x,
        reducer=_combine(init, lambda b, x, y: getattr(b, how)(x, y)),
        samples=lambda: [
            Sample(_B, axes=(1,)), Sample(_B, axes=(0, 1)), Sample(_I, axes=(0,)),
            Sample(_U, axes=(1,)), Sample(_B[:0], axes=(0,)), Sample(_B, axes=()),
        ],
        doc=doc,
    )  # fmt: skip


reduce_and = _logic(
    "reduce_and", np.bitwise_and, _all_ones, "bit_and",
    "`reduce_and(x, axes)`: whether all are true; bit by bit for integers.",
)  # fmt: skip
reduce_or = _logic(
    "reduce_or", np.bitwise_or, lambda dtype: 0, "bit_or",
    "`reduce_or(x, axes)`: whether any is true; bit by bit for integers.",
)  # fmt: skip
reduce_xor = _logic(
    "reduce_xor", np.bitwise_xor, lambda dtype: 0, "bit_xor",
    "`reduce_xor(x, axes)`: whether an odd number is true; bit by bit for integers.",
)  # fmt: skip


# where the extremes are --------------------------------------------------------------------------


def _arg_reducer(better: str, worst: Callable[[np.dtype], Any]) -> Reducer:
    """Accumulators (value, index). nan beats all; among equals the lowest index wins.

    The order is total, so lanes may be merged in any order.
    """

    def pick(b: Any, v: Any, i: Any, x: Any, j: Any) -> tuple[Any, Any]:
        wins = b.compare(better, x, v)
        tie = b.compare("eq", x, v)
        if x.dtype.kind == "f":
            x_nan, v_nan = b.compare("ne", x, x), b.compare("ne", v, v)
            wins = b.bit_or(wins, b.bit_and(x_nan, b.bit_not(v_nan)))
            tie = b.bit_or(tie, b.bit_and(x_nan, v_nan))
        wins = b.bit_or(wins, b.bit_and(tie, b.compare("lt", j, i)))
        return b.select(wins, x, v), b.select(wins, j, i)

    return Reducer(
        init=lambda b, dtype, **params: (
            b.const(worst(dtype), dtype), b.const(np.iinfo(np.int64).max, INT64)
        ),
        step=lambda b, acc, x, idx, axes, **params: pick(b, *acc, x, idx[axes[0]]),
        merge=lambda b, acc, other, **params: pick(b, *acc, *other),
        final=lambda b, acc, index_dtype, **params: b.convert(acc[1], canonical(index_dtype)),
    )  # fmt: skip


def _arg_op(name: str, function: Callable[..., Any], reducer: Reducer, which: str) -> Op:
    def type_rule(x: ArrayType, axes: tuple[int, ...], index_dtype: Any) -> ArrayType:
        if x.dtype.kind not in "biuf":
            raise DTypeError(f"{name}: expected ordered elements, got {x}")
        if len(axes) != 1:
            raise ShapeError(f"{name}: takes one axis, got axes {axes}")
        check_axes(name, axes, x.ndim)
        if x.shape[axes[0]] == 0:
            raise ShapeError(f"{name}: axis {axes[0]} of shape {x.shape} has no elements")
        return ArrayType(kept_shape(x.shape, axes), canonical(index_dtype))

    def eval(x: Any, axes: tuple[int, ...], index_dtype: Any) -> Any:
        x = numpy_of(x)
        if x.dtype.kind not in "biuf":
            raise TypeError("a dtype without an order")
        return np.asarray(function(x, axis=axes[0]), dtype=canonical(index_dtype))

    op = Op(
        name,
        REDUCTION,
        type_rule=type_rule,
        eval=clear_errors(type_rule, eval),
        batch=lambda size, args, dims, **params: _batch(size, args, dims, op, **params),
        lower=reducer,
        cost=3.0,
        samples=lambda: [
            Sample(x, axes=(a,), index_dtype=np.dtype(dt))
            for x, a, dt in [
                (_F, 1, np.int64), (_TIES, 1, np.int32), (_I, 0, np.int64), (_B, 1, np.int64),
                (np.array([3.0, np.nan, 5.0, np.nan]), 0, np.int64), (_U, 0, np.uint8),
                (np.array([-np.inf, -np.inf]), 0, np.int64), (_F[:0], 1, np.int64),
                (np.array([np.inf, np.inf], np.float32), 0, np.int64),
            ]
        ],
        doc=f"`{name}(x, axes=(k,), index_dtype)`: the first index of the {which}; the first "
        "nan counts as such. Errors: ShapeError for an empty axis.",
    )  # fmt: skip
    return register(op)


argmax = _arg_op("argmax", np.argmax, _arg_reducer("gt", lowest), "greatest element")
argmin = _arg_op("argmin", np.argmin, _arg_reducer("lt", highest), "least element")
