"""Order statistics, covariances, histograms and counting."""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.array import Array, Value
from bibun.dtypes import default_int
from bibun.errors import DTypeError, ShapeError
from bibun.numpy._common import (
    as_int,
    axes_tuple,
    concrete,
    need_concrete,
    no_out,
    one_of,
    promote_args,
    promote_inexact,
    value,
)
from bibun.numpy.arithmetic import clip
from bibun.numpy.contraction import matmul
from bibun.numpy.creation import asarray, linspace, zeros
from bibun.numpy.cumulative import cumsum, diff
from bibun.numpy.elementwise import astype, conjugate, where
from bibun.numpy.formulas import isnan
from bibun.numpy.joining import concatenate
from bibun.numpy.reductions import any as any_
from bibun.numpy.reductions import average
from bibun.numpy.reductions import max as max_
from bibun.numpy.reductions import min as min_
from bibun.numpy.reductions import sum as sum_
from bibun.numpy.shape import (
    atleast_2d,
    broadcast_to,
    expand_dims,
    moveaxis,
    ravel,
    reshape,
    transpose,
)
from bibun.numpy.sorting import SEARCHES, searchsorted, sort
from bibun.numpy.taking import take_along_axis
from bibun.ops import elementwise as el
from bibun.ops import sort as so

__all__ = [
    "bincount", "corrcoef", "cov", "digitize", "histogram", "histogram2d", "histogram_bin_edges",
    "histogramdd", "median", "nanmedian", "nanpercentile", "nanquantile", "percentile",
    "quantile",
]  # fmt: skip

# ---- quantiles --------------------------------------------------------------------------------

# Hyndman and Fan, "Sample quantiles in statistical packages" (1996): the place among n sorted
# elements is n q + alpha + q (1 - alpha - beta) - 1; between two elements, these interpolate.
_PLACES = {
    "interpolated_inverted_cdf": (0.0, 1.0), "hazen": (0.5, 0.5), "weibull": (0.0, 0.0),
    "median_unbiased": (1 / 3, 1 / 3), "normal_unbiased": (3 / 8, 3 / 8),
}  # fmt: skip
_METHODS = (
    "linear", "lower", "higher", "midpoint", "nearest", "inverted_cdf", "averaged_inverted_cdf",
    "closest_observation", *_PLACES,
)  # fmt: skip


def _place(n: Any, q: Value, method: str) -> Value:
    """Where the quantile lies among the sorted elements, counted from 0, perhaps between two."""
    number = q.dtype.type
    last = el.sub(n, number(1))
    if method in _PLACES:
        alpha, beta = _PLACES[method]
        shift = el.add(el.mul(q, number(1 - alpha - beta)), number(alpha))
        place = el.sub(el.add(el.mul(n, q), shift), number(1))
    elif method in ("inverted_cdf", "averaged_inverted_cdf"):
        place = el.sub(el.mul(n, q), number(1))
        whole = el.floor(place)
        half = number(0.5) if method[0] == "a" else number(0)
        place = el.select(el.eq(place, whole), el.add(whole, number(1)), el.add(whole, half))
    elif method == "closest_observation":
        place = el.sub(el.mul(n, q), number(1.5))
        whole = el.floor(place)
        odd = el.ne(el.rem(whole, number(2)), number(0))
        down = el.and_(el.eq(place, whole), odd)
        place = el.select(down, el.add(whole, number(1)), whole)
    elif method == "nearest":
        return el.round_even(el.mul(last, q))
    else:
        return el.mul(last, q)
    return el.max(el.min(place, last), number(0))


def _between(low: Value, high: Value, part: Value, method: str) -> Value:
    one = part.dtype.type(1)
    if method == "lower":
        return low
    if method == "higher":
        return high
    if method in ("midpoint", "averaged_inverted_cdf"):
        return el.mul(el.add(low, high), low.dtype.type(0.5))
    # Exact at both ends, and no nan from inf - inf where the two are equal.
    blend = el.add(el.mul(low, el.sub(one, part)), el.mul(high, part))
    return el.select(el.eq(low, high), blend, low)


def _quantile(name: str, a: Any, q: Any, axis: Any, method: str, keepdims: bool,
              skip_nan: bool, weights: Any = None) -> Value:  # fmt: skip
    if method not in _METHODS:
        raise ValueError(f"{name}: method must be one of {', '.join(_METHODS)}, got {method!r}")
    x, p = promote_inexact(name, a, asarray(q))
    x, p = value(name, "a", x), value(name, "q", p)
    if x.dtype.kind != "f":
        raise DTypeError(f"{name}: expected real numbers, got dtype {x.dtype}")
    known = concrete(p)
    if known is not None and ((known < 0) | (known > 1)).any():
        top = "100" if name.endswith("percentile") else "1"
        raise ValueError(f"{name}: q must lie between 0 and {top}")
    axes = axes_tuple(name, axis, x.ndim)
    rest = tuple(k for k in range(x.ndim) if k not in axes)
    kept = tuple(x.shape[k] for k in rest)
    lines = reshape(transpose(x, (*rest, *axes)), (*kept, -1) if 0 not in kept else (*kept, 1))
    n = lines.shape[-1]
    if n == 0:
        raise ShapeError(f"{name}: no elements along axes {axes} of shape {x.shape}")
    points = ravel(p)
    if weights is not None:
        if method != "inverted_cdf":
            raise ValueError(f"{name}: weights need method='inverted_cdf', got {method!r}")
        heavy = _weights_like(name, weights, x, axes, rest)
        lines, heavy = so.sort(lines, reshape(heavy, lines.shape), axis=len(kept), num_keys=1,
                               stable=True)  # fmt: skip
    else:
        lines = sort(lines)
    missing = isnan(lines)
    if skip_nan:
        count = sum_(el.not_(missing), -1, keepdims=True)
        number = astype(el.max(count, default_int().type(1)), x.dtype)
    else:
        number = broadcast_to(value(name, "a", x.dtype.type(n)), (1,) * (len(kept) + 1))
    # (*kept or 1s, number of points)
    if weights is None:
        place = _place(number, points, method)
    else:
        heavy = el.select(missing, heavy, x.dtype.type(0)) if skip_nan else heavy
        place = _weighted_place(heavy, points)
    floor, ceil = el.floor(place), el.ceil(place)
    part = el.sub(place, floor)
    shape = (*kept, points.shape[0])

    def at(i: Value) -> Value:
        i = broadcast_to(astype(i, default_int()), shape)
        return take_along_axis(lines, i, -1, mode="clip")

    out = _between(at(floor), at(ceil), part, method)
    nan = x.dtype.type(np.nan)
    bad = el.eq(count, default_int().type(0)) if skip_nan else any_(missing, -1, keepdims=True)
    out = el.select(bad, out, nan)
    out = moveaxis(out, -1, 0)
    if keepdims:
        out = expand_dims(out, tuple(k + 1 for k in axes)) if axes else out
    return reshape(out, p.shape + out.shape[1:])


def _weights_like(name: str, weights: Any, x: Value, axes: Any, rest: Any) -> Value:
    """Weights as an array of the shape of x with the axes in x's new order."""
    w = astype(value(name, "weights", weights), x.dtype)
    if w.shape != x.shape:
        if w.ndim != 1 or len(axes) != 1 or w.shape[0] != x.shape[axes[0]]:
            raise ShapeError(f"{name}: weights of shape {w.shape} for an array of shape {x.shape}")
        w = expand_dims(w, tuple(range(1, x.ndim - axes[0])))
    return transpose(broadcast_to(w, x.shape), (*rest, *axes))


def _weighted_place(weights: Value, q: Value) -> Value:
    """The first element at which the running share of the weights, which is not 0, reaches q."""
    share = cumsum(weights, -1)
    number = share.dtype.type
    share = el.div(share, share[..., -1:])
    share = el.select(el.eq(share, number(0)), share, number(-1))
    return astype(sum_(expand_dims(share, -1) < q, -2), share.dtype)


def quantile(a: Any, q: Any, axis: Any = None, out: None = None, overwrite_input: bool = False,
             method: str = "linear", keepdims: bool = False, *,
             weights: Any = None) -> Value:  # fmt: skip
    """The value below which a fraction q of the elements lies; nan if one is nan.

    method: "linear" (between the neighbours), "lower", "higher", "midpoint", "nearest", or one of
    Hyndman and Fan's by NumPy's names. weights: of the elements, with method="inverted_cdf".
    Errors: ValueError for q outside [0, 1]. The axis of an array q comes first.

    >>> import bibun.numpy as bnp
    >>> print(bnp.quantile(bnp.array([1.0, 2.0, 4.0]), 0.75))
    3.0
    """
    no_out("quantile", out)
    return _quantile("quantile", a, q, axis, method, keepdims, False, weights)


def nanquantile(a: Any, q: Any, axis: Any = None, out: None = None, overwrite_input: bool = False,
                method: str = "linear", keepdims: bool = False, *,
                weights: Any = None) -> Value:  # fmt: skip
    """`quantile` of the elements that are numbers.

    >>> import bibun.numpy as bnp
    >>> print(bnp.nanquantile(bnp.array([1.0, bnp.nan, 3.0]), 0.5))
    2.0
    """
    no_out("nanquantile", out)
    return _quantile("nanquantile", a, q, axis, method, keepdims, True, weights)


def _percent(name: str, q: Any) -> Value:
    (p,) = promote_inexact(name, asarray(q))
    return el.div(p, p.dtype.type(100))


def percentile(a: Any, q: Any, axis: Any = None, out: None = None, overwrite_input: bool = False,
               method: str = "linear", keepdims: bool = False, *,
               weights: Any = None) -> Value:  # fmt: skip
    """`quantile` with q in percent.

    >>> import bibun.numpy as bnp
    >>> print(bnp.percentile(bnp.array([1.0, 2.0, 4.0]), 50))
    2.0
    """
    no_out("percentile", out)
    p = _percent("percentile", q)
    return _quantile("percentile", a, p, axis, method, keepdims, False, weights)


def nanpercentile(a: Any, q: Any, axis: Any = None, out: None = None,
                  overwrite_input: bool = False, method: str = "linear",
                  keepdims: bool = False, *,
                  weights: Any = None) -> Value:  # fmt: skip
    """`percentile` of the elements that are numbers.

    >>> import bibun.numpy as bnp
    >>> print(bnp.nanpercentile(bnp.array([1.0, bnp.nan, 3.0]), 50))
    2.0
    """
    no_out("nanpercentile", out)
    p = _percent("nanpercentile", q)
    return _quantile("nanpercentile", a, p, axis, method, keepdims, True, weights)


def median(a: Any, axis: Any = None, out: None = None, overwrite_input: bool = False,
           keepdims: bool = False) -> Value:  # fmt: skip
    """The middle element, or the mean of the two in the middle.

    >>> import bibun.numpy as bnp
    >>> print(bnp.median(bnp.array([1.0, 2.0, 10.0])))
    2.0
    """
    no_out("median", out)
    return _quantile("median", a, 0.5, axis, "midpoint", keepdims, False)


def nanmedian(a: Any, axis: Any = None, out: None = None, overwrite_input: bool = False,
              keepdims: bool = False) -> Value:  # fmt: skip
    """The median of the elements that are numbers.

    >>> import bibun.numpy as bnp
    >>> print(bnp.nanmedian(bnp.array([1.0, bnp.nan, 3.0])))
    2.0
    """
    no_out("nanmedian", out)
    return _quantile("nanmedian", a, 0.5, axis, "midpoint", keepdims, True)


# ---- covariance -------------------------------------------------------------------------------


def cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None,
        fweights: Any = None, aweights: Any = None, *, dtype: Any = None) -> Value:  # fmt: skip
    """Covariance matrix of variables in rows (columns if not `rowvar`).

    fweights: how often each observation counts; aweights: its importance.

    >>> import bibun.numpy as bnp
    >>> print(bnp.cov(bnp.array([1.0, 2.0, 3.0])))
    1.0
    """
    (x,) = promote_inexact("cov", m)
    x = value("cov", "m", x) if dtype is None else astype(value("cov", "m", x), dtype)
    if x.ndim > 2:
        raise ShapeError(f"cov: m must be 1-d or 2-d, got shape {x.shape}")
    scalar = x.ndim < 2 and y is None

    def rows(v: Value) -> Value:
        return transpose(v) if not rowvar and v.ndim == 2 else atleast_2d(v)

    x = rows(x)
    if y is not None:
        x = concatenate([x, rows(value("cov", "y", y))])
    scalar = scalar or x.shape[0] == 1
    less = (0 if bias else 1) if ddof is None else ddof
    weights: Any = None
    for name, w in (("fweights", fweights), ("aweights", aweights)):
        if w is not None:
            w = value("cov", name, w)
            if w.shape != (x.shape[1],):
                raise ShapeError(f"cov: {name} must have shape ({x.shape[1]},), got {w.shape}")
            weights = w if weights is None else el.mul(*promote_args("cov", weights, w))
    center, total = average(x, 1, weights, returned=True)
    total = total[0] if weights is not None else x.dtype.type(x.shape[1])
    if weights is None or aweights is None or less == 0:
        scale = el.sub(*promote_args("cov", total, less))
    else:
        spread = sum_(el.mul(*promote_args("cov", weights, aweights)))
        scale = total - less * spread / total
    deviation = el.sub(x, expand_dims(center, 1))
    weighted = deviation if weights is None else deviation * weights
    out = matmul(weighted, conjugate(transpose(deviation)))
    out = el.div(*promote_args("cov", out, scale))
    return reshape(out, ()) if scalar else out


def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Value:
    """Correlation matrix of variables in rows.

    >>> import bibun.numpy as bnp
    >>> print(bnp.corrcoef(bnp.array([[1.0, 2.0], [2.0, 1.0]]))[0, 1].round(6))
    -1.0
    """
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return el.div(c, c)
    spread = el.sqrt(el.real(c.diagonal()) if c.dtype.kind == "c" else c.diagonal())
    out = c / expand_dims(spread, 1) / expand_dims(spread, 0)
    return out if out.dtype.kind == "c" else clip(out, -1.0, 1.0)


# ---- counting ---------------------------------------------------------------------------------


def bincount(x: Any, weights: Any = None, minlength: int = 0, *, length: int | None = None
             ) -> Value:  # fmt: skip
    """How often each of 0, 1, … occurs, or the sum of its weights.

    length: of the result, needed under jit; larger values are then left out.
    Errors: ValueError for negative values that are known.

    >>> import bibun.numpy as bnp
    >>> print(bnp.bincount(bnp.array([0, 2, 2])))
    [1 0 2]
    """
    x = value("bincount", "x", x)
    if x.dtype.kind not in "iub" or x.ndim != 1:
        raise DTypeError(f"bincount: x must be 1-d integers, got {x.dtype} of shape {x.shape}")
    known = concrete(x)
    if known is not None and (known < 0).any():
        raise ValueError("bincount: x must not be negative")
    if length is None:
        known = need_concrete(x, "bincount (or give length=)")
        n = int(known.max()) + 1 if known.size else 0
        n = max(n, as_int("bincount", "minlength", minlength))
    else:
        n = as_int("bincount", "length", length)
    if weights is None:
        return zeros(n, int).at[x].add(1, mode="drop")
    w = value("bincount", "weights", weights)
    (w,) = promote_inexact("bincount", w)
    return zeros(n, w.dtype).at[x].add(w, mode="drop")


def digitize(x: Any, bins: Any, right: bool = False, *, method: str | None = None) -> Value:
    """The number of the bin of each element; bins ascend or descend. `method` as in `searchsorted`.

    >>> import bibun.numpy as bnp
    >>> print(bnp.digitize(bnp.array([0.5, 1.5]), bnp.array([0.0, 1.0, 2.0])))
    [1 2]
    """
    one_of("digitize", "method", method, (None, *SEARCHES))
    edges = value("digitize", "bins", bins)
    if edges.ndim != 1:
        raise ShapeError(f"digitize: bins must be 1-d, got shape {edges.shape}")
    up = searchsorted(edges, x, side="left" if right else "right")
    if edges.shape[0] < 2:
        return up
    flipped = edges[::-1]
    down = searchsorted(flipped, x, side="right" if right else "left")
    falling = el.lt(edges[-1], edges[0])
    return where(falling, el.sub(default_int().type(edges.shape[0]), down), up)


def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Value:
    """The edges of equal bins over the range of the data.

    >>> import bibun.numpy as bnp
    >>> print(bnp.histogram_bin_edges(bnp.array([0.0, 4.0]), 2))
    [0. 2. 4.]
    """
    if isinstance(bins, str):
        known = need_concrete(value("histogram_bin_edges", "a", a), "histogram_bin_edges")
        return Array(np.histogram_bin_edges(known, bins, range))
    if not isinstance(bins, int | np.integer):
        edges = asarray(bins)
        if edges.ndim == 1:
            return edges
        bins = as_int("histogram", "bins", edges)
    (x,) = promote_inexact("histogram", a)
    if range is None:
        if value("histogram", "a", x).size == 0:
            lo, hi = x.dtype.type(0), x.dtype.type(1)
        else:
            lo, hi = min_(x), max_(x)
    else:
        lo, hi = promote_inexact("histogram", *range)
    half = x.dtype.type(0.5)
    flat = el.eq(lo, hi)
    return linspace(where(flat, lo - half, lo), where(flat, hi + half, hi), bins + 1)


def histogram(a: Any, bins: Any = 10, range: Any = None, weights: Any = None,
              density: bool = False) -> tuple[Value, Value]:  # fmt: skip
    """(counts, edges) of the elements in bins; the last bin includes its right edge.

    >>> import bibun.numpy as bnp
    >>> print(bnp.histogram(bnp.array([0.0, 1.0, 4.0]), 2)[0])
    [2 1]
    """
    (x,) = promote_inexact("histogram", a)
    x = ravel(x)
    edges = histogram_bin_edges(x, bins, range, weights)
    counts = _counts([x], [edges], weights)
    if density:
        counts = counts / diff(edges) / sum_(counts)
    return counts, edges


def _counts(columns: list[Value], edges: list[Value], weights: Any) -> Value:
    """Weights added up in the cell of each point; those outside count nowhere."""
    shape = tuple(e.shape[0] - 1 for e in edges)
    places = []
    for x, e in zip(columns, edges, strict=True):
        x, e = promote_args("histogram", x, e)
        i = el.sub(searchsorted(e, x, side="right"), default_int().type(1))
        i = where(el.eq(x, e[-1]), e.shape[0] - 2, i)
        n = e.shape[0] - 1
        places.append(where(el.lt(i, default_int().type(0)), n, i))  # outside: beyond the end
    if weights is None:
        return zeros(shape, int).at[tuple(places)].add(1, mode="drop")
    w = ravel(value("histogram", "weights", weights))
    return zeros(shape, w.dtype).at[tuple(places)].add(w, mode="drop")


def histogramdd(sample: Any, bins: Any = 10, range: Any = None, weights: Any = None,
                density: bool = False) -> tuple[Value, list[Value]]:  # fmt: skip
    """Counts of points, given as rows or as one array for each coordinate, in a grid of bins.

    >>> import bibun.numpy as bnp
    >>> print(bnp.histogramdd(bnp.array([[0.0, 0.0], [1.0, 1.0]]), 2)[0])
    [[1. 0.]
     [0. 1.]]
    """
    if isinstance(sample, list | tuple):
        columns = [ravel(value("histogramdd", "sample", c)) for c in sample]
    else:
        rows = value("histogramdd", "sample", sample)
        rows = expand_dims(rows, 1) if rows.ndim == 1 else rows
        columns = [rows[:, j] for j in np.arange(rows.shape[1])]
    d = len(columns)
    each = list(bins) if isinstance(bins, list | tuple) else [bins] * d
    ranges = [None] * d if range is None else list(range)
    if len(each) != d or len(ranges) != d:
        raise ShapeError(f"histogramdd: {d} coordinates need as many bins and ranges")
    edges = [histogram_bin_edges(c, b, r) for c, b, r in zip(columns, each, ranges, strict=True)]
    counts = _counts(columns, edges, weights)
    if counts.dtype.kind != "c":
        counts = astype(counts, float)
    if density:
        total = sum_(counts)
        for k, e in enumerate(edges):
            width = reshape(diff(e), tuple(-1 if j == k else 1 for j in np.arange(d)))
            counts = counts / width
        counts = counts / total
    return counts, edges


def histogram2d(x: Any, y: Any, bins: Any = 10, range: Any = None, weights: Any = None,
                density: bool = False) -> tuple[Value, Value, Value]:  # fmt: skip
    """(counts, edges of x, edges of y).

    >>> import bibun.numpy as bnp
    >>> print(bnp.histogram2d(bnp.array([0.0, 1.0]), bnp.array([0.0, 1.0]), 2)[0])
    [[1. 0.]
     [0. 1.]]
    """
    counts, (ex, ey) = histogramdd([x, y], bins, range, weights, density)
    return counts, ex, ey


