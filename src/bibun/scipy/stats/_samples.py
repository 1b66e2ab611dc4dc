"""Statistics of samples: ranks, modes, standard errors and scores."""

from __future__ import annotations

from typing import Any, NamedTuple

import bibun.numpy as bnp
from bibun.array import Value
from bibun.scipy.stats._family import floats

__all__ = ["ModeResult", "mode", "rankdata", "sem", "zscore"]


def sem(a: Any, axis: int | None = 0, ddof: int = 1, nan_policy: str = "propagate", *,
        keepdims: bool = False) -> Value:  # fmt: skip
    """Standard error of the mean: the deviation (with n - ddof) over √n.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.stats import sem
    >>> print(sem(bnp.array([1.0, 3.0])))
    1.0
    """
    if nan_policy not in ("propagate", "omit"):
        raise ValueError(f"sem: nan_policy must be 'propagate' or 'omit', got {nan_policy!r}")
    (x,) = floats("sem", a)
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


def rankdata(a: Any, method: str = "average", *, axis: int | None = None) -> Value:
    """Ranks of values, from 1. method: how equal values are ranked ("average", "min", "max",
    "dense", "ordinal").

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.stats import rankdata
    >>> print(rankdata(bnp.array([30.0, 10.0, 30.0])))
    [2.5 1.  2.5]
    """
    methods = ("average", "min", "max", "dense", "ordinal")
    if method not in methods:
        raise ValueError(f"rankdata: method must be one of {methods}, got {method!r}")
    x = bnp.asarray(a)
    if axis is None:
        return _ranks(x.ravel(), method)
    lines = bnp.moveaxis(x, axis, -1)
    from bibun.transforms import vmap

    flat = lines.reshape(-1, lines.shape[-1])
    ranks = vmap(lambda row: _ranks(row, method))(flat)
    return bnp.moveaxis(ranks.reshape(lines.shape), -1, axis)


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


def mode(a: Any, axis: int | None = 0, keepdims: bool = False) -> ModeResult:
    """The most frequent value along an axis, the smallest of equally frequent ones.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.stats import mode
    >>> print(mode(bnp.array([3, 1, 3])).mode)
    3
    """
    x = bnp.asarray(a)
    if axis is None:
        x, axis = x.ravel(), 0
    y = bnp.sort(bnp.moveaxis(x, axis, -1), axis=-1)
    count = bnp.sum(y[..., :, None] == y[..., None, :], -1)
    best = bnp.argmax(count, -1, keepdims=True)
    value = bnp.take_along_axis(y, best, -1)
    often = bnp.take_along_axis(count, best, -1)
    if keepdims:
        return ModeResult(bnp.moveaxis(value, -1, axis), bnp.moveaxis(often, -1, axis))
    return ModeResult(value[..., 0], often[..., 0])
