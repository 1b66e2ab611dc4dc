"""The inverse Gaussian distribution."""

from __future__ import annotations

import math
from typing import Any

from bibun.numpy.elementwise import where
from bibun.numpy.formulas import logaddexp
from bibun.ops import elementwise as el
from bibun.scipy import special
from bibun.scipy.stats._family import Continuous, continuous
from bibun.scipy.stats._inverse import inverse


def _logpdf(z: Any, mu: Any) -> Any:
    origin = z == 0
    x = where(origin, 1.0, z)
    gap = (x - mu) / mu
    y = -0.5 * math.log(2 * math.pi) - 1.5 * el.log(x) - 0.5 * gap * gap / x
    return where(origin, -math.inf, y)


def _parts(z: Any, mu: Any) -> tuple[Any, Any, Any]:
    """sqrt(1/z) (z/mu - 1), and the logarithm of the reflected term."""
    origin = z == 0
    x = where(origin, 1.0, z)
    root = 1 / el.sqrt(x)
    return root * (x / mu - 1), 2 / mu + special.log_ndtr(-root * (x / mu + 1)), origin


def _cdf(z: Any, mu: Any) -> Any:
    a, reflected, origin = _parts(z, mu)
    return where(origin, 0.0, special.ndtr(a) + el.exp(reflected))


def _logcdf(z: Any, mu: Any) -> Any:
    a, reflected, origin = _parts(z, mu)
    low = a < 0
    y = logaddexp(special.log_ndtr(where(low, a, -1.0)), reflected)
    high = el.log1p(-_sf(where(low, 1.0, z), mu))
    return where(origin, -math.inf, where(low, y, high))


def _sf(z: Any, mu: Any) -> Any:
    a, reflected, origin = _parts(z, mu)
    return where(origin, 1.0, special.ndtr(-a) - el.exp(reflected))


continuous(
    "invgauss",
    globals(),
    Continuous(
        logpdf=_logpdf,
        cdf=_cdf,
        sf=_sf,
        logcdf=_logcdf,
        ppf=inverse(_cdf, _logpdf, 0.0, math.inf),
        isf=inverse(_sf, _logpdf, 0.0, math.inf, rising=False),
        support=(0.0, math.inf),
        valid=lambda mu: mu > 0,
        finite=True,
    ),
    title="the inverse Gaussian distribution of mean mu (for scale 1)",
    shapes=("mu",),
    example=(
        "0.5",
        "1.5",
        "-0.323662 0.723495 0.28546 0.71454 -1.253655 -0.336116 0.520351 1.52627",
    ),
)
