"""Quantiles of positive variables whose distribution function is known and its inverse is not.

Positive floating-point numbers are ordered as their bit patterns are, so bisection over the
patterns reaches the nearest representable number in as many steps as there are bits, with the
same relative precision at 1e-300 as at 1, without a starting point, and never fails. The
derivative is that of an implicit function, dx = (dq - dF) / f(x), in q and in the parameters, to
any order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun.lax import bitcast_convert_type, fori_loop
from bibun.prob.distributions.special import betaln, floating
from bibun.scipy.special import betainc, gammainc, gammaincc, gammaln, xlog1py, xlogy
from bibun.transforms import custom_jvp, jvp


def _inverse(
    cdf: Callable[..., Any], log_density: Callable[..., Any], rising: bool, top: float
) -> Callable[..., Any]:
    """`inverse(q, *params)` with cdf(*params, inverse) = q, among the numbers from 0 to `top`.

    `rising` is false for a survival function. Where q is not in [0, 1] the answer is nan.
    """

    def search(q: Any, *params: Any) -> Any:
        shape = np.broadcast_shapes(*(np.shape(x) for x in (q, *params)))
        dtype = np.result_type(*(np.asarray(0, x.dtype) for x in (q, *params)))
        whole = np.dtype(f"int{8 * dtype.itemsize}")
        q = bnp.broadcast_to(q, shape)
        params = tuple(bnp.broadcast_to(p, shape) for p in params)
        last = int(np.asarray(min(top, np.finfo(dtype).max), dtype).view(whole))

        def halve(_: Any, ends: Any) -> Any:
            low, high = ends
            middle = low + (high - low) // 2
            value = cdf(*params, bitcast_convert_type(middle, dtype))
            above = (value >= q) if rising else (value <= q)
            return bnp.where(above, low, middle + 1), bnp.where(above, middle, high)

        low = bnp.zeros(shape, whole)
        _, high = fori_loop(0, last.bit_length(), halve, (low, bnp.full(shape, last, whole)))
        x = bitcast_convert_type(high, dtype)
        end = (q == 1) if rising else (q == 0)
        x = bnp.where(end, top, x)
        return bnp.where((q >= 0) & (q <= 1), x, bnp.nan)

    return _implicit(search, cdf, log_density, 1.0 if rising else -1.0)


def _implicit(
    search: Callable[..., Any], cdf: Callable[..., Any], log_density: Callable[..., Any],
    sign: float = 1.0,
) -> Callable[..., Any]:  # fmt: skip
    """`search(q, *params)` with the derivatives of a solution of cdf(*params, x) = q."""
    inverse = custom_jvp(search)

    @inverse.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        x = inverse(*primals)
        _, moved = jvp(lambda *p: cdf(*p, x), tuple(primals[1:]), tuple(tangents[1:]))
        return x, (tangents[0] - moved) * sign * bnp.exp(-log_density(*primals[1:], x))

    return lambda q, *params: inverse(*(bnp.asarray(floating(x)) for x in (q, *params)))


def _log_gamma(a: Any, x: Any) -> Any:
    return xlogy(a - 1, x) - x - gammaln(a)


def _log_beta(a: Any, b: Any, x: Any) -> Any:
    return xlogy(a - 1, x) + xlog1py(b - 1, -x) - betaln(a, b)


def _log_t(df: Any, x: Any) -> Any:
    half = 0.5 * df
    scale = gammaln(half + 0.5) - gammaln(half) - 0.5 * bnp.log(df * math.pi)
    return scale - (half + 0.5) * bnp.log1p(x * x / df)


def student_t_cdf(df: Any, x: Any) -> Any:
    """The distribution function of Student's standard t."""
    tail = 0.5 * betainc(0.5 * df, 0.5, df / (df + x * x))
    return bnp.where(x < 0, tail, 1 - tail)


def _search_t(q: Any, df: Any) -> Any:
    # by the square's share y = t²/(df + t²) near the middle, by 1 - y in the tails
    p = bnp.minimum(q, 1 - q)
    y = _beta_lower(1 - 2 * p, 0.5, 0.5 * df)
    rest = _beta_lower(2 * p, 0.5 * df, 0.5)
    square = bnp.where(p > 0.25, y / (1 - bnp.minimum(y, 0.999)), (1 - rest) / rest)
    return bnp.sign(q - 0.5) * bnp.sqrt(df * square)


_gamma_lower = _inverse(gammainc, _log_gamma, True, np.inf)
_gamma_upper = _inverse(gammaincc, _log_gamma, False, np.inf)
_beta_lower = _inverse(betainc, _log_beta, True, 1.0)
_t_lower = _implicit(_search_t, student_t_cdf, _log_t)


def gammaincinv(a: Any, p: Any) -> Any:
    """x with `gammainc(a, x)` = p; exact where p is small.

    >>> round(float(gammaincinv(1.0, 1e-20)) * 1e20, 6)
    1.0
    """
    return _gamma_lower(p, a)


def gammainccinv(a: Any, q: Any) -> Any:
    """x with `gammaincc(a, x)` = q; exact where q is small.

    >>> round(float(gammainccinv(1.0, 1e-20)), 6)
    46.051702
    """
    return _gamma_upper(q, a)


def betaincinv(a: Any, b: Any, q: Any) -> Any:
    """x with `betainc(a, b, x)` = q.

    >>> round(float(betaincinv(2.0, 1.0, 0.25)), 6)
    0.5
    """
    return _beta_lower(q, a, b)


def student_t_icdf(df: Any, q: Any) -> Any:
    """The quantile of Student's standard t.

    >>> round(float(student_t_icdf(1.0, 0.75)), 6)
    1.0
    """
    return _t_lower(q, df)
