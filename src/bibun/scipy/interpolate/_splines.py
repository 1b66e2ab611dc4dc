"""Cubic interpolation: C² splines, Hermite, monotone (PCHIP) and Akima's; and `interp1d`.

All are cubic Hermite polynomials: what differs is the slope at each point. The slopes of a C²
spline solve a tridiagonal system, by one pass forth and one back (`lax.scan`), which is linear
in the number of points under every transformation.
"""

from __future__ import annotations

from typing import Any

import bibun.numpy as bnp
from bibun.array import Value
from bibun.errors import ShapeError
from bibun.numpy._common import axis_index, concrete
from bibun.scipy.interpolate._piecewise import PPoly, floats

__all__ = [
    "Akima1DInterpolator", "CubicHermiteSpline", "CubicSpline", "PchipInterpolator", "interp1d",
]  # fmt: skip


def _points(name: str, x: Any, y: Any, axis: int) -> tuple[Value, Value, int]:
    """(x, y with the axis in front, the axis)."""
    x, y = floats(name, x, y)
    k = axis_index(name, axis, y.ndim)
    y = bnp.moveaxis(y, k, 0)
    if x.ndim != 1 or x.shape[0] < 2 or y.shape[0] != x.shape[0]:
        raise ShapeError(
            f"{name}: expected x (n,) with n >= 2 and y with n values along axis {axis}, got "
            f"shapes {x.shape} and {bnp.moveaxis(y, 0, k).shape}"
        )
    known = concrete(x)
    if known is not None and not (known[1:] > known[:-1]).all():
        raise ValueError(f"{name}: x must be strictly increasing")
    return x, y, k


def _steps(x: Value, y: Value) -> tuple[Value, Value]:
    """Widths of the intervals, with axes like y, and slopes of the chords."""
    h = bnp.diff(x).reshape(-1, *(1,) * (y.ndim - 1))
    return h, bnp.diff(y, axis=0) / h


def _hermite(h: Value, chord: Value, y: Value, s: Value) -> Value:
    """Coefficients (4, n - 1, ...) of the cubics with values y and slopes s."""
    t = (s[:-1] + s[1:] - 2 * chord) / h
    return bnp.stack([t / h, (chord - s[:-1]) / h - t, s[:-1], y[:-1]])


class CubicHermiteSpline(PPoly):
    """The cubic through values y with slopes dydx.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.interpolate import CubicHermiteSpline
    >>> print(CubicHermiteSpline([0.0, 1.0], [0.0, 1.0], [1.0, 1.0])(0.25))
    0.25
    """

    def __init__(self, x: Any, y: Any, dydx: Any, axis: int = 0, extrapolate: Any = None) -> None:
        x, y, k = _points("CubicHermiteSpline", x, y, axis)
        (s,) = floats("CubicHermiteSpline", dydx)
        s = bnp.moveaxis(s, k, 0)
        if s.shape != y.shape:
            raise ShapeError(f"CubicHermiteSpline: y and dydx have shapes {y.shape}, {s.shape}")
        h, chord = _steps(x, y)
        super().__init__(_hermite(h, chord, y, s), x, extrapolate, k)


def solve_tridiagonal(lower: Any, diagonal: Any, upper: Any, right: Any) -> Value:
    """s with lower[i] s[i-1] + diagonal[i] s[i] + upper[i] s[i+1] = right[i], without pivoting.

    The three are (n,); right (n, ...). lower[0] and upper[-1] are not read.
    """
    from bibun import lax

    tail = (1,) * (right.ndim - 1)
    lower, diagonal, upper = (v.reshape(-1, *tail) for v in (lower, diagonal, upper))
    lower = lower.at[0].set(0.0)

    def forth(carry: Any, row: Any) -> Any:
        c, r = carry
        a, b, u, f = row
        pivot = b - a * c
        new = (u / pivot, (f - a * r) / pivot)
        return new, new

    zero = (bnp.zeros_like(upper[0]), bnp.zeros_like(right[0]))
    _, (c, r) = lax.scan(forth, zero, (lower, diagonal, upper, right))

    def back(s: Any, row: Any) -> Any:
        c, r = row
        s = r - c * s
        return s, s

    return lax.scan(back, bnp.zeros_like(right[0]), (c, r), reverse=True)[1]


class CubicSpline(PPoly):
    """The cubic spline with two continuous derivatives through values y at x.

    bc_type: "not-a-knot" (default), "natural", "clamped", "periodic", or a pair of conditions
    at the two ends, each one of these words or (order of derivative 1 or 2, value).
    Differentiable in x, y and the points of evaluation.

    Source: C. de Boor, "A Practical Guide to Splines", 1978.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.interpolate import CubicSpline
    >>> x = bnp.arange(5.0)
    >>> print(CubicSpline(x, x**3)(2.5))
    15.625
    """

    def __init__(
        self, x: Any, y: Any, axis: int = 0, bc_type: Any = "not-a-knot",
        extrapolate: Any = None,
    ) -> None:  # fmt: skip
        x, y, k = _points("CubicSpline", x, y, axis)
        periodic = isinstance(bc_type, str) and bc_type == "periodic"
        if extrapolate is None:
            extrapolate = "periodic" if periodic else True
        h, chord = _steps(x, y)
        if periodic:
            s = _periodic_slopes(x, y, chord)
        else:
            s = _slopes(x, y, chord, *_conditions(bc_type))
        super().__init__(_hermite(h, chord, y, s), x, extrapolate, k)


_WORDS = {"natural": (2, 0.0), "clamped": (1, 0.0), "not-a-knot": "not-a-knot"}


def _conditions(bc_type: Any) -> list[Any]:
    pair = [bc_type, bc_type] if isinstance(bc_type, str) else list(bc_type)
    out = []
    for c in pair:
        if isinstance(c, str):
            if c not in _WORDS:
                raise ValueError(
                    f"CubicSpline: bc_type {c!r} is not 'not-a-knot', 'natural', 'clamped' or "
                    "(order, value); 'periodic' is for both ends at once"
                )
            c = _WORDS[c]
        elif len(c) != 2 or c[0] not in (1, 2):
            raise ValueError(f"CubicSpline: an end condition is (1 or 2, value), got {c!r}")
        out.append(c)
    if len(out) != 2:
        raise ValueError(f"CubicSpline: bc_type has {len(out)} conditions, expected 2")
    return out


def _slopes(x: Value, y: Value, chord: Value, start: Any, end: Any) -> Value:
    """The slopes of the spline at its points."""
    n = x.shape[0]
    if n == 2:  # not-a-knot says nothing: a line, or a parabola
        start = (1, chord[0]) if start == "not-a-knot" else start
        end = (1, chord[0]) if end == "not-a-knot" else end
    h = bnp.diff(x)
    wide = h.reshape(-1, *(1,) * (y.ndim - 1))
    inner = 3 * (wide[1:] * chord[:-1] + wide[:-1] * chord[1:])
    middle = 2 * (h[:-1] + h[1:])
    if n == 3 and start == end == "not-a-knot":  # one parabola
        first, last = (1.0, 1.0, 2 * chord[0]), (1.0, 1.0, 2 * chord[1])
    else:
        first, last = _end_row(start, x, h, chord, y), _end_row(end, -x, h, chord, y, last=True)

    def column(a: Any, b: Value, c: Any) -> Value:
        like = x.dtype
        return bnp.concatenate([bnp.asarray(a, dtype=like).reshape(-1), b,
                                bnp.asarray(c, dtype=like).reshape(-1)])  # fmt: skip

    lower = column(0.0, h[1:], last[1])
    diagonal = column(first[0], middle, last[0])
    upper = column(first[1], h[:-1], 0.0)
    right = bnp.concatenate([
        bnp.broadcast_to(first[2], y[:1].shape), inner, bnp.broadcast_to(last[2], y[:1].shape)
    ])  # fmt: skip
    return solve_tridiagonal(lower, diagonal, upper, right)


def _end_row(condition: Any, x: Value, h: Value, chord: Value, y: Value, last: bool = False) -> Any:
    """(diagonal, neighbour, right side) of the equation at an end; of the last one mirrored."""
    a, b = (-1, -2) if last else (0, 1)
    if condition != "not-a-knot":
        order, given = condition
        given = bnp.asarray(given, dtype=y.dtype)
        if order == 1:
            return 1.0, 0.0, given
        sign = -1 if last else 1
        return 2 * h[a], h[a], -0.5 * sign * given * h[a] ** 2 + 3 * chord[a] * h[a]
    d = h[a] + h[b]
    right = ((h[a] + 2 * d) * h[b] * chord[a] + h[a] ** 2 * chord[b]) / d
    return h[b], d, right


def _periodic_slopes(x: Value, y: Value, chord: Value) -> Value:
    """A cyclic tridiagonal system, by Sherman and Morrison's formula."""
    known = concrete(y)
    if known is not None and not bnp.allclose(known[0], known[-1], rtol=1e-15, atol=1e-15):
        raise ValueError("CubicSpline: bc_type='periodic' needs y[0] == y[-1]")
    n = x.shape[0]
    h = bnp.diff(x)
    wide = h.reshape(-1, *(1,) * (y.ndim - 1))
    if n == 2:
        return bnp.zeros_like(y)
    if n == 3:
        s = bnp.sum(chord / wide, 0) / bnp.sum(1 / wide, 0)
        return bnp.broadcast_to(s, y.shape)
    # unknowns s[0] … s[n-2]; the neighbours of s[0] are s[n-2] and s[1]
    before, before_chord = bnp.roll(h, 1), bnp.roll(chord, 1, 0)
    lower, diagonal, upper = h, 2 * (before + h), before
    right = 3 * (wide * before_chord + bnp.roll(wide, 1, 0) * chord)
    gamma = -diagonal[0]
    bent = diagonal.at[0].add(-gamma).at[-1].add(-lower[0] * upper[-1] / gamma)
    u = bnp.zeros_like(h).at[0].set(gamma).at[-1].set(upper[-1])
    u = u.reshape(-1, *(1,) * (y.ndim - 1))
    both = solve_tridiagonal(lower, bent, upper, bnp.stack([right, u + 0 * right], -1))
    s, z = both[..., 0], both[..., 1]
    v = lower[0] / gamma
    s = s - z * ((s[0] + v * s[-1]) / (1 + z[0] + v * z[-1]))
    return bnp.concatenate([s, s[:1]])


class PchipInterpolator(PPoly):
    """The monotone cubic of Fritsch and Butland: no overshoot, one continuous derivative.

    Source: F. Fritsch, J. Butland, SIAM J. Sci. Stat. Comput. 5, 1984.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.interpolate import PchipInterpolator
    >>> print(PchipInterpolator([0.0, 1.0, 2.0], [0.0, 1.0, 1.0])(1.5))
    1.0
    """

    def __init__(self, x: Any, y: Any, axis: int = 0, extrapolate: Any = None) -> None:
        x, y, k = _points("PchipInterpolator", x, y, axis)
        h, chord = _steps(x, y)
        if x.shape[0] == 2:
            s = bnp.concatenate([chord, chord])
        else:
            w1, w2 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
            flat = chord[:-1] * chord[1:] <= 0
            a, b = (bnp.where(flat, 1.0, c) for c in (chord[:-1], chord[1:]))
            inner = bnp.where(flat, 0.0, (w1 + w2) / (w1 / a + w2 / b))
            s = bnp.concatenate([
                _one_sided(h[0], h[1], chord[0], chord[1])[None], inner,
                _one_sided(h[-1], h[-2], chord[-1], chord[-2])[None],
            ])  # fmt: skip
        super().__init__(_hermite(h, chord, y, s), x, extrapolate, k)


def _one_sided(h0: Any, h1: Any, m0: Any, m1: Any) -> Any:
    """The slope of a parabola at its end, limited to keep the shape."""
    d = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    wrong = bnp.sign(d) != bnp.sign(m0)
    steep = (bnp.sign(m0) != bnp.sign(m1)) & (bnp.abs(d) > 3 * bnp.abs(m0))
    return bnp.where(wrong, 0.0, bnp.where(steep, 3 * m0, d))


class Akima1DInterpolator(PPoly):
    """Akima's cubic: local, with little overshoot. method: "akima" or "makima".

    Source: H. Akima, "A new method of interpolation and smooth curve fitting based on local
    procedures", J. ACM 17, 1970.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.interpolate import Akima1DInterpolator
    >>> x = bnp.arange(5.0)
    >>> print(Akima1DInterpolator(x, x)(2.5))
    2.5
    """

    def __init__(self, x: Any, y: Any, axis: int = 0, *, method: str = "akima",
                 extrapolate: Any = None) -> None:  # fmt: skip
        if method not in ("akima", "makima"):
            raise ValueError(f"Akima1DInterpolator: method 'akima' or 'makima', got {method!r}")
        x, y, k = _points("Akima1DInterpolator", x, y, axis)
        h, chord = _steps(x, y)
        if x.shape[0] == 2:
            s = bnp.concatenate([chord, chord])
        else:
            m = chord
            before, after = 2 * m[0] - m[1], 2 * m[-1] - m[-2]
            m = bnp.concatenate([
                (2 * before - m[0])[None], before[None], m, after[None], (2 * after - m[-1])[None]
            ])  # fmt: skip
            jump = bnp.abs(bnp.diff(m, axis=0))
            if method == "makima":
                jump = jump + 0.5 * bnp.abs(m[1:] + m[:-1])
            w1, w2 = jump[2:], jump[:-2]
            total = w1 + w2
            even = total <= 1e-9 * bnp.max(total, initial=-bnp.inf)
            safe = bnp.where(even, 1.0, total)
            # where both weights vanish, the mean of the outer slopes
            s = bnp.where(even, 0.5 * (m[3:] + m[:-3]), (w1 * m[1:-2] + w2 * m[2:-1]) / safe)
        super().__init__(
            _hermite(h, chord, y, s), x, False if extrapolate is None else extrapolate, k
        )


class interp1d:  # noqa: N801
    """A function through points (SciPy's legacy interface).

    kind: "linear", "nearest", "previous", "next", "cubic" (not-a-knot spline), "zero".
    Outside, nan, `fill_value` (a number or a pair), or fill_value="extrapolate"; with
    `bounds_error` a ValueError, in compiled code too (the default unless fill_value is given).

    >>> from bibun.scipy.interpolate import interp1d
    >>> print(interp1d([0.0, 1.0], [0.0, 2.0])(0.25))
    0.5
    """

    def __init__(
        self, x: Any, y: Any, kind: str = "linear", axis: int = -1, copy: bool = True,
        bounds_error: bool | None = None, fill_value: Any = None, assume_sorted: bool = False,
    ) -> None:  # fmt: skip
        if not assume_sorted:
            x = bnp.asarray(x)
            order = bnp.argsort(x)
            x, y = x[order], bnp.take(bnp.asarray(y), order, axis=axis)
        self.x, self.y, self.axis = _points("interp1d", x, y, axis)
        if kind not in ("linear", "nearest", "previous", "next", "zero", "cubic"):
            raise ValueError(f"interp1d: kind {kind!r} is not supported")
        self.kind = kind
        self.extrapolate = isinstance(fill_value, str) and fill_value == "extrapolate"
        self.fill = bnp.nan if fill_value is None or self.extrapolate else fill_value
        if bounds_error is None:
            bounds_error = fill_value is None
        self.bounds_error = bounds_error and not self.extrapolate
        if kind == "cubic":
            self._curve: Any = CubicSpline(self.x, self.y)
        else:
            h, chord = _steps(self.x, self.y)
            self._curve = PPoly(bnp.stack([chord, self.y[:-1]]), self.x)

    def __call__(self, x: Any) -> Value:
        (points,) = floats("interp1d", x)
        low, high = self.x[0], self.x[-1]
        if self.bounds_error:
            check_inside("interp1d", points, low, high)
        n = self.x.shape[0]
        if self.kind in ("linear", "cubic"):
            out = self._curve(points)
        else:
            if self.kind == "nearest":  # a tie goes down
                i = bnp.searchsorted(0.5 * (self.x[1:] + self.x[:-1]), points, side="left")
            elif self.kind == "next":
                i = bnp.searchsorted(self.x, points, side="left")
            else:
                i = bnp.searchsorted(self.x, points, side="right") - 1
            out = self.y[bnp.clip(i, 0, n - 1)]
        if self.extrapolate:  # nothing comes before the first or after the last
            beyond = {"previous": points < low, "next": points > high}.get(self.kind)
            if beyond is not None:
                shape = (*points.shape, *(1,) * (self.y.ndim - 1))
                out = bnp.where(beyond.reshape(shape), bnp.nan, out)
        else:
            lower, upper = self.fill if isinstance(self.fill, tuple) else (self.fill, self.fill)
            shape = (*points.shape, *(1,) * (self.y.ndim - 1))
            out = bnp.where((points < low).reshape(shape), lower, out)
            out = bnp.where((points > high).reshape(shape), upper, out)
        r = points.ndim
        return bnp.moveaxis(out, tuple(range(r)), tuple(range(self.axis, self.axis + r)))


def check_inside(name: str, points: Value, low: Any, high: Any) -> None:
    """ValueError, when it runs, for a point outside [low, high]; nan passes."""
    from bibun.ops.check import check_true

    good = ~((points < low) | (points > high))
    message = name + ": the point {} is outside the range of the data, {} to {}; give fill_value"
    check_true(good, points, low, high, error="value", message=message)
