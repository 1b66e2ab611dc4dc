"""Numerical calculus: interpolation, convolution, differences, integrals, polynomials."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from bibun.array import Array, Value
from bibun.dtypes import complex_of, default_float
from bibun.errors import ShapeError
from bibun.numpy._common import (
    as_int,
    axes_tuple,
    axis_index,
    is_eager,
    need_concrete,
    promote_args,
    promote_inexact,
    value,
)
from bibun.numpy.arithmetic import clip, remainder
from bibun.numpy.creation import arange, asarray, full, ones, vander, zeros
from bibun.numpy.cumulative import cumsum, diff
from bibun.numpy.elementwise import astype, conjugate, where
from bibun.numpy.joining import concatenate
from bibun.numpy.reductions import any as any_
from bibun.numpy.reductions import sum as sum_
from bibun.numpy.shape import atleast_1d, expand_dims, flip, moveaxis, ravel
from bibun.numpy.sorting import argsort, searchsorted
from bibun.numpy.taking import take
from bibun.ops import elementwise as el
from bibun.ops import shape as sh

__all__ = [
    "convolve", "correlate", "gradient", "interp", "poly", "polyadd", "polyder", "polydiv",
    "polyfit", "polyint", "polymul", "polysub", "polyval", "roots", "trapezoid", "unwrap",
    "bartlett", "blackman", "hamming", "hanning", "kaiser", "i0",
]  # fmt: skip


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None,
           period: Any = None) -> Value:  # fmt: skip
    """Linear interpolation at x in a table (xp, fp); xp ascends, both are 1-d.

    left, right: the values beyond the table (its ends by default; "extrapolate" goes on
    along the first or last line). period: of x. Differentiable in x, xp and fp.

    >>> import bibun.numpy as bnp
    >>> print(bnp.interp(1.5, bnp.array([1.0, 2.0]), bnp.array([10.0, 20.0])))
    15.0
    """
    x, xp, fp = promote_inexact("interp", x, asarray(xp), asarray(fp))
    x, xp, fp = (value("interp", n, v) for n, v in (("x", x), ("xp", xp), ("fp", fp)))
    if xp.ndim != 1 or xp.shape != fp.shape:
        raise ShapeError(f"interp: xp and fp must be 1-d and alike: {xp.shape}, {fp.shape}")
    if xp.shape[0] == 0:
        raise ShapeError("interp: the table is empty")
    dtype = fp.dtype
    if period is not None:
        if left is not None or right is not None:
            raise ValueError("interp: left and right mean nothing with a period")
        x, xp = remainder(x, period), remainder(xp, period)
        order = argsort(xp)
        xp, fp = take(xp, order), take(fp, order)
        xp = concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = concatenate([fp[-1:], fp, fp[:1]])
    n = xp.shape[0]
    if n == 1:
        out = el.add(sh.broadcast_to(fp[0], shape=x.shape), el.mul(x, dtype.type(0)))
    else:
        i = clip(searchsorted(xp, x, side="right"), 1, n - 1)
        before = el.sub(i, i.dtype.type(1))
        x0, x1 = (take(xp, k, mode="promise_in_bounds") for k in (before, i))
        f0, f1 = (take(fp, k, mode="promise_in_bounds") for k in (before, i))
        width = el.sub(x1, x0)
        jump = el.eq(width, dtype.type(0))
        slope = el.div(el.sub(f1, f0), el.select(jump, width, dtype.type(1)))
        out = el.select(jump, el.add(f0, el.mul(el.sub(x, x0), slope)), f1)
    if period is None:
        if not (isinstance(left, str) and left == "extrapolate"):
            out = where(el.lt(x, xp[0]), fp[0] if left is None else left, out)
        if not (isinstance(right, str) and right == "extrapolate"):
            out = where(el.gt(x, xp[-1]), fp[-1] if right is None else right, out)
    return out


# ---- convolution ------------------------------------------------------------------------------


def _windows(name: str, a: Any, v: Any, mode: str, reverse: bool) -> Value:
    x, w = promote_args(name, a, v)
    x, w = value(name, "a", x), value(name, "v", w)
    if x.ndim != 1 or w.ndim != 1 or not x.size or not w.size:
        raise ShapeError(f"{name}: needs two 1-d arrays, not empty: {x.shape}, {w.shape}")
    n, m = x.size, w.size
    if mode == "full":
        lo = hi = builtins.min(n, m) - 1
    elif mode == "same":
        lo = builtins.min(n, m) // 2
        hi = builtins.min(n, m) - 1 - lo
        if not reverse and builtins.min(n, m) % 2 == 0 and n >= m:
            lo, hi = m // 2, m - 1 - m // 2
    elif mode == "valid":
        lo = hi = 0
    else:
        raise ValueError(f"{name}: mode must be 'full', 'same' or 'valid', got {mode!r}")
    # The shorter one slides over the longer; which is which changes no sum.
    long, short = (x, w) if n >= m else (w, x)
    size = short.shape[0]
    padded = sh.pad(long, long.dtype.type(0), config=((lo, hi, 0),))
    count = padded.shape[0] - size + 1
    rows = expand_dims(arange(count), 1) + expand_dims(arange(size), 0)
    window = take(padded, rows, mode="promise_in_bounds")
    products = el.mul(window, flip(short))
    if lo or hi:  # 0 inf is nan, and beyond the ends there is nothing to multiply
        inside = el.and_(el.ge(rows, lo), el.lt(rows, lo + long.shape[0]))
        products = el.select(inside, long.dtype.type(0), products)
    return any_(products, -1) if long.dtype.kind == "b" else sum_(products, -1, dtype=x.dtype)


def convolve(a: Any, v: Any, mode: str = "full", *, precision: Any = None,
             preferred_element_type: Any = None) -> Value:  # fmt: skip
    """Discrete convolution of two sequences.

    mode: "full" (n + m - 1 values), "same" (as many as the longer), "valid" (full overlap).

    >>> import bibun.numpy as bnp
    >>> print(bnp.convolve(bnp.array([1.0, 2.0]), bnp.array([1.0, 1.0])))
    [1. 3. 2.]
    """
    x, w = promote_args("convolve", a, v)
    if preferred_element_type is not None:
        x, w = astype(x, preferred_element_type), astype(w, preferred_element_type)
    if is_eager() and type(x) is Array and type(w) is Array and x.ndim == w.ndim == 1:
        return Array(np.convolve(x._value, w._value, mode))
    full_ = _windows("convolve", x, w, "full" if mode == "same" else mode, False)
    if mode != "same":
        return full_
    n, m = x.shape[0], w.shape[0]
    first = (builtins.min(n, m) - 1) // 2
    return full_[first : first + builtins.max(n, m)]


def correlate(a: Any, v: Any, mode: str = "valid", *, precision: Any = None,
              preferred_element_type: Any = None) -> Value:  # fmt: skip
    """Cross-correlation of two sequences: `a` against the conjugate of shifted `v`.

    >>> import bibun.numpy as bnp
    >>> print(bnp.correlate(bnp.array([1.0, 2.0, 3.0]), bnp.array([0.0, 1.0])))
    [2. 3.]
    """
    x, w = promote_args("correlate", a, v)
    if preferred_element_type is not None:
        x, w = astype(x, preferred_element_type), astype(w, preferred_element_type)
    if is_eager() and type(x) is Array and type(w) is Array and x.ndim == w.ndim == 1:
        return Array(np.correlate(x._value, w._value, mode))
    full_ = _windows("correlate", x, flip(conjugate(w)), "full", False)
    n, m = x.shape[0], w.shape[0]
    if mode == "full":
        return full_
    if mode == "valid":
        first, count = builtins.min(n, m) - 1, builtins.max(n, m) - builtins.min(n, m) + 1
    elif mode == "same":
        count = builtins.max(n, m)
        short = builtins.min(n, m)
        first = short - 1 - short // 2 if n >= m else short // 2
    else:
        raise ValueError(f"correlate: mode must be 'full', 'same' or 'valid', got {mode!r}")
    return full_[first : first + count]


# ---- differences and integrals ----------------------------------------------------------------


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Value:
    """Integral by the trapezoidal rule.

    >>> import bibun.numpy as bnp
    >>> print(bnp.trapezoid(bnp.array([1.0, 2.0, 3.0])))
    4.0
    """
    (f,) = promote_inexact("trapezoid", y)
    f = value("trapezoid", "y", f)
    k = axis_index("trapezoid", axis, f.ndim)
    f = moveaxis(f, k, -1)
    if x is None:
        step: Any = dx
    else:
        points = asarray(x)
        step = diff(points) if points.ndim == 1 else diff(moveaxis(points, k, -1))
    pairs = (f[..., 1:] + f[..., :-1]) * 0.5
    return sum_(pairs * step, -1)


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Derivative by central differences, one-sided at the ends; one array for each axis.

    varargs: spacing, one number for all axes, or for each axis a number or coordinates.

    >>> import bibun.numpy as bnp
    >>> print(bnp.gradient(bnp.array([1.0, 4.0, 9.0])))
    [3. 4. 5.]
    """
    (x,) = promote_inexact("gradient", f)
    x = value("gradient", "f", x)
    axes = axes_tuple("gradient", axis, x.ndim) if not isinstance(axis, tuple) else tuple(
        axis_index("gradient", k, x.ndim) for k in axis)  # fmt: skip
    spacings = list(varargs) or [1.0]
    if len(spacings) == 1:
        spacings *= len(axes)
    if len(spacings) != len(axes):
        raise TypeError(f"gradient: {len(varargs)} spacings for {len(axes)} axes")
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: edge_order must be 1 or 2, got {edge_order}")
    out = [_derivative(x, h, k, edge_order) for k, h in zip(axes, spacings, strict=True)]
    return out[0] if len(out) == 1 else out


def _derivative(x: Value, spacing: Any, k: int, edge_order: int) -> Value:
    x = moveaxis(x, k, -1)
    n = x.shape[-1]
    if n < edge_order + 1:
        raise ShapeError(f"gradient: axis {k} has {n} elements; needs at least {edge_order + 1}")
    h = asarray(spacing)
    if h.ndim == 1 and h.shape[0] != n:
        raise ShapeError(f"gradient: {h.shape[0]} coordinates for axis {k} of size {n}")
    steps = diff(h) if h.ndim else full((n - 1,), h)
    (steps,) = promote_inexact("gradient", steps)
    slopes = (x[..., 1:] - x[..., :-1]) / steps
    left, right = steps[:-1], steps[1:]
    middle = (slopes[..., :-1] * right + slopes[..., 1:] * left) / (left + right)
    first, last = slopes[..., :1], slopes[..., -1:]
    if edge_order == 2:  # the parabola through three points, at its end
        bend0 = (slopes[..., 1:2] - slopes[..., :1]) / (steps[0] + steps[1])
        bend1 = (slopes[..., -1:] - slopes[..., -2:-1]) / (steps[-1] + steps[-2])
        first, last = first - bend0 * steps[0], last + bend1 * steps[-1]
    return moveaxis(concatenate([first, middle, last], -1), -1, k)


def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Value:
    """Angles with jumps of more than half a period taken out.

    >>> import bibun.numpy as bnp
    >>> print(bnp.unwrap(bnp.array([0.0, 3.0, 6.0 - 2 * bnp.pi])).round(6))
    [0. 3. 6.]
    """
    (x,) = promote_inexact("unwrap", p)
    x = value("unwrap", "p", x)
    k = axis_index("unwrap", axis, x.ndim)
    step = diff(x, axis=k)
    half = period / 2
    limit = half if discont is None else discont
    folded = remainder(step + half, period) - half
    folded = where((folded == -half) & (step > 0), half, folded)
    fix = where(el.lt(el.abs(step), limit), 0.0, folded - step)
    zero = zeros((*x.shape[:k], 1, *x.shape[k + 1 :]), x.dtype)
    return x + concatenate([zero, cumsum(fix, axis=k)], k)


# ---- polynomials: coefficients, highest power first -------------------------------------------


def polyval(p: Any, x: Any, *, unroll: int = 16) -> Value:
    """The polynomial with coefficients p, highest power first, at x (Horner's rule).

    >>> import bibun.numpy as bnp
    >>> print(bnp.polyval(bnp.array([1.0, 0.0, 2.0]), 3.0))
    11.0
    """
    c = asarray(p)
    if c.ndim < 1:
        raise ShapeError("polyval: p must be a sequence of coefficients")
    x = value("polyval", "x", asarray(x))
    c, x = promote_args("polyval", c, x)
    out: Any = el.mul(x, x.dtype.type(0))
    for k in range(c.shape[0]):
        out = out * x + c[k]
    return out


def polyfit(x: Any, y: Any, deg: int, rcond: float | None = None, full: bool = False,
            w: Any = None, cov: bool | str = False) -> Any:  # fmt: skip
    """Coefficients, highest power first, of the least-squares polynomial.

    >>> import bibun.numpy as bnp
    >>> x = bnp.array([0.0, 1.0, 2.0])
    >>> print(bnp.polyfit(x, 3 * x + 1, 1).round(6))
    [3. 1.]
    """
    from bibun.numpy import linalg

    degree = as_int("polyfit", "deg", deg)
    x, y = promote_inexact("polyfit", asarray(x), asarray(y))
    if x.ndim != 1 or y.ndim not in (1, 2) or x.shape[0] != y.shape[0]:
        raise ShapeError(f"polyfit: x of shape {x.shape} and y of shape {y.shape} do not fit")
    left, right = vander(x, degree + 1), y
    if w is not None:
        weight = expand_dims(asarray(w), 1)
        left = left * weight
        right = right * (weight if y.ndim == 2 else weight[:, 0])
    scale = el.sqrt(sum_(left * left, 0))
    scale = where(scale == 0, 1.0, scale)
    limit = x.shape[0] * np.finfo(x.dtype).eps if rcond is None else rcond
    c, residuals, rank, s = linalg.lstsq(left / scale, right, limit)
    c = c / (scale if y.ndim == 1 else expand_dims(scale, 1))
    if full:
        return c, residuals, rank, s, limit
    if cov:
        base = linalg.inv(left.T @ left)
        if cov == "unscaled":
            return c, base
        freedom = x.shape[0] - (degree + 1)
        if freedom <= 0:
            raise ValueError("polyfit: a covariance needs more points than coefficients")
        error = sum_((right - left @ c) ** 2, 0) / freedom
        return c, base * error if y.ndim == 1 else expand_dims(base, 2) * error
    return c


def _aligned(name: str, a: Any, b: Any) -> tuple[Value, Value]:
    x, y = promote_args(name, atleast_1d(asarray(a)), atleast_1d(asarray(b)))
    n = builtins.max(x.shape[0], y.shape[0])
    zero = x.dtype.type(0)
    return (
        sh.pad(x, zero, config=((n - x.shape[0], 0, 0),)),
        sh.pad(y, zero, config=((n - y.shape[0], 0, 0),)),
    )


def polyadd(a1: Any, a2: Any) -> Value:
    """Sum of polynomials.

    >>> import bibun.numpy as bnp
    >>> print(bnp.polyadd(bnp.array([1, 2]), bnp.array([3])))
    [1 5]
    """
    x, y = _aligned("polyadd", a1, a2)
    return x + y


def polysub(a1: Any, a2: Any) -> Value:
    """Difference of polynomials.

    >>> import bibun.numpy as bnp
    >>> print(bnp.polysub(bnp.array([1, 2]), bnp.array([3])))
    [ 1 -1]
    """
    x, y = _aligned("polysub", a1, a2)
    return x - y


def polymul(a1: Any, a2: Any, *, trim_leading_zeros: bool = False) -> Value:
    """Product of polynomials.

    trim_leading_zeros: of the factors, as NumPy does; their values must be known for it.

    >>> import bibun.numpy as bnp
    >>> print(bnp.polymul(bnp.array([1, 1]), bnp.array([1, -1])))
    [ 1  0 -1]
    """
    x, y = atleast_1d(asarray(a1)), atleast_1d(asarray(a2))
    if trim_leading_zeros:
        x, y = _trimmed("polymul", x, 0.0), _trimmed("polymul", y, 0.0)
    return convolve(x, y)


def _trimmed(name: str, x: Value, tolerance: float) -> Value:
    """A known polynomial without the leading coefficients that are no larger than `tolerance`."""
    known = need_concrete(x, f"{name}: trim_leading_zeros")
    (places,) = np.nonzero(np.abs(known) > tolerance)
    return x[places[0] if places.size else x.shape[0] - 1 :]


def polydiv(u: Any, v: Any, *, trim_leading_zeros: bool = False) -> tuple[Value, Value]:
    """(quotient, remainder) of polynomials.

    trim_leading_zeros: of the remainder, those that are rounding too, as NumPy does; the values
    must be known for it.

    >>> import bibun.numpy as bnp
    >>> print(*bnp.polydiv(bnp.array([1.0, 0.0, -1.0]), bnp.array([1.0, 1.0])))
    [ 1. -1.] [0.]
    """
    x, y = promote_inexact("polydiv", atleast_1d(asarray(u)), atleast_1d(asarray(v)))
    n, m = x.shape[0] - 1, y.shape[0] - 1
    if n < m:
        return zeros(1, x.dtype), x
    quotient = []
    for k in range(n - m + 1):
        quotient.append(x[k] / y[0])
        x = x.at[k : k + m + 1].add(-quotient[-1] * y)
    rest = x[n - m + 1 :] if m else zeros(1, x.dtype)
    if trim_leading_zeros:
        rest = _trimmed("polydiv", rest, float(np.sqrt(np.finfo(x.dtype).eps)))
    from bibun.numpy.joining import stack

    return stack(quotient), rest


def polyder(p: Any, m: int = 1) -> Value:
    """Derivative of a polynomial.

    >>> import bibun.numpy as bnp
    >>> print(bnp.polyder(bnp.array([1.0, 2.0, 3.0])))
    [2. 2.]
    """
    c = asarray(p)
    for _ in range(as_int("polyder", "m", m)):
        c = c[:-1] * arange(c.shape[0] - 1, 0, -1)
    return c


def polyint(p: Any, m: int = 1, k: Any = 0) -> Value:
    """Integral of a polynomial, m times, with constants k.

    >>> import bibun.numpy as bnp
    >>> print(bnp.polyint(bnp.array([2.0, 2.0])))
    [1. 2. 0.]
    """
    c = asarray(p)
    times = as_int("polyint", "m", m)
    constants = sh.broadcast_to(atleast_1d(asarray(k)), shape=(times,)) if times else c
    for j in range(times):
        c = concatenate([c / arange(c.shape[0], 0, -1), constants[j : j + 1]])
    return c


def poly(seq_of_zeros: Any) -> Value:
    """Coefficients of the polynomial with given roots, or the characteristic polynomial.

    >>> import bibun.numpy as bnp
    >>> print(bnp.poly(bnp.array([1.0, -1.0])))
    [ 1.  0. -1.]
    """
    (z,) = promote_inexact("poly", asarray(seq_of_zeros))
    if z.ndim == 2:
        from bibun.numpy import linalg

        z = linalg.eigvals(z)
    out = ones(1, z.dtype)
    for k in range(z.size):
        out = convolve(out, concatenate([ones(1, z.dtype), ravel(-z[k])]))
    return out


def roots(p: Any, *, strip_zeros: bool = True) -> Value:
    """Complex roots of a polynomial, as eigenvalues of its companion matrix.

    >>> import bibun.numpy as bnp
    >>> print(bnp.sort(bnp.roots(bnp.array([1.0, 0.0, -1.0])).real))
    [-1.  1.]
    """
    from bibun.numpy import linalg
    from bibun.numpy.contraction import diag

    (c,) = promote_inexact("roots", asarray(p))
    trailing = 0
    if strip_zeros:
        known = need_concrete(c, "roots (or strip_zeros=False)")
        inside = np.flatnonzero(known)
        if not inside.size:
            return zeros(0, complex_of(c.dtype))
        trailing = known.size - 1 - int(inside[-1])
        c = c[int(inside[0]) : int(inside[-1]) + 1]
    n = c.shape[0] - 1
    if n < 1:
        found = zeros(0, complex_of(c.dtype))
    else:
        companion = diag(ones(n - 1, c.dtype), -1).at[0].set(-c[1:] / c[0])
        found = linalg.eigvals(companion)
    return concatenate([found, zeros(trailing, found.dtype)])


# ---- windows ----------------------------------------------------------------------------------


def i0(x: Any) -> Value:
    """Modified Bessel function of the first kind, order 0.

    >>> import bibun.numpy as bnp
    >>> print(bnp.i0(0.0))
    1.0
    """
    (x,) = promote_inexact("i0", x)
    return el.mul(el.exp(el.abs(x)), el.bessel_i0e(x))


def _cosines(name: str, M: int, weights: tuple[float, ...]) -> Value:
    n = as_int(name, "M", M)
    if n <= 1:
        return ones(builtins.max(n, 0))
    angle = arange(n, dtype=default_float()) * (2 * np.pi / (n - 1))
    out: Any = weights[0]
    for k, w in enumerate(weights[1:], 1):
        out = out + w * el.cos(angle * float(k))
    return out


def hanning(M: int) -> Value:
    """The Hann window.

    >>> import bibun.numpy as bnp
    >>> print(bnp.hanning(3))
    [0. 1. 0.]
    """
    return _cosines("hanning", M, (0.5, -0.5))


def hamming(M: int) -> Value:
    """The Hamming window.

    >>> import bibun.numpy as bnp
    >>> print(bnp.hamming(3).round(2))
    [0.08 1.   0.08]
    """
    return _cosines("hamming", M, (0.54, -0.46))


def blackman(M: int) -> Value:
    """The Blackman window.

    >>> import bibun.numpy as bnp
    >>> print(abs(bnp.blackman(3)).round(2))
    [0. 1. 0.]
    """
    return _cosines("blackman", M, (0.42, -0.5, 0.08))


def bartlett(M: int) -> Value:
    """The triangular window.

    >>> import bibun.numpy as bnp
    >>> print(bnp.bartlett(3))
    [0. 1. 0.]
    """
    n = as_int("bartlett", "M", M)
    if n <= 1:
        return ones(builtins.max(n, 0))
    return 1.0 - el.abs(arange(n, dtype=default_float()) * (2 / (n - 1)) - 1.0)


def kaiser(M: int, beta: Any) -> Value:
    """The Kaiser window.

    >>> import bibun.numpy as bnp
    >>> print(bnp.kaiser(3, 0.0))
    [1. 1. 1.]
    """
    n = as_int("kaiser", "M", M)
    if n <= 1:
        return ones(builtins.max(n, 0))
    t = arange(n, dtype=default_float()) * (2 / (n - 1)) - 1.0
    return i0(beta * el.sqrt(el.max(1.0 - t * t, 0.0))) / i0(beta)


