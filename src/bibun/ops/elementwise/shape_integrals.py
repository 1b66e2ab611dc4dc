"""How incomplete gamma and beta functions change with their parameters, in NumPy.

Differentiating under the integral, with p the Gamma(a) density and P its distribution function,

    ∂^n P/∂a^n = ∫_0^x p(t) B_n dt = -∫_x^∞ p(t) B_n dt,   B_n = 1/p ∂^n p/∂a^n,

where B_n is the n-th moment that belongs to the cumulants log t - ψ(a), -ψ'(a), -ψ''(a), …
(the complete Bell polynomial; `moment`). P^(1)/p = -r is the *implicit gradient*: how fast the
quantile x moves as the shape a grows (Figurnov, Mohamed, Mnih 2018, eq. 5). p(t)/p(x) needs no
gamma function. Below the mean the first integral, above it the second has an integrand that
falls and, for n = 1, has one sign, so nothing cancels; 1/Γ(a) = a/Γ(1 + a) keeps B_n exact for
small a. Substituting t = x e^-w, or t = x + s, gives a half line with exponential decay, where
the trapezoidal rule under the double exponential map w = c exp(v - e^-v) converges
geometrically (Takahasi, Mori 1974); c is the scale of the decay, so one fixed set of nodes
serves all arguments. For a < 1 and small x the power series is used, differentiated term by
term. The incomplete beta function goes the same way, with two parameters and the moments of
(log t, log(1 - t)); beyond the mean I_x(a, b) = 1 - I_{1-x}(b, a).

Measured against mpmath for parameters from 0.01 to 300 and quantiles from 1e-6 to 1 - 1e-6: P^(n),
n = 1, 2, 3, has a relative error below 2e-13, and derivatives of I up to the third, mixed ones too,
one below 1e-11 of the larger of themselves and I (1 - I)/1000.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

_STEP = 0.0625
_V = np.arange(-4.5, 5.25, _STEP)
_NODES = np.exp(_V - np.exp(-_V))
_WEIGHTS = _STEP * _NODES * (1.0 + np.exp(-_V))
_CHUNK = 2048  # rows at a time: 2048 * 156 doubles are 2.5 MB
_TERMS = np.arange(0.0, 45.0)


def _half_line(integrand: Callable[[np.ndarray], np.ndarray], scale: np.ndarray) -> np.ndarray:
    """∫_0^∞ integrand(w) dw, row by row; `scale` is that of the decay."""
    values = integrand(scale[:, None] * _NODES)
    return scale * (np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0) @ _WEIGHTS)


def in_double(fun: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """A function of flat float64 rows as one of broadcast arrays of either precision."""

    def apply(*args: Any) -> np.ndarray:
        dtype = next((a.dtype for a in args if isinstance(a, np.ndarray)), np.dtype(float))
        arrays = np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in args))
        flat = [a.ravel() for a in arrays]
        out = np.empty(flat[0].shape)
        for k in range(0, out.size, _CHUNK):
            out[k : k + _CHUNK] = fun(*(f[k : k + _CHUNK] for f in flat))
        return out.reshape(arrays[0].shape).astype(dtype)

    return apply


def moment(
    orders: tuple[int, ...], cumulant: Callable[[tuple[int, ...]], Any], add: Any, mul: Any
) -> Any:
    """The mixed moment of these orders, of a distribution given by its cumulants.

    With log E[e^{ε·X}] = Σ κ_p ε^p/p!: m_{o} = Σ_p C(o - e, p) κ_{p+e} m_{o-e-p}, e a unit vector.
    `add` and `mul` are the arithmetic of what `cumulant` gives. The moment of order 0 is 1.0.
    """
    known: dict[tuple[int, ...], Any] = {(0,) * len(orders): 1.0}

    def find(o: tuple[int, ...]) -> Any:
        if o not in known:
            axis = next(k for k, n in enumerate(o) if n)
            less = tuple(n - (k == axis) for k, n in enumerate(o))
            total = None
            for p in itertools.product(*(range(n + 1) for n in less)):
                ways = math.prod(map(math.comb, less, p))
                rest = find(tuple(n - q for n, q in zip(less, p, strict=True)))
                term = cumulant(tuple(q + (k == axis) for k, q in enumerate(p)))
                if rest is not known[(0,) * len(o)]:
                    term = mul(term, rest)
                term = mul(float(ways), term) if ways > 1 else term
                total = term if total is None else add(total, term)
            known[o] = total
        return known[o]

    return find(orders)


def _moments(orders: tuple[int, ...], cumulant: Callable[[tuple[int, ...]], Any]) -> Any:
    return moment(orders, cumulant, np.add, np.multiply)


def _scaled(a: Any, n: int, regular: Callable[[int], Any]) -> Any:
    """B_n for the weight a w, if `regular` gives those for w, over a: (a B_n + n B_{n-1})/a."""
    return regular(n) + (n / a) * regular(n - 1) if n else regular(0)


# gamma --------------------------------------------------------------------------------------------


def _gamma_moment(a: np.ndarray, log: np.ndarray, n: int) -> np.ndarray:
    """B_n at t, for rows a and nodes log t."""
    from scipy.special import polygamma, psi

    rising = (1.0 + a)[:, None]
    first = log - psi(rising)

    def cumulant(p: tuple[int, ...]) -> Any:
        return first if p[0] == 1 else -polygamma(p[0] - 1, rising)

    return _scaled(a[:, None], n, lambda k: _moments((k,), cumulant))


def _gamma_below(a: np.ndarray, x: np.ndarray, n: int) -> np.ndarray:
    """P^(n)/p for 1 <= a, x < a, from the integral over [0, x] with t = x e^-w."""
    log_x = np.log(x)[:, None]
    a_, x_ = a[:, None], x[:, None]
    scale = 1.0 / (a - x + np.sqrt(x) + 1e-300)

    def integrand(w: np.ndarray) -> np.ndarray:
        return np.exp(-a_ * w - x_ * np.expm1(-w)) * _gamma_moment(a, log_x - w, n)

    return x * _half_line(integrand, scale)


def _gamma_above(a: np.ndarray, x: np.ndarray, n: int) -> np.ndarray:
    """P^(n)/p for x >= a, from the integral over [x, ∞) with t = x + s."""
    log_x = np.log(x)[:, None]
    a_, x_ = a[:, None], x[:, None]
    scale = 1.0 / (np.maximum(1.0 - (a - 1.0) / x, 0.0) + 1.0 / np.sqrt(x))

    def integrand(s: np.ndarray) -> np.ndarray:
        grown = np.log1p(s / x_)
        return np.exp((a_ - 1.0) * grown - s) * _gamma_moment(a, log_x + grown, n)

    return -_half_line(integrand, scale)


def _gamma_series(a: np.ndarray, x: np.ndarray, n: int) -> np.ndarray:
    """P^(n)/p for a < 1, x <= 2: P = x^a/Γ(1+a) S, S = Σ (-x)^j/j! a/(a+j), differentiated."""
    from scipy.special import gamma, polygamma, psi

    j = _TERMS
    terms = (-x[:, None]) ** j / gamma(j + 1.0)
    over = 1.0 / (a[:, None] + j)
    first = np.log(x) - psi(1.0 + a)

    def cumulant(p: tuple[int, ...]) -> Any:
        return first if p[0] == 1 else -polygamma(p[0] - 1, 1.0 + a)

    total = (terms * over).sum(1) * a * _moments((n,), cumulant)
    for k in range(1, n + 1):
        slope = (-1.0) ** (k + 1) * math.factorial(k) * (terms * j * over ** (k + 1)).sum(1)
        total = total + math.comb(n, k) * slope * _moments((n - k,), cumulant)
    return x * np.exp(x) / a * total


def _gamma_relative(a: np.ndarray, x: np.ndarray, n: int) -> np.ndarray:
    """P^(n)/p, for flat arrays."""
    out = np.full(a.shape, np.nan)
    inside = (a > 0) & (x > 0) & (a < np.inf) & (x < np.inf)
    out[(a > 0) & (x == 0)] = 0.0
    series = inside & (a < 1.0) & (x <= 2.0)
    above = inside & ~series & (x >= a)
    below = inside & ~series & (x < a)
    for mask, fun in ((series, _gamma_series), (above, _gamma_above), (below, _gamma_below)):
        if mask.any():
            out[mask] = fun(a[mask], x[mask], n)
    return out


def _log_density(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """log of x^(a-1) e^-x / Γ(a), without cancellation for large a (Loader 2000)."""
    from scipy.special import gammaln, xlogy

    large = a > 20.0
    big = np.where(large, a, 21.0)
    mu = (np.where(large, x, big) - big) / big
    correction = (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / (1260.0 * big**2)) / big**2) / big
    saddle = (
        0.5 * np.log(big / (2.0 * np.pi)) - np.log(x) - big * (mu - np.log1p(mu)) - correction
    )
    return np.where(large, saddle, xlogy(a - 1.0, x) - x - gammaln(a))


def _gamma_derivative(a: np.ndarray, x: np.ndarray, n: int) -> np.ndarray:
    out = np.exp(_log_density(a, x)) * _gamma_relative(a, x, n)
    return np.where((a > 0) & ((x == 0) | (x == np.inf)), 0.0, out)


# beta ---------------------------------------------------------------------------------------------


def _beta_lower(a: np.ndarray, b: np.ndarray, x: np.ndarray, orders: tuple[int, int]) -> np.ndarray:
    """The derivative of I_x(a, b) from the integral over [0, x] with t = x e^-w."""
    from scipy.special import betaln, polygamma, psi

    a_, b_, x_ = a[:, None], b[:, None], x[:, None]
    pull = (b - 1.0) * x / (1.0 - x)
    scale = 1.0 / (
        np.maximum(a - pull, 0.0) + np.sqrt(np.maximum(pull / (1.0 - x), 0.0)) + 1e-3 * a + 1e-300
    )
    log_x, rest = np.log(x)[:, None], np.log1p(-x_)
    whole = psi(a_ + b_)

    def integrand(w: np.ndarray) -> np.ndarray:
        log_left = np.log1p(-x_ * np.exp(-w))
        first = (log_x - w - psi(1.0 + a_) + whole, log_left - psi(b_) + whole)

        def cumulant(p: tuple[int, ...]) -> Any:
            i, j = p
            if i + j == 1:
                return first[j]
            own = polygamma(i - 1, 1.0 + a_) if j == 0 else polygamma(j - 1, b_) if i == 0 else 0.0
            return polygamma(i + j - 1, a_ + b_) - own

        factor = _scaled(a_, orders[0], lambda k: _moments((k, orders[1]), cumulant))
        return np.exp(-a_ * w + (b_ - 1.0) * (log_left - rest)) * factor

    front = np.exp(a * np.log(x) + (b - 1.0) * np.log1p(-x) - betaln(a, b))
    return front * _half_line(integrand, scale)


def _beta_derivative(a: np.ndarray, b: np.ndarray, x: np.ndarray, m: int, n: int) -> np.ndarray:
    out = np.full(a.shape, np.nan)
    inside = (a > 0) & (b > 0) & (x > 0) & (x < 1) & (a < np.inf) & (b < np.inf)
    out[(a > 0) & (b > 0) & ((x == 0) | (x == 1))] = 0.0
    left = inside & (x <= a / (a + b))
    right = inside & ~left
    if left.any():
        out[left] = _beta_lower(a[left], b[left], x[left], (m, n))
    if right.any():  # I_x(a, b) = 1 - I_{1-x}(b, a)
        out[right] = -_beta_lower(b[right], a[right], 1.0 - x[right], (n, m))
    return out


# what ops call ------------------------------------------------------------------------------------


def igamma_derivative(a: Any, x: Any, order: int = 1, relative: bool = False) -> np.ndarray:
    """∂^n P(a, x)/∂a^n; with `relative`, divided by the density of Gamma(a) at x."""
    fun = _gamma_relative if relative else _gamma_derivative
    return in_double(lambda a_, x_: fun(a_, x_, order))(a, x)


def gamma_gradient(a: Any, x: Any) -> np.ndarray:
    """The implicit gradient r; 0, and not -0, at x = 0."""
    return 0.0 - igamma_derivative(a, x, 1, True)


def betainc_derivative(a: Any, b: Any, x: Any, orders: tuple[int, int]) -> np.ndarray:
    """∂^{m+n} I_x(a, b)/∂a^m ∂b^n."""
    return in_double(lambda a_, b_, x_: _beta_derivative(a_, b_, x_, *orders))(a, b, x)
