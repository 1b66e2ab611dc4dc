"""Shared by the rooms that move elements: shapes, axes, zeros, mapped axes, clear errors.

Rooms of index maps, reductions and indexing all need the same few things: a type rule that
also explains NumPy's eager failures, axes shifted past a mapped axis, a mapped axis brought
to the front, and the jvp of a linear op, which is the op itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun.errors import DTypeError, ShapeError
from bibun.ir.types import ArrayType
from bibun.ops.op import INDEX_MAP, Op
from bibun.ops.registry import register
from bibun.trace.core import type_of

INT32, INT64 = np.dtype(np.int32), np.dtype(np.int64)


# types and values --------------------------------------------------------------------------------


def result_type(shape: Sequence[int], dtype: np.dtype, *operands: Any) -> ArrayType:
    """The type of a result; weak where every operand is weak, as the eager path has it."""
    weak = bool(operands) and all(t.weak for t in operands) and dtype.kind in "iufc"
    return ArrayType(tuple(shape), dtype, weak)


def numpy_of(x: Any) -> np.ndarray:
    """An operand of `eval` as an ndarray; a Python scalar gets the dtype it has alone."""
    if type(x) is np.ndarray:
        return x
    return np.asarray(x, dtype=type_of(x).dtype)  # type: ignore[union-attr]


def numpy_like(x: Any, like: np.ndarray) -> np.ndarray:
    """A second operand of `eval`: a Python scalar takes the dtype of the array beside it.

    Errors: TypeError if an array has another dtype (`clear_errors` says it better).
    """
    if isinstance(x, bool | int | float | complex):
        return np.asarray(x, like.dtype)
    x = numpy_of(x)
    if x.dtype != like.dtype:
        raise TypeError("operands of different dtypes")
    return x


def shape_of(x: Any) -> tuple[int, ...]:
    return getattr(x, "shape", ())


def dtype_of(x: Any) -> np.dtype:
    dtype = getattr(x, "dtype", None)
    return type_of(x).dtype if dtype is None else dtype  # type: ignore[union-attr]


def clear_errors(type_rule: Callable[..., Any], eval: Callable[..., Any]) -> Callable[..., Any]:
    """`eval`, with the type rule's message where NumPy refuses the operands."""

    def checked(*args: Any, **params: Any) -> Any:
        try:
            return eval(*args, **params)
        except (ValueError, TypeError, IndexError, OverflowError):
            type_rule(*map(type_of, args), **params)
            raise

    return checked


def check_axes(name: str, axes: Sequence[int], ndim: int) -> None:
    """Errors: ShapeError unless `axes` are distinct ints in [0, ndim)."""
    if any(not 0 <= a < ndim for a in axes) or len(set(axes)) != len(axes):
        raise ShapeError(
            f"{name}: axes {tuple(axes)} must be distinct and lie in [0, {ndim}) "
            f"for an operand of {ndim} dimension{'s' * (ndim != 1)}"
        )


def same_dtype(name: str, *types: Any) -> np.dtype:
    """The one dtype of the operands. Errors: DTypeError naming them all."""
    first = types[0].dtype
    if any(t.dtype != first for t in types):
        listed = ", ".join(map(str, types))
        raise DTypeError(f"{name}: operands must have one dtype, got {listed}")
    return first


def zeros(shape: Sequence[int], dtype: Any) -> Any:
    """A broadcast zero of the current trace."""
    from bibun.ops.shape import broadcast_to

    return broadcast_to(np.zeros((), dtype)[()], shape=tuple(shape))


def zeros_like(x: Any) -> Any:
    """Zeros of the shape and dtype of a value or a Linear."""
    return zeros(shape_of(x), dtype_of(x))


def full(shape: Sequence[int], value: Any, dtype: Any) -> Any:
    """A broadcast constant of the current trace."""
    from bibun.ops.shape import broadcast_to

    return broadcast_to(np.asarray(value, dtype)[()], shape=tuple(shape))


# mapped axes -------------------------------------------------------------------------------------


def shift_axes(axes: Sequence[int], dim: int) -> tuple[int, ...]:
    """Axes of an element as axes of the stack whose mapped axis is `dim`."""
    return tuple(a + (a >= dim) for a in axes)


def move_axis(x: Any, source: int, dest: int) -> Any:
    """`x` with one axis moved, by a transpose if it moves at all."""
    if source == dest:
        return x
    from bibun.ops.shape import transpose

    order = [a for a in range(len(x.shape)) if a != source]
    order.insert(dest, source)
    return transpose(x, permutation=tuple(order))


def mapped_front(x: Any, dim: int | None, size: int) -> Any:
    """`x` with the mapped axis in front; an unmapped value is broadcast to have one."""
    if dim is not None:
        return move_axis(x, dim, 0)
    from bibun.ops.shape import broadcast_to

    return broadcast_to(x, shape=(size, *shape_of(x)))


def never_batched(size: int, args: Any, dims: Any, **params: Any) -> Any:
    raise AssertionError("an op without inputs has nothing mapped")


# linear index maps -------------------------------------------------------------------------------


def shape_op(
    name: str,
    *,
    type_rule: Callable[..., Any],
    eval: Callable[..., Any],
    transpose: Callable[..., Any],
    batch: Callable[..., Any],
    lower: Callable[..., Any],
    simplify: Callable[..., Any] | None = None,
    reinterpret: bool = False,
    samples: Callable[[], list[Any]],
    doc: str,
) -> Op:
    """A linear index map of one operand: its jvp is itself, `transpose(ct, x, **params)`."""

    def jvp(primals: Any, tangents: Any, **params: Any) -> Any:
        return op(*primals, **params), op(*tangents, **params)

    def transposed(ct: Any, x: Any, **params: Any) -> Any:
        return (transpose(ct, x, **params),)

    def batched(size: int, args: Any, dims: Any, **params: Any) -> Any:
        return batch(args[0], dims[0], **params)

    op = Op(
        name,
        INDEX_MAP,
        type_rule=type_rule,
        eval=clear_errors(type_rule, eval),
        jvp=jvp,
        transpose=transposed,
        batch=batched,
        lower=lower,
        simplify=simplify,
        cost=0.0,
        reinterpret=reinterpret,
        samples=samples,
        doc=doc,
    )
    return register(op)
