"""Running sums, products and extremes, and differences."""

from __future__ import annotations

from typing import Any

from bibun.array import Value
from bibun.errors import ShapeError
from bibun.numpy._common import as_int, axis_index, no_out, promote_args, value
from bibun.numpy.elementwise import astype, not_equal, subtract
from bibun.numpy.reductions import _accumulator, _without_nan
from bibun.numpy.shape import ravel
from bibun.ops import cumulative as cum
from bibun.ops import shape as sh

__all__ = [
    "cummax", "cummin", "cumprod", "cumsum", "cumulative_prod", "cumulative_sum", "diff",
    "ediff1d", "nancumprod", "nancumsum",
]  # fmt: skip


def _running(name: str, op: Any, a: Any, axis: int | None, dtype: Any) -> Value:
    x = _accumulator(value(name, "a", a), dtype)
    if axis is None:
        x, axis = ravel(x), 0
    return op(x, axis=axis_index(name, axis, x.ndim), reverse=False)


def cumsum(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Value:
    """Running sum along an axis (of all elements, raveled, if none is given).

    >>> import bibun.numpy as bnp
    >>> print(bnp.cumsum(bnp.array([1, 2, 3])))
    [1 3 6]
    """
    no_out("cumsum", out)
    return _running("cumsum", cum.cumsum, a, axis, dtype)


def cumprod(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Value:
    """Running product along an axis (of all elements, raveled, if none is given).

    >>> import bibun.numpy as bnp
    >>> print(bnp.cumprod(bnp.array([1, 2, 3])))
    [1 2 6]
    """
    no_out("cumprod", out)
    return _running("cumprod", cum.cumprod, a, axis, dtype)


def _extreme(name: str, op: Any, a: Any, axis: int | None) -> Value:
    x = value(name, "a", a)
    if axis is None:
        x, axis = ravel(x), 0
    return op(x, axis=axis_index(name, axis, x.ndim), reverse=False)


def cummax(a: Any, axis: int | None = None) -> Value:
    """Running maximum.

    >>> import bibun.numpy as bnp
    >>> print(bnp.cummax(bnp.array([1, 3, 2])))
    [1 3 3]
    """
    return _extreme("cummax", cum.cummax, a, axis)


def cummin(a: Any, axis: int | None = None) -> Value:
    """Running minimum.

    >>> import bibun.numpy as bnp
    >>> print(bnp.cummin(bnp.array([2, 3, 1])))
    [2 2 1]
    """
    return _extreme("cummin", cum.cummin, a, axis)


def _array_api(name: str, op: Any, x: Any, axis: int | None, dtype: Any, start: bool,
               first: int) -> Value:  # fmt: skip
    x = value(name, "x", x)
    if axis is None:
        if x.ndim != 1:
            raise ShapeError(f"{name}: axis is needed for an array of shape {x.shape}")
        axis = 0
    k = axis_index(name, axis, x.ndim)
    out = _running(name, op, x, k, dtype)
    if start:
        from bibun.numpy.creation import full

        shape = (*out.shape[:k], 1, *out.shape[k + 1 :])
        out = sh.concatenate(full(shape, first, out.dtype), out, axis=k)
    return out


def cumulative_sum(x: Any, /, *, axis: int | None = None, dtype: Any = None,
                   include_initial: bool = False) -> Value:  # fmt: skip
    """Running sum, beginning with 0 if asked to.

    >>> import bibun.numpy as bnp
    >>> print(bnp.cumulative_sum(bnp.array([1, 2]), include_initial=True))
    [0 1 3]
    """
    return _array_api("cumulative_sum", cum.cumsum, x, axis, dtype, include_initial, 0)


def cumulative_prod(x: Any, /, *, axis: int | None = None, dtype: Any = None,
                    include_initial: bool = False) -> Value:  # fmt: skip
    """Running product, beginning with 1 if asked to.

    >>> import bibun.numpy as bnp
    >>> print(bnp.cumulative_prod(bnp.array([2, 3]), include_initial=True))
    [1 2 6]
    """
    return _array_api("cumulative_prod", cum.cumprod, x, axis, dtype, include_initial, 1)


def nancumsum(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Value:
    """Running sum, nan counting as 0.

    >>> import bibun.numpy as bnp
    >>> print(bnp.nancumsum(bnp.array([1.0, bnp.nan, 2.0])))
    [1. 1. 3.]
    """
    return cumsum(_without_nan("nancumsum", a, 0)[0], axis, dtype, out)


def nancumprod(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Value:
    """Running product, nan counting as 1.

    >>> import bibun.numpy as bnp
    >>> print(bnp.nancumprod(bnp.array([2.0, bnp.nan, 3.0])))
    [2. 2. 6.]
    """
    return cumprod(_without_nan("nancumprod", a, 1)[0], axis, dtype, out)


def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Value:
    """Differences of neighbours, n times.

    >>> import bibun.numpy as bnp
    >>> print(bnp.diff(bnp.array([1, 4, 9])))
    [3 5]
    """
    x = value("diff", "a", a)
    n = as_int("diff", "n", n)
    if n < 0:
        raise ValueError(f"diff: n must not be negative, got {n}")
    k = axis_index("diff", axis, x.ndim)
    def beside(name: str, extra: Any) -> list[Value]:
        if extra is None:
            return []
        e = value("diff", name, extra)
        if e.ndim == 0:
            e = sh.broadcast_to(e, shape=(*x.shape[:k], 1, *x.shape[k + 1 :]))
        return [e]

    parts = [*beside("prepend", prepend), x, *beside("append", append)]
    if len(parts) > 1:
        x = sh.concatenate(*promote_args("diff", *parts), axis=k)
    minus = not_equal if x.dtype.kind == "b" else subtract
    for _ in range(n):
        size = x.shape[k]
        if size == 0:
            break
        lo, hi = [0] * x.ndim, list(x.shape)
        lo[k] = 1
        later = sh.slice(x, starts=tuple(lo), limits=x.shape, strides=None)
        hi[k] = size - 1
        x = minus(later, sh.slice(x, starts=(0,) * x.ndim, limits=tuple(hi), strides=None))
    return x


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Value:
    """Differences of neighbours of the raveled array, with values put around.

    >>> import bibun.numpy as bnp
    >>> print(bnp.ediff1d(bnp.array([1, 4, 9]), to_end=0))
    [3 5 0]
    """
    x = ravel(ary)
    parts = [] if to_begin is None else [ravel(astype(to_begin, x.dtype))]
    parts.append(diff(x))
    if to_end is not None:
        parts.append(ravel(astype(to_end, x.dtype)))
    return sh.concatenate(*parts, axis=0)


