"""Sums, products, extremes, means and logic along axes, and their nan-ignoring versions."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bibun.array import Array, Value
from bibun.dtypes import canonical, default_float, default_int, real_of, uint32, uint64
from bibun.errors import DTypeError, ShapeError
from bibun.numpy._common import (
    axes_tuple,
    axis_index,
    index_dtype,
    no_out,
    promote_args,
    promote_inexact,
    value,
)
from bibun.numpy.elementwise import _truth, astype, equal, maximum, minimum, where
from bibun.numpy.formulas import isnan
from bibun.numpy.shape import broadcast_to, expand_dims, ravel
from bibun.ops import elementwise as el
from bibun.ops import reduce as red

__all__ = [
    "all", "amax", "amin", "any", "argmax", "argmin", "average", "count_nonzero", "max", "mean",
    "min", "nanargmax", "nanargmin", "nanmax", "nanmean", "nanmin", "nanprod", "nanstd", "nansum",
    "nanvar", "prod", "ptp", "std", "sum", "var", "array_equal", "array_equiv", "allclose",
]  # fmt: skip


def _keep(out: Any, axes: tuple[int, ...], keepdims: bool) -> Value:
    return expand_dims(out, axes) if keepdims and axes else out


def _masked(x: Value, condition: Any, other: Any) -> Value:
    if condition is None:
        return x
    c = _truth("where", condition)
    return el.select(c, x.dtype.type(other), x)


def _accumulator(x: Value, dtype: Any, promote: bool = True) -> Value:
    """Small integers and booleans are summed in the default integer, as NumPy does."""
    if dtype is not None:
        return astype(x, canonical(dtype))
    if not promote:
        return x
    kind, size = x.dtype.kind, x.dtype.itemsize
    if kind == "b" or (kind == "i" and size < default_int().itemsize):
        return el.convert(x, new_dtype=default_int())
    if kind == "u" and size < default_int().itemsize:
        return el.convert(x, new_dtype=uint64 if default_int().itemsize == 8 else uint32)
    return x


def sum(a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False,
        initial: Any = None, where: Any = None, promote_integers: bool = True
        ) -> Value:  # fmt: skip
    """Sum of elements, over all axes or those given.

    Small integers and booleans are summed as int64, unless not `promote_integers`. `where` picks
    elements.

    >>> import bibun.numpy as bnp
    >>> print(bnp.sum(bnp.array([[1, 2], [3, 4]]), axis=0))
    [4 6]
    """
    no_out("sum", out)
    if type(a) is Array and dtype is initial is where is axis is None and not keepdims:
        if a._value.dtype.kind in "fc":  # the common case, at once
            return red.reduce_sum(a, axes=tuple(range(a._value.ndim)))
    x = _accumulator(value("sum", "a", a), dtype, promote_integers)
    axes = axes_tuple("sum", axis, x.ndim)
    total = _keep(red.reduce_sum(_masked(x, where, 0), axes=axes), axes, keepdims)
    return total if initial is None else el.add(*promote_args("sum", total, initial))


def prod(a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False,
         initial: Any = None, where: Any = None, promote_integers: bool = True
         ) -> Value:  # fmt: skip
    """Product of elements; its gradient is right where elements are 0.

    >>> import bibun.numpy as bnp
    >>> print(bnp.prod(bnp.array([1.0, 2.0, 3.0])))
    6.0
    """
    no_out("prod", out)
    x = _accumulator(value("prod", "a", a), dtype, promote_integers)
    axes = axes_tuple("prod", axis, x.ndim)
    total = _keep(red.reduce_prod(_masked(x, where, 1), axes=axes), axes, keepdims)
    return total if initial is None else el.mul(*promote_args("prod", total, initial))


def _extreme_limit(dtype: np.dtype, sign: int) -> Any:
    if dtype.kind == "f":
        return sign * np.inf
    if dtype.kind == "b":
        return sign > 0
    limits = np.iinfo(dtype)
    return limits.max if sign > 0 else limits.min


def _extreme(name: str, op: Any, bool_op: Any, join: Callable[..., Value], sign: int, a: Any,
             axis: Any, keepdims: bool, initial: Any, where: Any) -> Value:  # fmt: skip
    x = value(name, "a", a)
    if x.dtype.kind not in "biuf":
        raise DTypeError(f"{name} is not defined for dtype {x.dtype}: it has no order")
    axes = axes_tuple(name, axis, x.ndim)
    if initial is None:
        if where is not None:
            raise ValueError(f"{name}: where= needs initial=, the value where nothing is picked")
        if math.prod(x.shape[k] for k in axes) == 0 and axes:
            raise ShapeError(
                f"{name}: no elements along axis {axes} of shape {x.shape}, and no initial= given"
            )
    if where is not None or (initial is not None and 0 in x.shape):
        x = _masked(x, where, _extreme_limit(x.dtype, -sign))
    out = _keep((bool_op if x.dtype.kind == "b" else op)(x, axes=axes), axes, keepdims)
    return out if initial is None else join(out, initial)


def max(a: Any, axis: Any = None, out: None = None, keepdims: bool = False, initial: Any = None,
        where: Any = None) -> Value:  # fmt: skip
    """The largest element; nan if there is one. Ties share the gradient.

    >>> import bibun.numpy as bnp
    >>> print(bnp.max(bnp.array([1.0, 3.0, 2.0])))
    3.0
    """
    no_out("max", out)
    return _extreme("max", red.reduce_max, red.reduce_or, maximum, 1, a, axis, keepdims, initial,
                    where)  # fmt: skip


def min(a: Any, axis: Any = None, out: None = None, keepdims: bool = False, initial: Any = None,
        where: Any = None) -> Value:  # fmt: skip
    """The smallest element; nan if there is one. Ties share the gradient.

    >>> import bibun.numpy as bnp
    >>> print(bnp.min(bnp.array([1.0, 3.0, 2.0])))
    1.0
    """
    no_out("min", out)
    return _extreme("min", red.reduce_min, red.reduce_and, minimum, -1, a, axis, keepdims, initial,
                    where)  # fmt: skip


amax, amin = max, min


def any(a: Any, axis: Any = None, out: None = None, keepdims: bool = False, *,
        where: Any = None) -> Value:  # fmt: skip
    """Whether some element is true (not 0).

    >>> import bibun.numpy as bnp
    >>> print(bnp.any(bnp.array([0, 1])))
    True
    """
    no_out("any", out)
    x = value("any", "a", _truth("any", a))
    axes = axes_tuple("any", axis, x.ndim)
    return _keep(red.reduce_or(_masked(x, where, False), axes=axes), axes, keepdims)


def all(a: Any, axis: Any = None, out: None = None, keepdims: bool = False, *,
        where: Any = None) -> Value:  # fmt: skip
    """Whether every element is true (not 0).

    >>> import bibun.numpy as bnp
    >>> print(bnp.all(bnp.array([0, 1])))
    False
    """
    no_out("all", out)
    x = value("all", "a", _truth("all", a))
    axes = axes_tuple("all", axis, x.ndim)
    return _keep(red.reduce_and(_masked(x, where, True), axes=axes), axes, keepdims)


def count_nonzero(a: Any, axis: Any = None, keepdims: bool = False) -> Value:
    """How many elements are not 0.

    >>> import bibun.numpy as bnp
    >>> print(bnp.count_nonzero(bnp.array([0, 5, 0])))
    1
    """
    return sum(_truth("count_nonzero", a), axis, keepdims=keepdims)


def _arg(name: str, op: Any, a: Any, axis: Any, keepdims: bool) -> Value:
    x = value(name, "a", a)
    if axis is None:
        if x.size == 0:
            raise ShapeError(f"{name}: no elements in an array of shape {x.shape}")
        out = op(ravel(x), axes=(0,), index_dtype=index_dtype())
        return _keep(out, tuple(range(x.ndim)), keepdims)
    k = axis_index(name, axis, x.ndim)
    if x.shape[k] == 0:
        raise ShapeError(f"{name}: no elements along axis {k} of shape {x.shape}")
    return _keep(op(x, axes=(k,), index_dtype=index_dtype()), (k,), keepdims)


def argmax(a: Any, axis: int | None = None, out: None = None, keepdims: bool = False) -> Value:
    """The index of the (first) largest element; of the first nan if there is one.

    >>> import bibun.numpy as bnp
    >>> print(bnp.argmax(bnp.array([1.0, 3.0, 2.0])))
    1
    """
    no_out("argmax", out)
    return _arg("argmax", red.argmax, a, axis, keepdims)


def argmin(a: Any, axis: int | None = None, out: None = None, keepdims: bool = False) -> Value:
    """The index of the (first) smallest element; of the first nan if there is one.

    >>> import bibun.numpy as bnp
    >>> print(bnp.argmin(bnp.array([1.0, 3.0, 0.0])))
    2
    """
    no_out("argmin", out)
    return _arg("argmin", red.argmin, a, axis, keepdims)


def _count(x: Value, axes: tuple[int, ...], where: Any, keepdims: bool) -> Any:
    """How many elements go into a mean: a Python number, or an array if `where` picks."""
    if where is None:
        return math.prod(x.shape[k] for k in axes)
    picked = broadcast_to(value("where", "where", _truth("where", where)), x.shape)
    return astype(sum(picked, axes, keepdims=keepdims), real_of(x.dtype))


def _divide_by_count(total: Value, count: Any) -> Value:
    if isinstance(count, int | float):
        return el.div(total, total.dtype.type(count))
    return el.div(*promote_inexact("mean", total, count))


def mean(a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False, *,
         where: Any = None) -> Value:  # fmt: skip
    """Arithmetic mean; nan of no elements.

    >>> import bibun.numpy as bnp
    >>> print(bnp.mean(bnp.array([1, 2, 3, 4])))
    2.5
    """
    no_out("mean", out)
    (x,) = promote_inexact("mean", a)
    x = value("mean", "a", x)
    if dtype is not None:
        x = astype(x, dtype)
        if x.dtype.kind in "biu":
            x = astype(x, default_float())
    axes = axes_tuple("mean", axis, x.ndim)
    total = sum(x, axes, keepdims=keepdims, where=where)
    result = _divide_by_count(total, _count(x, axes, where, keepdims))
    return result if dtype is None else astype(result, dtype)


def var(a: Any, axis: Any = None, dtype: Any = None, out: None = None, ddof: Any = 0,
        keepdims: bool = False, *, where: Any = None, correction: Any = None,
        mean: Any = None) -> Value:  # fmt: skip
    """Variance: the mean squared distance from the mean, over n - ddof.

    >>> import bibun.numpy as bnp
    >>> print(bnp.var(bnp.array([1.0, 3.0])))
    1.0
    """
    no_out("var", out)
    (x,) = promote_inexact("var", a)
    x = value("var", "a", x)
    if dtype is not None:
        x = astype(x, dtype)
    axes = axes_tuple("var", axis, x.ndim)
    less = ddof if correction is None else correction
    center = _mean(x, axes, keepdims=True, where=where) if mean is None else mean
    distance = el.sub(*promote_args("var", x, center))
    if distance.dtype.kind == "c":
        squares = el.add(el.square(el.real(distance)), el.square(el.imag(distance)))
    else:
        squares = el.square(distance)
    total = sum(squares, axes, keepdims=keepdims, where=where)
    count = _count(x, axes, where, keepdims)
    if isinstance(count, int) and isinstance(less, int | float):
        return _divide_by_count(total, builtins.max(count - less, 0))
    return _divide_by_count(total, maximum(el.sub(*promote_args("var", count, less)), 0))


_mean = mean  # `var` has a parameter of this name


def std(a: Any, axis: Any = None, dtype: Any = None, out: None = None, ddof: Any = 0,
        keepdims: bool = False, *, where: Any = None, correction: Any = None,
        mean: Any = None) -> Value:  # fmt: skip
    """Standard deviation, the root of `var`.

    >>> import bibun.numpy as bnp
    >>> print(bnp.std(bnp.array([1.0, 3.0])))
    1.0
    """
    return el.sqrt(var(a, axis, dtype, out, ddof, keepdims, where=where, correction=correction,
                       mean=mean))  # fmt: skip


def ptp(a: Any, axis: Any = None, out: None = None, keepdims: bool = False) -> Value:
    """The largest minus the smallest element.

    >>> import bibun.numpy as bnp
    >>> print(bnp.ptp(bnp.array([1.0, 3.0, 2.0])))
    2.0
    """
    return el.sub(max(a, axis, out, keepdims), min(a, axis, out, keepdims))


def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False,
            keepdims: bool = False) -> Any:  # fmt: skip
    """Weighted mean; with `returned`, also the sum of weights.

    >>> import bibun.numpy as bnp
    >>> print(bnp.average(bnp.array([1.0, 3.0]), weights=bnp.array([3.0, 1.0])))
    1.5
    """
    x = value("average", "a", a)
    if weights is None:
        out = mean(x, axis, keepdims=keepdims)
        scale = broadcast_to(value("average", "a", x.size / builtins.max(out.size, 1)), out.shape)
        return (out, astype(scale, out.dtype)) if returned else out
    x, w = promote_inexact("average", x, weights)
    x, w = value("average", "a", x), value("average", "weights", w)
    if w.shape != x.shape:
        if axis is None or w.ndim != 1:
            raise ShapeError(
                f"average: weights of shape {w.shape} need the shape {x.shape} of a, or one axis="
            )
        k = axis_index("average", axis, x.ndim)
        if w.shape[0] != x.shape[k]:
            raise ShapeError(f"average: {w.shape[0]} weights for axis {k} of shape {x.shape}")
        w = expand_dims(w, tuple(range(1, x.ndim - k)))
    total = sum(el.mul(x, w), axis, keepdims=keepdims)
    scale = sum(broadcast_to(w, x.shape), axis, keepdims=keepdims)
    out = el.div(total, scale)
    return (out, broadcast_to(scale, out.shape)) if returned else out


# ---- ignoring nan ---------------------------------------------------------------------------


def _without_nan(name: str, a: Any, other: Any) -> tuple[Value, Value | None]:
    x = value(name, "a", a)
    if x.dtype.kind not in "fc":
        return x, None
    missing = isnan(x)
    return el.select(missing, x, x.dtype.type(other)), missing


def nansum(a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False,
           initial: Any = None, where: Any = None) -> Value:  # fmt: skip
    """Sum, nan counting as 0.

    >>> import bibun.numpy as bnp
    >>> print(bnp.nansum(bnp.array([1.0, bnp.nan])))
    1.0
    """
    return sum(_without_nan("nansum", a, 0)[0], axis, dtype, out, keepdims, initial, where)


def nanprod(a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False,
            initial: Any = None, where: Any = None) -> Value:  # fmt: skip
    """Product, nan counting as 1.

    >>> import bibun.numpy as bnp
    >>> print(bnp.nanprod(bnp.array([2.0, bnp.nan])))
    2.0
    """
    return prod(_without_nan("nanprod", a, 1)[0], axis, dtype, out, keepdims, initial, where)


def _nan_extreme(name: str, reduce: Callable[..., Value], limit: float, a: Any, axis: Any,
                 out: None, keepdims: bool, initial: Any, where_: Any) -> Value:  # fmt: skip
    x, missing = _without_nan(name, a, limit)
    best = reduce(x, axis, out, keepdims, initial, where_)
    if missing is None or initial is not None:
        return best
    return where(all(missing, axis, keepdims=keepdims), x.dtype.type(np.nan), best)


def nanmax(a: Any, axis: Any = None, out: None = None, keepdims: bool = False, initial: Any = None,
           where: Any = None) -> Value:  # fmt: skip
    """The largest element that is a number; nan if there is none.

    >>> import bibun.numpy as bnp
    >>> print(bnp.nanmax(bnp.array([1.0, bnp.nan])))
    1.0
    """
    return _nan_extreme("nanmax", max, -np.inf, a, axis, out, keepdims, initial, where)


def nanmin(a: Any, axis: Any = None, out: None = None, keepdims: bool = False, initial: Any = None,
           where: Any = None) -> Value:  # fmt: skip
    """The smallest element that is a number; nan if there is none.

    >>> import bibun.numpy as bnp
    >>> print(bnp.nanmin(bnp.array([1.0, bnp.nan])))
    1.0
    """
    return _nan_extreme("nanmin", min, np.inf, a, axis, out, keepdims, initial, where)


def nanargmax(a: Any, axis: int | None = None, out: None = None, keepdims: bool = False) -> Value:
    """The index of the largest number; -1 where all are nan.

    >>> import bibun.numpy as bnp
    >>> print(bnp.nanargmax(bnp.array([bnp.nan, 1.0])))
    1
    """
    x, missing = _without_nan("nanargmax", a, -np.inf)
    best = argmax(x, axis, out, keepdims)
    return best if missing is None else where(all(missing, axis, keepdims=keepdims), -1, best)


def nanargmin(a: Any, axis: int | None = None, out: None = None, keepdims: bool = False) -> Value:
    """The index of the smallest number; -1 where all are nan.

    >>> import bibun.numpy as bnp
    >>> print(bnp.nanargmin(bnp.array([bnp.nan, 1.0])))
    1
    """
    x, missing = _without_nan("nanargmin", a, np.inf)
    best = argmin(x, axis, out, keepdims)
    return best if missing is None else where(all(missing, axis, keepdims=keepdims), -1, best)


def _numbers(x: Any, where_: Any) -> Any:
    present = el.not_(isnan(x))
    return present if where_ is None else el.and_(present, _truth("where", where_))


def nanmean(a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False,
            *, where: Any = None) -> Value:  # fmt: skip
    """Mean of the elements that are numbers.

    >>> import bibun.numpy as bnp
    >>> print(bnp.nanmean(bnp.array([1.0, bnp.nan, 3.0])))
    2.0
    """
    return mean(a, axis, dtype, out, keepdims, where=_numbers(a, where))


def nanvar(a: Any, axis: Any = None, dtype: Any = None, out: None = None, ddof: Any = 0,
           keepdims: bool = False, *, where: Any = None, correction: Any = None,
           mean: Any = None) -> Value:  # fmt: skip
    """Variance of the elements that are numbers.

    >>> import bibun.numpy as bnp
    >>> print(bnp.nanvar(bnp.array([1.0, bnp.nan, 3.0])))
    1.0
    """
    picked = _numbers(a, where)
    if mean is None:
        mean = _mean(a, axis, dtype, keepdims=True, where=picked)
    return var(a, axis, dtype, out, ddof, keepdims, where=picked, correction=correction,
               mean=mean)  # fmt: skip


def nanstd(a: Any, axis: Any = None, dtype: Any = None, out: None = None, ddof: Any = 0,
           keepdims: bool = False, *, where: Any = None, correction: Any = None,
           mean: Any = None) -> Value:  # fmt: skip
    """Standard deviation of the elements that are numbers.

    >>> import bibun.numpy as bnp
    >>> print(bnp.nanstd(bnp.array([1.0, bnp.nan, 3.0])))
    1.0
    """
    return el.sqrt(nanvar(a, axis, dtype, out, ddof, keepdims, where=where,
                          correction=correction, mean=mean))  # fmt: skip


# ---- comparing whole arrays -----------------------------------------------------------------


def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    """Whether two arrays have one shape and equal elements.

    >>> import bibun.numpy as bnp
    >>> print(bnp.array_equal(bnp.zeros(2), bnp.zeros(2)))
    True
    """
    x, y = value("array_equal", "a1", a1), value("array_equal", "a2", a2)
    if x.shape != y.shape:
        return value("array_equal", "a1", np.bool_(False))
    same = equal(x, y)
    if equal_nan:
        same = el.or_(same, el.and_(isnan(x), isnan(y)))
    return all(same)


def array_equiv(a1: Any, a2: Any) -> Any:
    """Whether two arrays broadcast to equal elements.

    >>> import bibun.numpy as bnp
    >>> print(bnp.array_equiv(bnp.zeros(2), 0))
    True
    """
    x, y = value("array_equiv", "a1", a1), value("array_equiv", "a2", a2)
    try:
        np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        return value("array_equiv", "a1", np.bool_(False))
    return all(equal(x, y))


def allclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Any:
    """Whether all elements are close, as `isclose` has it.

    >>> import bibun.numpy as bnp
    >>> print(bnp.allclose(bnp.zeros(2), 1e-12))
    True
    """
    from bibun.numpy.formulas import isclose

    return all(isclose(a, b, rtol, atol, equal_nan))


