"""`pad`: elements added around an array, one axis after the other.

What is added is a constant, a copy of elements inside, a statistic of them, or a line. Copies are a
gather, whose places NumPy's own `pad` gives of 0, 1, 2, …
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bibun.array import Value
from bibun.numpy._common import cast, one_of, value
from bibun.numpy.creation import linspace
from bibun.numpy.elementwise import astype, multiply, subtract
from bibun.numpy.functional import apply_along_axis
from bibun.numpy.joining import concatenate
from bibun.numpy.reductions import max as max_
from bibun.numpy.reductions import mean
from bibun.numpy.reductions import min as min_
from bibun.numpy.shape import broadcast_to, flip
from bibun.numpy.statistics import median
from bibun.numpy.taking import take
from bibun.ops import elementwise as el
from bibun.ops import shape as sh

__all__ = ["pad"]

_COPIES = ("edge", "reflect", "symmetric", "wrap")
_STATISTICS: dict[str, Callable[..., Value]] = {
    "maximum": max_, "minimum": min_, "mean": mean, "median": median,
}  # fmt: skip
_MODES = ("constant", "empty", *_COPIES, "linear_ramp", *_STATISTICS)


def pad(array: Any, pad_width: Any, mode: Any = "constant", *, constant_values: Any = 0,
        stat_length: Any = None, end_values: Any = 0, reflect_type: str = "even",
        **kwargs: Any) -> Value:  # fmt: skip
    """Elements added around: constants, copies of those inside, or what is computed from them.

    pad_width: one number, (before, after), a pair for each axis, or a dict of axes.
    mode: "constant" (`constant_values`), "edge", "reflect", "symmetric" (`reflect_type` "odd": less
    twice the edge), "wrap", "linear_ramp" (down to `end_values`), "mean", "median", "maximum",
    "minimum" (of `stat_length` elements next to the edge; all by default), "empty", or a function
    of (vector, (before, after), axis, kwargs) that returns the vector with its ends filled.
    Errors: ValueError for another mode.

    >>> import bibun.numpy as bnp
    >>> print(bnp.pad(bnp.array([1, 2]), 1))
    [0 1 2 0]
    """
    x = value("pad", "array", array)
    widths = _widths(x.ndim, pad_width)
    if callable(mode):
        x = _constant(x, widths, 0)
        for k, (lo, hi) in enumerate(widths.tolist()):
            x = apply_along_axis(lambda v, w=(lo, hi), k=k: mode(v, w, k, kwargs), k, x)
        return x
    one_of("pad", "mode", mode, _MODES)
    one_of("pad", "reflect_type", reflect_type, ("even", "odd"))
    if kwargs:
        raise TypeError(f"pad: unknown arguments {sorted(kwargs)}")
    if mode in ("constant", "empty"):
        return _constant(x, widths, constant_values if mode == "constant" else 0)
    ends = np.broadcast_to(np.asarray(end_values), (x.ndim, 2))
    counts = None if stat_length is None else np.broadcast_to(np.asarray(stat_length), (x.ndim, 2))
    for k, (lo, hi) in enumerate(widths.tolist()):
        if not (lo or hi):
            continue
        if mode in _STATISTICS:
            x = _with_statistic(x, k, lo, hi, mode, None if counts is None else counts[k])
        elif mode == "linear_ramp":
            x = _with_lines(x, k, lo, hi, ends[k])
        elif reflect_type == "odd" and mode in ("reflect", "symmetric") and x.shape[k] > 1:
            x = _turned_over(x, k, lo, hi, mode == "symmetric")
        else:
            x = take(x, np.pad(np.arange(x.shape[k]), (lo, hi), mode=mode), axis=k)
    return x


def _widths(ndim: int, given: Any) -> np.ndarray:
    if isinstance(given, dict):
        rows: list[Any] = [(0, 0)] * ndim
        for axis, width in given.items():
            rows[axis] = width if isinstance(width, tuple | list) else (width, width)
        given = rows
    width = np.broadcast_to(np.asarray(given), (ndim, 2))
    if width.dtype.kind not in "iu" or (width < 0).any():
        raise ValueError(f"pad: pad_width must be integers, not negative, got {given!r}")
    return width


def _part(x: Value, k: int, start: int, stop: int) -> Value:
    return x[(slice(None),) * k + (slice(start, stop),)]


def _with_lines(x: Value, k: int, lo: int, hi: int, ends: np.ndarray) -> Value:
    """Ends that run evenly from a number to the edge."""
    n = x.shape[k]

    def line(end: Any, count: int, edge: int) -> Value:
        inner = take(x, edge, axis=k)
        return linspace(end, inner, count, endpoint=False, dtype=x.dtype, axis=k)

    return concatenate([line(ends[0], lo, 0), x, flip(line(ends[1], hi, n - 1), k)], k)


def _turned_over(x: Value, k: int, lo: int, hi: int, with_edge: bool) -> Value:
    """Ends that are what is inside, turned by half a turn about the edge; over and over, where
    they are longer than that: whole periods, so that the next edge is an element of x."""
    period = x.shape[k] if with_edge else x.shape[k] - 1
    skipped = 0 if with_edge else 1
    while lo or hi:
        n = x.shape[k]
        reach = (n - skipped) // period * period
        before, after = min(lo, reach), min(hi, reach)
        last = n - skipped
        low, high = (
            subtract(multiply(_part(x, k, edge, edge + 1), x.dtype.type(2)),
                     flip(_part(x, k, *inner), k))
            for edge, inner in ((0, (skipped, skipped + before)), (n - 1, (last - after, last)))
        )  # fmt: skip
        x, lo, hi = concatenate([low, x, high], k), lo - before, hi - after
    return x


def _with_statistic(x: Value, k: int, lo: int, hi: int, mode: str, counts: Any) -> Value:
    """Ends that are one number a line: the statistic of the elements next to each."""
    n = x.shape[k]
    before, after = (n, n) if counts is None else (min(int(c), n) for c in counts)

    def end(count: int, part: slice) -> Value:
        line = take(x, np.arange(n)[part], axis=k)
        found = _STATISTICS[mode](line, k, keepdims=True)
        if x.dtype.kind in "iu" and found.dtype.kind == "f":
            found = el.round_even(found)
        shape = (*x.shape[:k], count, *x.shape[k + 1 :])
        return broadcast_to(astype(found, x.dtype), shape)

    return concatenate([end(lo, slice(0, before)), x, end(hi, slice(n - after, n))], k)


def _constant(x: Value, width: np.ndarray, fill: Any) -> Value:
    if isinstance(fill, tuple | list | np.ndarray) and np.size(fill) > 1:
        fills = np.broadcast_to(np.asarray(fill), (x.ndim, 2))
        for k, (lo, hi) in enumerate(width.tolist()):
            for count, config, one in (
                (lo, (lo, 0, 0), fills[k, 0]), (hi, (0, hi, 0), fills[k, 1])
            ):  # fmt: skip
                if count:
                    full = [(0, 0, 0)] * x.ndim
                    full[k] = config
                    x = sh.pad(x, cast(one, x.dtype), config=tuple(full))
        return x
    if isinstance(fill, tuple | list | np.ndarray):
        fill = np.asarray(fill).reshape(()).item()
    config = tuple((lo, hi, 0) for lo, hi in width.tolist())
    return sh.pad(x, cast(fill, x.dtype), config=config)
