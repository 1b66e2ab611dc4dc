"""The von Mises distribution on the circle.

The distribution function is 1/2 + z / 2π + Σ (I_j / I_0)(κ) sin(jz) / πj, its ratios of Bessel
functions by backward recurrence (Hill 1977, ACM TOMS 3, algorithm 518). That needs ever more terms
as κ grows, so for κ > 50 another series: in s = sin(z/2) the density is exp(-2κs²) / √(1 - s²), and
the root's expansion is integrated term by term, which gives incomplete gamma functions of half
integers. Both are to about 1e-15 of 1. Beyond [-π, π] the function goes on, by 1 a turn.
"""

from __future__ import annotations

import math
from typing import Any

from bibun.lax import fori_loop
from bibun.numpy.elementwise import where
from bibun.ops import elementwise as el
from bibun.ops.stop_gradient import stop_gradient
from bibun.scipy.stats._family import Continuous, continuous
from bibun.scipy.stats._inverse import inverse

_CONCENTRATED, _TERMS, _MOMENTS = 50.0, 64, 16


def _logpdf(z: Any, kappa: Any) -> Any:
    return kappa * (el.cos(z) - 1) - el.log(2 * math.pi * el.bessel_i0e(kappa))


def _by_bessel(z: Any, kappa: Any) -> Any:
    """F - 1/2, for moderate κ."""

    def term(i: Any, carry: Any) -> Any:
        ratio, total = carry  # I_j / I_(j-1), and the sum from j on over I_(j-1)
        j = (_TERMS - i).astype(z.dtype)
        ratio = kappa / (2 * j + kappa * ratio)
        return ratio, ratio * (el.sin(j * z) / j + total)

    nothing = 0.0 * (z + kappa)
    total = fori_loop(0, _TERMS, term, (nothing, nothing))[1]
    return z / (2 * math.pi) + total / math.pi


def _by_moments(z: Any, kappa: Any) -> Any:
    """F - 1/2, for large κ: Σ c_n ∫ s²ⁿ exp(-2κs²) ds up to sin(z/2), over the same up to ∞."""
    s = el.sin(0.5 * z)
    b, x = 2 * kappa, 2 * kappa * s * s
    area, whole = el.erf(el.sqrt(b) * s), 1.0  # (regularised) incomplete gamma functions of n + ½
    power = 2 / math.sqrt(math.pi) * el.sqrt(b) * s * el.exp(-x)
    weight: Any = 1.0
    part, total = area, weight
    for n in range(1, _MOMENTS):
        area = area - power  # P(n + ½, x) = P(n - ½, x) - xⁿ⁻½ e⁻ˣ / Γ(n + ½)
        power = power * x / (n + 0.5)
        weight = weight * ((2 * n - 1) / (2 * n)) * (n - 0.5) / b
        part, total = part + weight * area, total + weight * whole
    return 0.5 * part / total


def _cdf(z: Any, kappa: Any) -> Any:
    turns = stop_gradient(el.round_even(z / (2 * math.pi)))
    z = z - 2 * math.pi * turns
    wide = kappa < _CONCENTRATED
    middle = where(wide, _by_bessel(z, where(wide, kappa, 1.0)),
                   _by_moments(z, where(wide, _CONCENTRATED, kappa)))  # fmt: skip
    return 0.5 + middle + turns


def _sf(z: Any, kappa: Any) -> Any:
    return _cdf(-z, kappa)


continuous(
    "vonmises",
    globals(),
    Continuous(
        logpdf=_logpdf,
        cdf=_cdf,
        sf=_sf,
        ppf=inverse(_cdf, _logpdf, -math.pi, math.pi),
        isf=inverse(_sf, _logpdf, -math.pi, math.pi, rising=False),
        valid=lambda kappa: kappa >= 0,
    ),
    title="the von Mises distribution of concentration kappa",
    shapes=("kappa",),
    example=(
        "0.5",
        "2.0",
        "-0.906705 0.403853 0.738192 0.261808 -0.303551 -1.340145 -0.409259 0.409259",
    ),
)
