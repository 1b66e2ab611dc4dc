"""`pad`: elements added around an array, one axis after the other.

What is added is a constant, a copy of elements inside, a statistic of them, or a line. Copies are a
gather, whose places NumPy's own `pad` gives of 0, 1, 2, …; what is linear in the elements is a
product with the few rows that NumPy's `pad` gives of the unit matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bibun.array import Value
from bibun.dtypes import default_float
from bibun.numpy._common import cast, one_of, value
from bibun.numpy.contraction import tensordot
from bibun.numpy.elementwise import astype
from bibun.numpy.functional import apply_along_axis
from bibun.numpy.joining import concatenate
from bibun.numpy.reductions import max as max_
from bibun.numpy.reductions import min as min_
from bibun.numpy.shape import broadcast_to, moveaxis
from bibun.numpy.statistics import median
from bibun.numpy.taking import take
from bibun.ops import elementwise as el
from bibun.ops import shape as sh

__all__ = ["pad"]

_COPIES = ("edge", "reflect", "symmetric", "wrap")
_STATISTICS: dict[str, Callable[..., Value]] = {"maximum": max_, "minimum": min_, "median": median}
_MODES = ("constant", "empty", *_COPIES, "linear_ramp", "mean", *_STATISTICS)


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
        if mode in _COPIES and (reflect_type == "even" or mode in ("edge", "wrap")):
            source = np.pad(np.arange(x.shape[k]), (lo, hi), mode=mode)
            x = take(x, source, axis=k)
        elif mode in _STATISTICS:
            x = _with_statistic(x, k, lo, hi, mode, None if counts is None else counts[k])
        else:
            options = {} if counts is None else {"stat_length": tuple(counts[k].tolist())}
            if mode == "linear_ramp":
                options = {"end_values": tuple(ends[k].tolist())}
            elif mode in _COPIES:
                options = {"reflect_type": reflect_type}
            x = _with_rows(x, k, lo, hi, mode, options)
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


def _with_rows(x: Value, k: int, lo: int, hi: int, mode: str, options: dict[str, Any]) -> Value:
    """Ends that are linear in the elements, up to constants: NumPy says by what coefficients."""
    n = x.shape[k]
    dtype = x.dtype if x.dtype.kind in "fc" else default_float()
    real = dtype.type(0).real.dtype
    plane = {a: (v, v) if isinstance(v, tuple) else v for a, v in options.items()}
    shift = np.pad(np.zeros(n, real), (lo, hi), mode=mode, **options)  # type: ignore[call-overload]
    rows = np.pad(np.eye(n, dtype=real), ((lo, hi), (0, 0)), mode=mode, **plane)  # type: ignore[call-overload]
    rows = rows - shift[:, None]
    y = astype(x, dtype)
    wide = [-1 if j == k else 1 for j in range(x.ndim)]

    def end(part: slice) -> Value:
        new = moveaxis(tensordot(rows[part].astype(dtype), y, (1, k)), 0, k)
        new = new + shift[part].reshape(wide).astype(dtype)
        if x.dtype.kind in "iu":
            new = el.round_even(new) if mode == "mean" else new
        return astype(new, x.dtype)

    return concatenate([end(slice(0, lo)), x, end(slice(lo + n, lo + n + hi))], k)


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
