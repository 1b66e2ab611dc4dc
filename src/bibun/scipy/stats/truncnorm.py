"""The normal distribution cut to [a, b] (in standard units)."""

from __future__ import annotations

import math
from typing import Any

from bibun.numpy.elementwise import where
from bibun.ops import elementwise as el
from bibun.scipy import special
from bibun.scipy.stats._family import Continuous, continuous


def log_mass(a: Any, b: Any) -> Any:
    """log(Φ(b) - Φ(a)) without cancellation: both ends are mirrored to the lower tail."""
    upper = a > 0
    low, high = where(upper, -b, a), where(upper, -a, b)
    tail = high <= 0
    # one tail: Φ(high) (1 - Φ(low)/Φ(high)); both sides of 0: 1 - Φ(low) - Φ(-high)
    top = special.log_ndtr(where(tail, high, 0.0))
    gap = special.log_ndtr(where(tail, low, -1.0)) - top
    same = gap >= 0
    one = top + where(same, -math.inf, el.log(-el.expm1(where(same, -1.0, gap))))
    rest = special.ndtr(where(tail, -1.0, low)) + special.ndtr(-where(tail, 1.0, high))
    empty = rest >= 1
    return where(tail, one, where(empty, -math.inf, el.log1p(-where(empty, 0.0, rest))))


def _share(part: Any, rest: Any, whole: Any) -> Any:
    """log(part/whole), by way of the rest where it is near 0; arguments are logarithms."""
    high = part - whole > -0.7
    near = el.log1p(-el.exp(where(high, rest - whole, -1.0)))
    return where(high, near, part - whole)


def _ppf(p: Any, a: Any, b: Any) -> Any:
    upper = a > 0
    low, high = where(upper, -b, a), where(upper, -a, b)
    p = where(upper, 1 - p, p)
    start, end = special.ndtr(low), special.ndtr(high)
    z = special.ndtri(start + p * (end - start))
    return where(upper, -z, z)


def _inside(a: Any, b: Any) -> Any:
    return where(a > 0, a, where(b < 0, b, 0.0))


continuous(
    "truncnorm",
    globals(),
    Continuous(
        logpdf=lambda z, a, b: -0.5 * z * z - 0.5 * math.log(2 * math.pi) - log_mass(a, b),
        cdf=lambda z, a, b: el.exp(log_mass(a, z) - log_mass(a, b)),
        sf=lambda z, a, b: el.exp(log_mass(z, b) - log_mass(a, b)),
        logcdf=lambda z, a, b: _share(log_mass(a, z), log_mass(z, b), log_mass(a, b)),
        logsf=lambda z, a, b: _share(log_mass(z, b), log_mass(a, z), log_mass(a, b)),
        ppf=_ppf,
        isf=lambda p, a, b: -_ppf(p, -b, -a),
        support=lambda a, b: (a, b),
        valid=lambda a, b: a < b,
        inside=_inside,
    ),
    title="the normal distribution truncated to [a, b]",
    shapes=(
        "a",
        "b",
    ),
    example=(
        "0.5",
        "-1.0, 2.0",
        "-0.843772 0.430085 0.65088 0.34912 -0.429429 -1.052341 -0.242404 0.617876",
    ),
)
