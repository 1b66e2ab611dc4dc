"""Functions defined as integrals of elementary ones: their derivatives are the integrands.

Exponential integrals, sine and cosine integrals and their hyperbolic kin, Fresnel's, Dawson's,
the dilogarithm, complete elliptic integrals. Where the integrand has a removable singularity
its Taylor series takes over, so that derivatives of every order are right there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bibun.ops.elementwise import (
    add,
    cos,
    cosh,
    div,
    exp,
    gt,
    log1p,
    mul,
    neg,
    select,
    sin,
    sinh,
    square,
    sub,
)
from bibun.ops.elementwise.special import scipy_special
from bibun.ops.families.elementwise import elementwise, partly, unary, underived
from bibun.ops.special.common import near_zero

_POSITIVE = (0.4, 1.3, 2.2, 7.0)
_BOTH = (-2.1, -0.3, 0.6, 3.7)


def _pair(name: str, which: int) -> Callable[[Any], Any]:
    both = scipy_special(name)
    return lambda x: both(x)[which]


def _limits(fun: Callable[[Any], Any], limit: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """SciPy's function with its limit where SciPy has nan for large x."""

    def evaluate(x: Any) -> Any:
        y, far = fun(x), np.abs(x) > 1e15
        return np.where(far & np.isnan(y), limit(x), y).astype(np.asarray(x).dtype)

    return evaluate


def _integral(name: str, fun: Callable[..., Any], slope: Any, doc: str, points: Any = _BOTH) -> Any:
    return unary(name, fun, partial=slope, points=points, lower=name, cost=60.0, doc=doc)


def _over_x(fun: Callable[[Any], Any], terms: list[float], radius: float = 0.5) -> Any:
    """x -> fun(x)/x for an odd function, by its series (of the quotient) near 0."""
    return lambda x, y: near_zero(x, radius, terms, lambda u: div(fun(u), u))


def _odd(alternate: bool) -> list[float]:
    """The series of sin(x)/x or sinh(x)/x."""
    out = []
    for k in range(9):
        out += [(-1.0 if alternate and k % 2 else 1.0) / math.factorial(2 * k + 1), 0.0]
    return out


def _half(x: Any) -> Any:
    return np.copysign(0.5, x)


def _falling(x: Any) -> Any:
    return np.where(np.asarray(x) > 0, -np.inf, np.nan)


exponential_integral = _integral(
    "exponential_integral", scipy_special("expi"), lambda x, y: div(exp(x), x),
    "Ei(x), the integral of e^t/t from -∞ to x (principal value).",
)  # fmt: skip
exponential_integral_e1 = _integral(
    "exponential_integral_e1", scipy_special("exp1"), lambda x, y: neg(div(exp(neg(x)), x)),
    "E_1(x), the integral of e^-t/t from x to ∞; nan for x < 0.", _POSITIVE,
)  # fmt: skip
sine_integral = _integral(
    "sine_integral", _pair("sici", 0), _over_x(sin, _odd(True)),
    "Si(x), the integral of sin(t)/t from 0 to x.",
)  # fmt: skip
cosine_integral = _integral(
    "cosine_integral", _pair("sici", 1), lambda x, y: div(cos(x), x),
    "Ci(x) = γ + log x + the integral of (cos t - 1)/t from 0 to x.", _POSITIVE,
)  # fmt: skip
hyperbolic_sine_integral = _integral(
    "hyperbolic_sine_integral", _pair("shichi", 0), _over_x(sinh, _odd(False)),
    "Shi(x), the integral of sinh(t)/t from 0 to x.",
)  # fmt: skip
hyperbolic_cosine_integral = _integral(
    "hyperbolic_cosine_integral", _pair("shichi", 1), lambda x, y: div(cosh(x), x),
    "Chi(x) = γ + log x + the integral of (cosh t - 1)/t from 0 to x.", _POSITIVE,
)  # fmt: skip
fresnel_sine = _integral(
    "fresnel_sine", _limits(_pair("fresnel", 0), _half),
    lambda x, y: sin(mul(math.pi / 2, square(x))),
    "S(x), the integral of sin(π t²/2) from 0 to x.",
)  # fmt: skip
fresnel_cosine = _integral(
    "fresnel_cosine", _limits(_pair("fresnel", 1), _half),
    lambda x, y: cos(mul(math.pi / 2, square(x))),
    "C(x), the integral of cos(π t²/2) from 0 to x.",
)  # fmt: skip
imaginary_erf = _integral(
    "imaginary_erf", scipy_special("erfi"),
    lambda x, y: mul(2 / math.sqrt(math.pi), exp(square(x))), "erfi(x) = -i erf(ix).",
)  # fmt: skip
dawson = _integral(
    "dawson", scipy_special("dawsn"), lambda x, y: sub(1.0, mul(mul(2.0, x), y)),
    "Dawson's integral, e^{-x²} times the integral of e^{t²} from 0 to x.",
)  # fmt: skip

_LOG1P_OVER = [(-1.0) ** k / (k + 1) for k in range(26)]


def _spence_slope(x: Any, y: Any) -> Any:
    """log(x)/(1 - x) = -log1p(u)/u with u = x - 1."""
    return neg(near_zero(sub(x, 1.0), 0.2, _LOG1P_OVER, lambda u: div(log1p(u), u)))


dilogarithm = _integral(
    "dilogarithm", _limits(scipy_special("spence"), _falling), _spence_slope,
    "Spence's function, the integral of log(t)/(1 - t) from 1 to x.", (0.4, 1.0, 2.2, 7.0),
)  # fmt: skip

# E_n ------------------------------------------------------------------------------------------


def _expn_slope(n: Any, x: Any, y: Any) -> Any:
    """-E_{n-1}(x); for n = 0, where E_0 = e^{-x}/x, -E_0 (1 + 1/x)."""
    positive = gt(n, 0.0)
    lower = generalized_exponential_integral(select(positive, 1.0, sub(n, 1.0)), x)
    return neg(select(positive, mul(y, add(1.0, div(1.0, x))), lower))


def _expn(n: Any, x: Any) -> Any:
    dtype = next(a.dtype for a in (x, n) if hasattr(a, "dtype"))
    n = np.asarray(n)
    # SciPy computes E_0 to single precision only
    out = np.where(n == 0, np.exp(-np.asarray(x)) / x, scipy_special("expn")(np.floor(n), x))
    return np.where(np.floor(n) == n, out, np.nan).astype(dtype)


generalized_exponential_integral = elementwise(
    "generalized_exponential_integral",
    _expn,
    arity=2,
    lower="generalized_exponential_integral",
    partials=(
        underived("expn", "its order, which is a whole number"),
        _expn_slope,
    ),
    samples=partly([(0.0, 1.0, 2.0, 5.0), _POSITIVE], (1,)),
    cost=100.0,
    doc="E_n(x), the integral of e^{-xt}/t^n from 1 to ∞, for whole n >= 0.",
)

# complete elliptic integrals --------------------------------------------------------------------

_SQUARES = [1.0]
for _k in range(1, 24):
    _SQUARES.append(_SQUARES[-1] * ((2 * _k - 1) / (2 * _k)) ** 2)
# K = π/2 Σ s_k m^k and E = π/2 Σ s_k/(1 - 2k) m^k, differentiated
_K_SLOPE = [math.pi / 2 * k * s for k, s in enumerate(_SQUARES)][1:]
_E_SLOPE = [math.pi / 2 * k * s / (1 - 2 * k) for k, s in enumerate(_SQUARES)][1:]


def _k_slope(m: Any, y: Any) -> Any:
    def far(u: Any) -> Any:
        rest = sub(1.0, u)
        top = sub(elliptic_e(u), mul(rest, elliptic_k(u)))
        return div(top, mul(mul(2.0, u), rest))

    return near_zero(m, 0.15, _K_SLOPE, far)


def _e_slope(m: Any, y: Any) -> Any:
    return near_zero(
        m, 0.15, _E_SLOPE, lambda u: div(sub(elliptic_e(u), elliptic_k(u)), mul(2.0, u))
    )


elliptic_k = _integral(
    "elliptic_k", scipy_special("ellipk"), _k_slope,
    "The complete elliptic integral of the first kind, K(m).", (-2.1, -0.3, 0.05, 0.8),
)  # fmt: skip
elliptic_e = _integral(
    "elliptic_e", scipy_special("ellipe"), _e_slope,
    "The complete elliptic integral of the second kind, E(m).", (-2.1, -0.3, 0.05, 0.8),
)  # fmt: skip
