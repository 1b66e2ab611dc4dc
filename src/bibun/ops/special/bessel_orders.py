"""Bessel functions and their derivatives in the order, in NumPy: Schläfli's integrals.

For x > 0 (DLMF 10.9.18, 10.9.17, 10.32.12), along paths of complex t,

    J_v + i Y_v = 1/(πi) ∫ e^{x sinh t - vt} dt    from -∞ to ∞ + iπ,
    I_v         = 1/(2πi) ∫ e^{x cosh t - vt} dt   from ∞ - iπ to ∞ + iπ,

and the n-th derivative in v puts (-t)^n under the integral. Nothing cancels if the path leads
over the integrand's saddle point: t0 = arcosh(v/x), which is i arccos(v/x) where x > v, or
arsinh(v/x) for I. About it the exponent is S (cosh d - 1) + v (sinh d - d) with d = t - t0,
S = x sinh t0 or x cosh t0. The paths are straight: from t0 up, under 60° (for I, 90°), to the
height π, then level to the right. Where x > v it comes to t0 from -∞ along the real axis and
a ramp of 60°; where x < v, Y has a second saddle at -t0, the real axis serves it, and
J = Im of what comes after t0 is exact however small it is. Each piece is cut where the
integrand has fallen to e^-42 and done by Gauss and Legendre's rule of 48 points; level pieces
are two, one to where x e^t counts, one beyond. Negative orders are reflected (DLMF 10.4.7,
10.27.2).

Measured against mpmath for |v| <= 400, 1e-300 <= x <= 3000 and n = 0 to 3: relative to the
larger of |J^(n)| and |Y^(n)| where they oscillate and of I^(n) and I/1000, else to the value, the
error is below 1e-12, and 2e-11 (1e-7 where |v| < 1e-4) for Y at x < 1e-8. Beyond, the error is
that of the phase, x 2^-53.

K, the one whose order people fit (Matérn kernels), converges faster still:
e^x d^n K_v/dv^n = ∫_0^∞ t^n {cosh, sinh}(vt) e^{-x (cosh t - 1)} dt for n even or odd
(DLMF 10.32.9); the integrand is even, so the trapezoidal rule is exact to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bibun.ops.special.common import gauss_legendre

_FADE = -42.0  # logarithm of what no longer counts
_POINTS = 48
_SERIES = [1.0 / math.factorial(2 * k + 3) for k in range(9)]
_FAR = 2000.0  # as far as a level piece may go: asinh(1e308) is 710
_STEEP = math.pi / 3


class _Saddle:
    """The exponent x wave(t) - vt about t0, for rows of (v, x), and integrals along lines."""

    def __init__(
        self, wave: Callable[[Any], Any], x: Any, v: Any, t0: Any, value: Any, slope: Any, n: int
    ) -> None:
        self.wave, self.x, self.v, self.t0, self.n = wave, x, v, t0, n
        self.value, self.slope = value, slope  # x wave(t0), and S
        self.turn = np.arcsinh(1.0 / x) - 8.0  # where x e^t begins to count

    def height(self, d: np.ndarray) -> np.ndarray:
        """The exponent at t0 + d less that at t0; `d` has rows or rows of nodes."""
        column = (slice(None), *(None,) * (d.ndim - 1))
        v, slope = self.v[column], self.slope[column]
        near = np.abs(d) < 1.0
        z = np.where(near, d, 0.0)
        square = z * z
        cubic = np.full_like(z, _SERIES[-1])
        for c in reversed(_SERIES[:-1]):
            cubic = cubic * square + c
        half = np.sinh(0.5 * z)
        close = 2.0 * slope * half * half + v * cubic * z * square
        # cosh and sinh of large d cancel; the function itself does not
        far = self.x[column] * self.wave(self.t0[column] + d) - self.value[column] - v * d
        return np.where(near, close, far)

    def _reach(self, start: Any, way: complex, most: Any) -> np.ndarray:
        """How far from `start` the integrand counts, at most `most`."""

        def counts(r: np.ndarray) -> np.ndarray:
            return self.height(start + way * r).real > _FADE

        low, high = np.zeros_like(self.v), np.minimum(1.0, most)
        for _ in range(12):
            grow = counts(high) & (high < most)
            if not grow.any():
                break
            low, high = np.where(grow, high, low), np.where(grow, np.minimum(2 * high, most), high)
        for _ in range(10):
            middle = 0.5 * (low + high)
            up = counts(middle)
            low, high = np.where(up, middle, low), np.where(up, high, middle)
        return high

    def _piece(self, start: Any, way: complex, low: Any, high: Any) -> np.ndarray:
        nodes, weights = gauss_legendre(_POINTS)
        d = start[:, None] + way * (low[:, None] + (high - low)[:, None] * nodes)
        values = np.exp(self.height(d))
        if self.n:
            values = values * (-(self.t0[:, None] + d)) ** self.n
        return way * (high - low) * (values @ weights)

    def line(self, way: complex, most: np.ndarray) -> np.ndarray:
        """∫ (-t)^n e^height dt from t0 to t0 + most way."""
        start = np.zeros_like(self.t0)
        return self._piece(start, way, start.real, self._reach(start, way, most))

    def level(self, start: np.ndarray, way: float) -> np.ndarray:
        """The same from t0 + start to infinity, right or left."""
        counts = self.height(start).real > _FADE
        far = self._reach(start, way, np.full_like(self.v, _FAR))
        turn = np.clip(self.turn - way * (self.t0 + start).real, 0.0, far)
        near = self._piece(start, way, np.zeros_like(far), turn)
        return np.where(counts, near + self._piece(start, way, turn, far), 0.0)

    def up(self, angle: float) -> np.ndarray:
        """From t0 to the height π, and right."""
        way = complex(math.cos(angle), math.sin(angle))
        most = (math.pi - self.t0.imag) / math.sin(angle)
        return self.line(way, most) + self.level(most * way, 1.0)

    def down(self) -> np.ndarray:
        """From t0 = iβ to the real axis, and left."""
        way = -complex(math.cos(_STEEP), math.sin(_STEEP))
        most = self.t0.imag / math.sin(_STEEP)
        return self.line(way, most) + self.level(most * way, -1.0)


def _waves(v: Any, x: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
    """d^n/dv^n of (J_v, Y_v) for 0 <= v <= x."""
    root = np.sqrt((x - v) * (x + v))
    angle = np.arctan2(root, v)
    saddle = _Saddle(np.sinh, x, v, 1j * angle, 1j * root, 1j * root, n)
    total = (saddle.up(_STEEP) - saddle.down()) * np.exp(1j * (root - v * angle))
    return total.imag / math.pi, -total.real / math.pi


def _tails(v: Any, x: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
    """d^n/dv^n of (J_v, Y_v) for v > x."""
    root = np.sqrt(v - x) * np.sqrt(v + x)
    t0 = np.arcsinh(root / x)
    small = _Saddle(np.sinh, x, v, t0 + 0j, root, root, n).up(_STEEP)
    other = _Saddle(np.sinh, x, v, -t0 + 0j, -root, -root, n)
    large = other.line(1.0, 2.0 * t0) - other.level(0j * t0, -1.0)
    scale = np.exp(root - v * t0)
    sides = large.real / scale + scale * small.real
    return scale * small.imag / math.pi, -sides / math.pi


def _positive_jy(v: Any, x: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
    j, y = np.empty_like(v), np.empty_like(v)
    for rows, run in ((v <= x, _waves), (v > x, _tails)):
        if rows.any():
            j[rows], y[rows] = run(v[rows], x[rows], n)
    return j, y


def _positive_ie(v: Any, x: Any, n: int) -> np.ndarray:
    """e^-x d^n/dv^n I_v for v >= 0."""
    root, t0 = np.hypot(v, x), np.arcsinh(v / x)
    total = _Saddle(np.cosh, x, v, t0 + 0j, root, root, n).up(math.pi / 2)
    return np.exp(v * (v / (root + x)) - v * t0) * total.imag / math.pi


_STEPS = 320


def k_scaled(v: np.ndarray, x: np.ndarray, n: int) -> np.ndarray:
    """e^x d^n K_v(x)/dv^n, for flat arrays."""
    v, inside = np.abs(v) if n % 2 == 0 else v, x > 0
    x = np.where(inside, x, 1.0)
    reach = np.arccosh(1.0 + 760.0 / x)
    for _ in range(3):  # until the exponential has beaten cosh(v t) t^n
        reach = np.arccosh(1.0 + (760.0 + np.abs(v) * reach + n * np.log1p(reach)) / x)
    t = np.linspace(0.0, 1.0, _STEPS + 1) * reach[:, None]
    decay = -2.0 * x[:, None] * np.sinh(0.5 * t) ** 2
    grow = v[:, None] * t
    sides = np.exp(decay + grow) + (-1.0) ** n * np.exp(decay - grow)
    values = 0.5 * t**n * sides
    values[:, 0] *= 0.5
    out = values.sum(axis=1) * reach / _STEPS
    return np.where(inside, out, np.nan)


# any order ----------------------------------------------------------------------------------------


def _turned(u: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k-th derivatives of cos(πu) and sin(πu), exactly 0 where they are."""
    r = u - 2.0 * np.rint(0.5 * u) + 0.5 * (k % 4)  # in half turns
    half = np.rint(2.0 * r)
    exact = half == 2.0 * r
    quarter = np.where(half % 2 == 0, 1.0 - half % 4, 0.0)
    other = np.where(half % 2 == 1, 2.0 - half % 4, 0.0)
    cos = np.where(exact, quarter, np.cos(math.pi * r))
    sin = np.where(exact, other, np.sin(math.pi * r))
    return math.pi**k * cos, math.pi**k * sin


def _product(factor: np.ndarray, value: np.ndarray) -> np.ndarray:
    return np.where(factor == 0, 0.0, factor * value)


def _reflected(
    v: np.ndarray, n: int, term: Callable[[np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]
) -> np.ndarray:
    """d^n/dv^n of Σ-products at u = -v: `term(u, cos, sin, m)` with the m-th derivatives in u."""
    u = -v
    total = np.zeros_like(v)
    for k in range(n + 1):
        total = total + math.comb(n, k) * term(u, *_turned(u, k), n - k)
    return (-1.0) ** n * total


def _inside(v: np.ndarray, x: np.ndarray) -> np.ndarray:
    return (x > 0) & (x < np.inf) & (np.abs(v) < np.inf)


def _ended(
    v: np.ndarray, x: np.ndarray, run: Callable[[Any, Any], np.ndarray]
) -> np.ndarray:
    """`run` for x > 0; 0 at infinity, and at 0 its limit for positive orders."""
    out = np.full(v.shape, np.nan)
    good = _inside(v, x)
    if good.any():
        out[good] = run(v[good], x[good])
    ends = (np.abs(v) < np.inf) & ((x == np.inf) | ((x == 0) & (v > 0)))
    return np.where(ends, 0.0, out)


def _cases(
    v: np.ndarray, positive: Callable[..., np.ndarray], negative: Callable[..., np.ndarray],
    x: np.ndarray,
) -> np.ndarray:  # fmt: skip
    out = np.empty_like(v)
    for rows, run in ((v >= 0, positive), (v < 0, negative)):
        if rows.any():
            out[rows] = run(v[rows], x[rows])
    return out


def j_derivative(v: np.ndarray, x: np.ndarray, n: int) -> np.ndarray:
    """d^n J_v(x)/dv^n for flat arrays, x >= 0."""

    def negative(v: Any, x: Any) -> np.ndarray:
        def term(u: Any, cos: Any, sin: Any, m: int) -> np.ndarray:
            j, y = _positive_jy(u, x, m)
            return _product(cos, j) - _product(sin, y)

        return _reflected(v, n, term)

    return _ended(
        v, x, lambda v, x: _cases(v, lambda v, x: _positive_jy(v, x, n)[0], negative, x)
    )


def y_derivative(v: np.ndarray, x: np.ndarray, n: int) -> np.ndarray:
    """d^n Y_v(x)/dv^n for flat arrays, x >= 0; -inf at 0 for positive orders."""

    def negative(v: Any, x: Any) -> np.ndarray:
        def term(u: Any, cos: Any, sin: Any, m: int) -> np.ndarray:
            j, y = _positive_jy(u, x, m)
            return _product(sin, j) + _product(cos, y)

        return _reflected(v, n, term)

    out = _ended(
        v, x, lambda v, x: _cases(v, lambda v, x: _positive_jy(v, x, n)[1], negative, x)
    )
    return np.where((x == 0) & (v > 0) & (v < np.inf), -np.inf, out)


def i_scaled(v: np.ndarray, x: np.ndarray, n: int) -> np.ndarray:
    """e^-x d^n I_v(x)/dv^n for flat arrays, x >= 0."""

    def negative(v: Any, x: Any) -> np.ndarray:
        fall = 2.0 / math.pi * np.exp(-2.0 * x)

        def term(u: Any, cos: Any, sin: Any, m: int) -> np.ndarray:
            return _product(fall * sin, k_scaled(u, x, m))

        return (-1.0) ** n * _positive_ie(-v, x, n) + _reflected(v, n, term)

    return _ended(
        v, x, lambda v, x: _cases(v, lambda v, x: _positive_ie(v, x, n), negative, x)
    )
