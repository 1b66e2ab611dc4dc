"""`bibun.lax`, whole arrays: shapes, reductions, sorting, contractions."""

from __future__ import annotations

import builtins
import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import tree
from bibun.array import Value
from bibun.dtypes import canonical
from bibun.errors import ShapeError
from bibun.numpy._common import as_int, as_shape, axis_index, full_value, promote_args, value
from bibun.ops import cumulative as cum
from bibun.ops import reduce as red
from bibun.ops import shape as sh
from bibun.ops import sort as so
from bibun.ops.dot import dot_general as _dot_general

__all__ = [
    "argmax", "argmin", "batch_matmul", "broadcast", "broadcast_in_dim", "broadcast_shapes",
    "broadcasted_iota", "collapse", "concatenate", "cumlogsumexp", "cummax", "cummin",
    "cumprod", "cumsum", "dot", "dot_general", "expand_dims", "full", "full_like", "iota",
    "optimization_barrier", "pad", "reduce", "reduce_and", "reduce_max", "reduce_min",
    "reduce_or", "reduce_prod", "reduce_sum", "reduce_xor", "reshape", "rev", "sort",
    "sort_key_val", "split", "squeeze", "stop_gradient", "top_k", "transpose",
]  # fmt: skip


# ---- making -----------------------------------------------------------------------------------


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Value:
    """An array of one value.

    >>> from bibun import lax
    >>> print(lax.full((2,), 1.5))
    [1.5 1.5]
    """
    return bnp.full(shape, fill_value, dtype)


def full_like(x: Any, fill_value: Any, dtype: Any = None, shape: Any = None) -> Value:
    """An array of one value, with shape and dtype of another.

    >>> from bibun import lax
    >>> print(lax.full_like(lax.full((2,), 1.5), 0))
    [0. 0.]
    """
    return bnp.full_like(x, fill_value, dtype, shape)


def iota(dtype: Any, size: int) -> Value:
    """0, 1, …, size - 1.

    >>> from bibun import lax
    >>> print(lax.iota(int, 3))
    [0 1 2]
    """
    return sh.iota(shape=(as_int("iota", "size", size),), dtype=canonical(dtype), axis=0)


def broadcasted_iota(dtype: Any, shape: Any, dimension: int) -> Value:
    """Each element is its index along one axis.

    >>> from bibun import lax
    >>> print(lax.broadcasted_iota(int, (2, 2), 0))
    [[0 0]
     [1 1]]
    """
    dims = as_shape("broadcasted_iota", shape)
    k = axis_index("broadcasted_iota", dimension, len(dims))
    return sh.iota(shape=dims, dtype=canonical(dtype), axis=k)


# ---- shapes -----------------------------------------------------------------------------------


def broadcast(operand: Any, sizes: Sequence[int]) -> Value:
    """New axes of these sizes in front.

    >>> from bibun import lax
    >>> print(lax.broadcast(1.5, (2,)))
    [1.5 1.5]
    """
    x = value("broadcast", "operand", operand)
    return sh.broadcast_to(x, shape=(*as_shape("broadcast", sizes, "sizes"), *x.shape))


def broadcast_in_dim(operand: Any, shape: Sequence[int], broadcast_dimensions: Sequence[int]
                     ) -> Value:  # fmt: skip
    """Axis k of the operand becomes axis broadcast_dimensions[k] of the shape.

    >>> from bibun import lax
    >>> print(lax.broadcast_in_dim(lax.iota(int, 2), (2, 3), (0,)))
    [[0 0 0]
     [1 1 1]]
    """
    x = value("broadcast_in_dim", "operand", operand)
    dims = as_shape("broadcast_in_dim", shape)
    places = tuple(as_int("broadcast_in_dim", "broadcast_dimensions", d)
                   for d in broadcast_dimensions)  # fmt: skip
    if len(places) != x.ndim or list(places) != sorted(set(places)):
        raise ShapeError(
            f"broadcast_in_dim: broadcast_dimensions {places} must ascend and be as many as the "
            f"axes of {x.shape}"
        )
    new = tuple(k for k in range(len(dims)) if k not in places)
    wide = sh.expand_dims(x, axes=new) if new else x
    return sh.broadcast_to(wide, shape=dims)


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """The shape that all of these broadcast to.

    >>> from bibun import lax
    >>> lax.broadcast_shapes((2, 1), (3,))
    (2, 3)
    """
    return bnp.broadcast_shapes(*shapes)


def reshape(operand: Any, new_sizes: Any, dimensions: Sequence[int] | None = None) -> Value:
    """The elements in another shape, `dimensions` being the order in which axes are read.

    >>> from bibun import lax
    >>> lax.reshape(lax.iota(int, 6), (2, 3)).shape
    (2, 3)
    """
    x = value("reshape", "operand", operand)
    if dimensions is not None:
        x = bnp.transpose(x, dimensions)
    return bnp.reshape(x, new_sizes)


def collapse(operand: Any, start_dimension: int, stop_dimension: int | None = None) -> Value:
    """Neighbouring axes made one.

    >>> from bibun import lax
    >>> lax.collapse(lax.full((2, 3, 4), 0.0), 1).shape
    (2, 12)
    """
    x = value("collapse", "operand", operand)
    lo, hi, _ = builtins.slice(start_dimension, stop_dimension).indices(x.ndim)
    if hi <= lo:
        raise ShapeError(f"collapse: no axes between {start_dimension} and {stop_dimension}")
    return bnp.reshape(x, (*x.shape[:lo], math.prod(x.shape[lo:hi]), *x.shape[hi:]))


def transpose(operand: Any, permutation: Sequence[int]) -> Value:
    """The axes in another order.

    >>> from bibun import lax
    >>> lax.transpose(lax.full((2, 3), 0.0), (1, 0)).shape
    (3, 2)
    """
    return bnp.transpose(operand, permutation)


def expand_dims(array: Any, dimensions: Sequence[int]) -> Value:
    """Axes of size 1 put in.

    >>> from bibun import lax
    >>> lax.expand_dims(lax.iota(int, 2), (0,)).shape
    (1, 2)
    """
    return bnp.expand_dims(array, tuple(dimensions))


def squeeze(array: Any, dimensions: Sequence[int]) -> Value:
    """Axes of size 1 taken out.

    >>> from bibun import lax
    >>> lax.squeeze(lax.full((1, 2), 0.0), (0,)).shape
    (2,)
    """
    return bnp.squeeze(array, tuple(dimensions))


def rev(operand: Any, dimensions: Sequence[int]) -> Value:
    """The order along some axes reversed.

    >>> from bibun import lax
    >>> print(lax.rev(lax.iota(int, 3), (0,)))
    [2 1 0]
    """
    return bnp.flip(operand, tuple(dimensions))


def concatenate(operands: Sequence[Any], dimension: int) -> Value:
    """Arrays end to end.

    >>> from bibun import lax
    >>> print(lax.concatenate([lax.iota(int, 2), lax.iota(int, 1)], 0))
    [0 1 0]
    """
    return bnp.concatenate(operands, dimension)


def split(operand: Any, sizes: Sequence[int], axis: int = 0) -> list[Value]:
    """Cut into parts of given sizes, which must add up.

    >>> from bibun import lax
    >>> print(*lax.split(lax.iota(int, 3), (1, 2)))
    [0] [1 2]
    """
    x = value("split", "operand", operand)
    k = axis_index("split", axis, x.ndim)
    parts = as_shape("split", tuple(sizes), "sizes")
    if builtins.sum(parts) != x.shape[k]:
        raise ShapeError(f"split: sizes {parts} do not add up to {x.shape[k]}")
    return bnp.split(x, np.cumsum(parts)[:-1].tolist(), axis=k)


def pad(operand: Any, padding_value: Any, padding_config: Any) -> Value:
    """Padding before, after and between elements: (low, high, interior) for each axis.

    >>> from bibun import lax
    >>> print(lax.pad(lax.iota(int, 2), 9, [(1, 0, 1)]))
    [9 0 9 1]
    """
    x, fill = promote_args("pad", operand, padding_value)
    config = tuple(tuple(as_int("pad", "padding_config", n) for n in c) for c in padding_config)
    return sh.pad(x, fill, config=config)


# ---- reductions -------------------------------------------------------------------------------


def _reduction(
    name: str, op: Callable[..., Any], summary: str, result: str
) -> Callable[..., Value]:
    def function(operand: Any, axes: Sequence[int]) -> Value:
        x = value(name, "operand", operand)
        places = tuple(sorted(axis_index(name, k, x.ndim) for k in axes))
        return op(x, axes=places)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""{summary} along axes.

    >>> from bibun import lax
    >>> print(lax.{name}(lax.full((3,), 2), (0,)))
    {result}
    """
    return function


reduce_sum = _reduction("reduce_sum", red.reduce_sum, "Sum", "6")
reduce_prod = _reduction("reduce_prod", red.reduce_prod, "Product", "8")
reduce_max = _reduction("reduce_max", red.reduce_max, "Largest element", "2")
reduce_min = _reduction("reduce_min", red.reduce_min, "Smallest element", "2")
reduce_and = _reduction("reduce_and", red.reduce_and, "Bits set in all", "2")
reduce_or = _reduction("reduce_or", red.reduce_or, "Bits set in some", "2")
reduce_xor = _reduction("reduce_xor", red.reduce_xor, "Exclusive or", "2")


@functools.cache
def _monoids() -> dict[Any, tuple[Callable[..., Any], Callable[..., Any]]]:
    from bibun.lax import elementwise as le
    from bibun.ops import elementwise as el

    table: dict[Any, Any] = {}
    for functions, op, join in (
        ((le.add, bnp.add, operator.add), red.reduce_sum, el.add),
        ((le.mul, bnp.multiply, operator.mul), red.reduce_prod, el.mul),
        ((le.max, bnp.maximum), red.reduce_max, el.max),
        ((le.min, bnp.minimum), red.reduce_min, el.min),
        ((le.bitwise_and, bnp.bitwise_and, bnp.logical_and, operator.and_), red.reduce_and,
         el.and_),
        ((le.bitwise_or, bnp.bitwise_or, bnp.logical_or, operator.or_), red.reduce_or, el.or_),
        ((le.bitwise_xor, bnp.bitwise_xor, bnp.logical_xor, operator.xor), red.reduce_xor,
         el.xor),
    ):  # fmt: skip
        for f in functions:
            table[f] = (op, join)
    return table


def joined_by(computation: Any) -> Callable[..., Any] | None:
    """The op of two arrays that a function is known to be, or None."""
    try:
        return _monoids().get(computation, (None, None))[1]
    except TypeError:  # not hashable
        return None


def neutral(join: Callable[..., Any], start: Any, dtype: np.dtype) -> bool:
    """Whether a number known now is the neutral element of a monoid's op."""
    from bibun.ops import elementwise as el

    if isinstance(start, Value) or not np.isscalar(start):
        return False
    with np.errstate(all="ignore"):
        known = np.asarray(start).astype(dtype)
    if join in (el.max, el.min):
        if dtype.kind in "iu":
            info = np.iinfo(dtype)
            return bool(known == (info.min if join is el.max else info.max))
        return dtype.kind == "f" and bool(known == (-np.inf if join is el.max else np.inf))
    if join is el.and_:
        return bool(known == (True if dtype.kind == "b" else ~dtype.type(0)))
    return bool(known == (1 if join is el.mul else 0))


def lanes(name: str, computation: Callable[..., Any], structure: Any
          ) -> Callable[[list[Any], list[Any]], list[Any]]:  # fmt: skip
    """A function of two pytrees of scalars, on lists of arrays element by element."""
    from bibun.transforms import vmap

    def scalars(xs: list[Any], ys: list[Any]) -> list[Any]:
        out = computation(tree.unflatten(structure, xs), tree.unflatten(structure, ys))
        leaves, got = tree.flatten(out)
        if got != structure or any(np.shape(x) for x in leaves):
            raise ShapeError(
                f"{name}: computation must return scalars, in the structure of one of its "
                f"arguments, {structure}; got {got} of shapes {[np.shape(x) for x in leaves]}"
            )
        return leaves

    def join(xs: list[Any], ys: list[Any]) -> list[Any]:
        shape = xs[0].shape
        flat = [[bnp.reshape(x, (-1,)) for x in side] for side in (xs, ys)]
        out = vmap(scalars)(*flat) if math.prod(shape) else flat[0]
        return [bnp.reshape(y, shape).astype(x.dtype) for x, y in zip(xs, out, strict=True)]

    return join


def reduce(operands: Any, init_values: Any, computation: Callable[..., Any],
           dimensions: Sequence[int]) -> Any:  # fmt: skip
    """Combination of elements along axes by an associative function with a neutral element.

    operands: an array, or a pytree of arrays of one shape with one of init_values each; then
    `computation` takes and returns two such pytrees of scalars. Sums, products, extremes
    and logic are recognised; any other function is applied to halves, so in log2(n) steps.

    >>> from bibun import lax
    >>> print(lax.reduce(lax.iota(int, 4), 0, lax.add, (0,)))
    6
    >>> later = lambda x, y: (lax.max(x[0], y[0]), x[1] + y[1])
    >>> xs = lax.iota(int, 4)
    >>> print(*lax.reduce((xs, xs), (0, 0), later, (0,)))
    3 6
    """
    leaves, structure = tree.flatten(operands)
    starts = tree.leaves(init_values)
    if len(leaves) != len(starts) or not leaves:
        raise ValueError(
            f"reduce: {len(leaves)} operands need as many init_values, got {len(starts)}"
        )
    both = [promote_args("reduce", x, start) for x, start in zip(leaves, starts, strict=True)]
    xs = [value("reduce", "operands", x) for x, _ in both]
    shape = xs[0].shape
    if any(x.shape != shape for x in xs):
        raise ShapeError(f"reduce: operands of shapes {[x.shape for x in xs]}, expected one shape")
    axes = tuple(sorted(axis_index("reduce", k, len(shape)) for k in dimensions))
    known = joined_by(computation)
    if known is not None and len(xs) == 1:
        op = _monoids()[computation][0]
        return tree.unflatten(structure, [known(op(xs[0], axes=axes), both[0][1])])
    join = lanes("reduce", computation, structure)
    rest = tuple(k for k in range(len(shape)) if k not in axes)
    kept = tuple(shape[k] for k in rest)
    lines = [bnp.reshape(bnp.transpose(x, (*axes, *rest)), (math.prod(shape[k] for k in axes),
                                                          *kept)) for x in xs]  # fmt: skip
    while (n := lines[0].shape[0]) > 1:
        half = n // 2
        joined = join([x[0 : 2 * half : 2] for x in lines], [x[1 : 2 * half : 2] for x in lines])
        lines = [bnp.concatenate([y, x[2 * half :]]) if n % 2 else y
                 for x, y in zip(lines, joined, strict=True)]  # fmt: skip
    first = [start if isinstance(start, Value) and start.shape == kept
             else full_value(start, kept, x.dtype)
             for x, (_, start) in zip(xs, both, strict=True)]  # fmt: skip
    return tree.unflatten(structure, join(first, [x[0] for x in lines]) if n else first)


def argmax(operand: Any, axis: int, index_dtype: Any = int) -> Value:
    """The index of the first largest element along an axis.

    >>> from bibun import lax
    >>> print(lax.argmax(lax.iota(int, 4), 0))
    3
    """
    x = value("argmax", "operand", operand)
    k = axis_index("argmax", axis, x.ndim)
    return red.argmax(x, axes=(k,), index_dtype=canonical(index_dtype))


def argmin(operand: Any, axis: int, index_dtype: Any = int) -> Value:
    """The index of the first smallest element along an axis.

    >>> from bibun import lax
    >>> print(lax.argmin(lax.iota(int, 4), 0))
    0
    """
    x = value("argmin", "operand", operand)
    k = axis_index("argmin", axis, x.ndim)
    return red.argmin(x, axes=(k,), index_dtype=canonical(index_dtype))


def _running(name: str, op: Callable[..., Any], summary: str, result: str) -> Callable[..., Value]:
    def function(operand: Any, axis: int = 0, reverse: bool = False) -> Value:
        x = value(name, "operand", operand)
        return op(x, axis=axis_index(name, axis, x.ndim), reverse=bool(reverse))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""{summary} along an axis; from its end if `reverse`.

    >>> from bibun import lax
    >>> print(lax.{name}(lax.full((3,), 2.0)))
    {result}
    """
    return function


cumsum = _running("cumsum", cum.cumsum, "Running sum", "[2. 4. 6.]")
cumprod = _running("cumprod", cum.cumprod, "Running product", "[2. 4. 8.]")
cummax = _running("cummax", cum.cummax, "Running maximum", "[2. 2. 2.]")
cummin = _running("cummin", cum.cummin, "Running minimum", "[2. 2. 2.]")
cumlogsumexp = _running(
    "cumlogsumexp", cum.cumlogsumexp, "Log of the running sum of exponentials",
    "[2.         2.69314718 3.09861229]",
)  # fmt: skip


# ---- sorting ----------------------------------------------------------------------------------


def sort(operand: Any, dimension: int = -1, is_stable: bool = True, num_keys: int = 1) -> Any:
    """Ascending along an axis; of a tuple, all are sorted by the first `num_keys`.

    >>> from bibun import lax
    >>> print(lax.sort(lax.rev(lax.iota(int, 3), (0,))))
    [0 1 2]
    """
    many = isinstance(operand, tuple | list)
    xs = [value("sort", "operand", x) for x in (operand if many else [operand])]
    k = axis_index("sort", dimension, xs[0].ndim)
    out = so.sort(*xs, axis=k, num_keys=num_keys, stable=bool(is_stable))
    return tuple(out) if many else out[0]


def sort_key_val(keys: Any, values: Any, dimension: int = -1, is_stable: bool = True) -> Any:
    """(sorted keys, values in the same order).

    >>> from bibun import lax
    >>> print(*lax.sort_key_val(lax.rev(lax.iota(int, 2), (0,)), lax.iota(int, 2)))
    [0 1] [1 0]
    """
    return sort((keys, values), dimension, is_stable)


def top_k(operand: Any, k: int, *, axis: int = -1) -> tuple[Value, Value]:
    """The k largest elements of each line along an axis, and their indices.

    >>> from bibun import lax
    >>> print(*lax.top_k(lax.iota(int, 4), 2))
    [3 2] [3 2]
    """
    x = value("top_k", "operand", operand)
    if not x.ndim:
        raise ShapeError("top_k: expected an array of one axis at least, got a scalar")
    where = axis_index("top_k", axis, x.ndim)
    count = as_int("top_k", "k", k)
    if where == x.ndim - 1:
        return so.top_k(x, k=count)
    values, at = so.top_k(bnp.moveaxis(x, where, -1), k=count)
    return bnp.moveaxis(values, -1, where), bnp.moveaxis(at, -1, where)


# ---- contractions -----------------------------------------------------------------------------


def dot(lhs: Any, rhs: Any, *, dimension_numbers: Any = None, precision: Any = None,
        preferred_element_type: Any = None) -> Value:  # fmt: skip
    """Product of vectors and matrices; with `dimension_numbers`, `dot_general`.

    >>> from bibun import lax
    >>> print(lax.dot(lax.iota(float, 3), lax.iota(float, 3)))
    5.0
    """
    if dimension_numbers is not None:
        return dot_general(lhs, rhs, dimension_numbers, precision, preferred_element_type)
    return bnp.dot(lhs, rhs, preferred_element_type=preferred_element_type)


def dot_general(lhs: Any, rhs: Any, dimension_numbers: Any, precision: Any = None,
                preferred_element_type: Any = None) -> Value:  # fmt: skip
    """Contraction along named axes: ((lhs, rhs contracted), (lhs, rhs batch)).

    The result has the batch axes, then what is left of lhs, then what is left of rhs.

    >>> from bibun import lax
    >>> print(lax.dot_general(lax.iota(float, 3), lax.iota(float, 3), (((0,), (0,)), ((), ()))))
    5.0
    """
    x, y = promote_args("dot_general", lhs, rhs)
    numbers = tuple(tuple(tuple(axes) for axes in pair) for pair in dimension_numbers)
    if preferred_element_type is None:
        return _dot_general(x, y, dimension_numbers=numbers)
    return _dot_general(x, y, dimension_numbers=numbers,
                        preferred_element_type=canonical(preferred_element_type))  # fmt: skip


def batch_matmul(lhs: Any, rhs: Any, precision: Any = None) -> Value:
    """Products of stacks of matrices of equal batch axes.

    >>> from bibun import lax
    >>> lax.batch_matmul(lax.full((5, 2, 3), 1.0), lax.full((5, 3, 4), 1.0)).shape
    (5, 2, 4)
    """
    return bnp.matmul(lhs, rhs)


# ---- the rest ---------------------------------------------------------------------------------


def stop_gradient(x: Any) -> Any:
    """x itself, with derivative 0.

    >>> from bibun import grad, lax
    >>> print(grad(lambda x: x * lax.stop_gradient(x))(3.0))
    3.0
    """
    from bibun.transforms import stop_gradient as stop

    return stop(x)


def optimization_barrier(operand: Any) -> Any:
    """The operand itself: nothing here reorders what a barrier would hold in place.

    >>> from bibun import lax
    >>> lax.optimization_barrier(3)
    3
    """
    return operand
