"""How incomplete gamma and beta functions change with their parameters, in NumPy.

With p the Gamma(a) density and P its distribution function, the *implicit gradient*
`r(a, x) = -(dP/da) / p` is how fast the quantile x moves as the shape a grows (Figurnov,
Mohamed, Mnih 2018, eq. 5). Differentiating under the integral,

    r = -1/p(x) ∫_0^x p(t) (log t - ψ(a)) dt = 1/p(x) ∫_x^∞ p(t) (log t - ψ(a)) dt,

and p(t)/p(x) needs no gamma function. Below the mean the first integral, above it the
second has an integrand of one sign, so nothing cancels. Substituting t = x e^-w, or
t = x + s, gives a half line with exponential decay, where the trapezoidal rule under the
double exponential map w = c exp(v - e^-v) converges geometrically (Takahasi, Mori 1974);
c is the scale of the decay, so one fixed set of nodes serves all arguments. For a < 1 and
small x the power series is used, in which the terms in 1/a² have been cancelled by hand.
"""

from __future__ import annotations

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


def _gamma_below(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """r for 1 <= a, x < a, from the integral over [0, x] with t = x e^-w."""
    from scipy.special import psi

    offset = (np.log(x) - psi(a))[:, None]
    a_, x_ = a[:, None], x[:, None]
    scale = 1.0 / (a - x + np.sqrt(x) + 1e-300)

    def integrand(w: np.ndarray) -> np.ndarray:
        return np.exp(-a_ * w - x_ * np.expm1(-w)) * (offset - w)

    return -x * _half_line(integrand, scale)


def _gamma_above(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """r for x >= a, from the integral over [x, ∞) with t = x + s."""
    from scipy.special import psi

    offset = (np.log(x) - psi(a))[:, None]
    a_, x_ = a[:, None], x[:, None]
    scale = 1.0 / (np.maximum(1.0 - (a - 1.0) / x, 0.0) + 1.0 / np.sqrt(x))

    def integrand(s: np.ndarray) -> np.ndarray:
        grown = np.log1p(s / x_)
        return np.exp((a_ - 1.0) * grown - s) * (offset + grown)

    return _half_line(integrand, scale)


def _gamma_series(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """r for a < 1, x <= 2: -x e^x [(log x - ψ(a+1)) S + Σ (-x)^n n / (n! a (a+n)²)]."""
    from scipy.special import gamma, psi

    n = _TERMS
    terms = (-x[:, None]) ** n / gamma(n + 1.0)
    s = (terms / (a[:, None] + n)).sum(1)
    t = (terms * n / (a[:, None] * (a[:, None] + n) ** 2)).sum(1)
    return -x * np.exp(x) * ((np.log(x) - psi(a + 1.0)) * s + t)


def _gamma_gradient(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    out = np.full(a.shape, np.nan)
    inside = (a > 0) & (x > 0) & (a < np.inf) & (x < np.inf)
    out[(a > 0) & (x == 0)] = 0.0
    series = inside & (a < 1.0) & (x <= 2.0)
    above = inside & ~series & (x >= a)
    below = inside & ~series & (x < a)
    for mask, fun in ((series, _gamma_series), (above, _gamma_above), (below, _gamma_below)):
        if mask.any():
            out[mask] = fun(a[mask], x[mask])
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


def _igamma_grad_a(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    out = -np.exp(_log_density(a, x)) * _gamma_gradient(a, x)
    return np.where((a > 0) & ((x == 0) | (x == np.inf)), 0.0, out)


def _beta_lower(a: np.ndarray, b: np.ndarray, x: np.ndarray, wrt_b: bool) -> np.ndarray:
    """dI_x(a, b)/da, or /db, from the integral over [0, x] with t = x e^-w."""
    from scipy.special import betaln, psi

    a_, b_, x_ = a[:, None], b[:, None], x[:, None]
    pull = (b - 1.0) * x / (1.0 - x)
    scale = 1.0 / (
        np.maximum(a - pull, 0.0) + np.sqrt(np.maximum(pull / (1.0 - x), 0.0)) + 1e-3 * a + 1e-300
    )
    shift = (psi(a + b) - psi(b if wrt_b else a))[:, None]
    log_x = np.log(x)[:, None]
    rest = np.log1p(-x_)

    def integrand(w: np.ndarray) -> np.ndarray:
        log_left = np.log1p(-x_ * np.exp(-w))
        factor = (log_left if wrt_b else log_x - w) + shift
        return np.exp(-a_ * w + (b_ - 1.0) * (log_left - rest)) * factor

    front = np.exp(a * np.log(x) + (b - 1.0) * np.log1p(-x) - betaln(a, b))
    return front * _half_line(integrand, scale)


def _betainc_grad(a: np.ndarray, b: np.ndarray, x: np.ndarray, wrt_b: bool) -> np.ndarray:
    out = np.full(a.shape, np.nan)
    inside = (a > 0) & (b > 0) & (x > 0) & (x < 1) & (a < np.inf) & (b < np.inf)
    out[(a > 0) & (b > 0) & ((x == 0) | (x == 1))] = 0.0
    left = inside & (x <= a / (a + b))
    right = inside & ~left
    if left.any():
        out[left] = _beta_lower(a[left], b[left], x[left], wrt_b)
    if right.any():  # I_x(a, b) = 1 - I_{1-x}(b, a)
        out[right] = -_beta_lower(b[right], a[right], 1.0 - x[right], not wrt_b)
    return out


gamma_gradient = in_double(_gamma_gradient)
igamma_grad_a = in_double(_igamma_grad_a)
betainc_grad_a = in_double(lambda a, b, x: _betainc_grad(a, b, x, wrt_b=False))
betainc_grad_b = in_double(lambda a, b, x: _betainc_grad(a, b, x, wrt_b=True))
