"""Statistics of samples: ranks, modes, standard errors and scores."""

from __future__ import annotations

from typing import Any, NamedTuple

import bibun.numpy as bnp
from bibun.array import Value
from bibun.errors import ShapeError
from bibun.numpy._common import one_of
from bibun.ops.check import check_true
from bibun.scipy.stats._family import floats

__all__ = ["ModeResult", "mode", "rankdata", "sem", "zscore"]


def _apply_policy(name: str, x: Value, nan_policy: str) -> None:
    """Errors: ValueError for another policy than SciPy's three, and for nan under "raise"."""
    one_of(name, "nan_policy", nan_policy, ("propagate", "omit", "raise"))
    if nan_policy == "raise" and x.dtype.kind == "f":
        good = bnp.logical_not(bnp.any(bnp.isnan(x)))
        check_true(good, error="value", message=f"{name}: nan in the data, and nan_policy='raise'")


def sem(a: Any, axis: int | None = 0, ddof: int = 1, nan_policy: str = "propagate", *,
        keepdims: bool = False) -> Value:  # fmt: skip
    """Standard error of the mean: the deviation (with n - ddof) over √n.

    nan_policy: "propagate", "omit" (leave them out) or "raise" (ValueError, in compiled code too).

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.stats import sem
    >>> print(sem(bnp.array([1.0, 3.0])))
    1.0
    """
    (x,) = floats("sem", a)
    _apply_policy("sem", x, nan_policy)
    if nan_policy == "omit":
        count = bnp.sum(~bnp.isnan(x), axis=axis, keepdims=keepdims)
        return bnp.nanstd(x, axis=axis, ddof=ddof, keepdims=keepdims) / bnp.sqrt(count)
    count = x.size if axis is None else x.shape[axis]
    return bnp.std(x, axis=axis, ddof=ddof, keepdims=keepdims) / count**0.5


def zscore(a: Any, axis: int | None = 0, ddof: int = 0) -> Value:
    """Deviations from the mean, in standard deviations.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.stats import zscore
    >>> print(zscore(bnp.array([1.0, 3.0])))
    [-1.  1.]
    """
    (x,) = floats("zscore", a)
    mean = bnp.mean(x, axis=axis, keepdims=True)
    return (x - mean) / bnp.std(x, axis=axis, ddof=ddof, keepdims=True)


def rankdata(a: Any, method: str = "average", *, axis: int | None = None,
             nan_policy: str = "propagate") -> Value:  # fmt: skip
    """Ranks of values, from 1. method: how equal values are ranked ("average", "min", "max",
    "dense", "ordinal").

    nan_policy: "propagate" (a nan makes all ranks of its line nan), "omit" (it is not ranked) or
    "raise". Ranks are floats, but for those of integers by the methods other than "average".

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.stats import rankdata
    >>> print(rankdata(bnp.array([30.0, 10.0, 30.0])))
    [2.5 1.  2.5]
    """
    methods = ("average", "min", "max", "dense", "ordinal")
    if method not in methods:
        raise ValueError(f"rankdata: method must be one of {methods}, got {method!r}")
    x = bnp.asarray(a)
    _apply_policy("rankdata", x, nan_policy)
    if axis is None:
        return _policed(x.ravel(), method, nan_policy)
    lines = bnp.moveaxis(x, axis, -1)
    from bibun.transforms import vmap

    flat = lines.reshape(-1, lines.shape[-1])
    ranks = vmap(lambda row: _policed(row, method, nan_policy))(flat)
    return bnp.moveaxis(ranks.reshape(lines.shape), -1, axis)


def _policed(x: Value, method: str, nan_policy: str) -> Value:
    """Ranks of a line that may have nan, which are sorted to its end."""
    ranks = _ranks(x, method)
    if x.dtype.kind != "f":
        return ranks
    missing = bnp.isnan(x)
    bad = missing if nan_policy == "omit" else bnp.any(missing)
    return bnp.where(bad, bnp.nan, ranks.astype(x.dtype))


def _ranks(x: Value, method: str) -> Value:
    order = bnp.argsort(x, stable=True)
    places = bnp.argsort(order, stable=True)
    if method == "ordinal":
        return places + 1
    y = x[order]
    fresh = bnp.concatenate([bnp.ones(min(1, x.size), bool), y[1:] != y[:-1]])
    dense = bnp.cumsum(fresh)[places]
    if method == "dense":
        return dense
    low = bnp.searchsorted(y, x, side="left") + 1
    high = bnp.searchsorted(y, x, side="right")
    if method == "min":
        return low
    return high if method == "max" else 0.5 * (low + high)


class ModeResult(NamedTuple):
    """The most frequent value and how often it occurs."""

    mode: Value
    count: Value


def mode(a: Any, axis: int | None = 0, nan_policy: str = "propagate",
         keepdims: bool = False) -> ModeResult:  # fmt: skip
    """The most frequent value along an axis, the smallest of equally frequent ones.

    nan_policy: "propagate" (nan is a value like others, the largest), "omit" or "raise".

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.stats import mode
    >>> print(mode(bnp.array([3, 1, 3])).mode)
    3
    """
    x = bnp.asarray(a)
    _apply_policy("mode", x, nan_policy)
    if axis is None:
        x, axis = x.ravel(), 0
    y = bnp.sort(bnp.moveaxis(x, axis, -1), axis=-1)
    n = y.shape[-1]
    if n == 0:
        raise ShapeError(f"mode: no elements along axis {axis} of shape {x.shape}")
    # equal values are neighbours: how long is the run of them that ends here?
    missing = bnp.isnan(y) if y.dtype.kind == "f" else bnp.zeros(y.shape, bool)
    fresh = (y[..., 1:] != y[..., :-1]) & ~(missing[..., 1:] & missing[..., :-1])
    begin = bnp.where(fresh, bnp.arange(1, n), 0)
    begin = bnp.concatenate([bnp.zeros((*y.shape[:-1], 1), int), begin], -1)
    run = bnp.arange(1, n + 1) - bnp.cummax(begin, -1)
    run = bnp.where(missing, 0, run) if nan_policy == "omit" else run
    best = bnp.argmax(run, -1, keepdims=True)
    value = bnp.take_along_axis(y, best, -1)
    often = bnp.take_along_axis(run, best, -1)
    if nan_policy == "omit" and y.dtype.kind == "f":
        value = bnp.where(often == 0, bnp.nan, value)
    if keepdims:
        return ModeResult(bnp.moveaxis(value, -1, axis), bnp.moveaxis(often, -1, axis))
    return ModeResult(value[..., 0], often[..., 0])
