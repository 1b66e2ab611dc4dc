"""The inverse gamma distribution: of 1/x, where x is Gamma(a)."""

from __future__ import annotations

import math
from typing import Any

from bibun.numpy.elementwise import where
from bibun.ops import elementwise as el
from bibun.scipy import special
from bibun.scipy.stats._family import Continuous, continuous


def _logpdf(z: Any, a: Any) -> Any:
    origin = z == 0
    x = where(origin, 1.0, z)
    return where(origin, -math.inf, -(a + 1) * el.log(x) - el.lgamma(a) - 1 / x)


def _cdf(z: Any, a: Any) -> Any:
    origin = z == 0
    return where(origin, 0.0, el.igammac(a, 1 / where(origin, 1.0, z)))


def _sf(z: Any, a: Any) -> Any:
    origin = z == 0
    return where(origin, 1.0, el.igamma(a, 1 / where(origin, 1.0, z)))


continuous(
    "invgamma",
    globals(),
    Continuous(
        logpdf=_logpdf,
        cdf=_cdf,
        sf=_sf,
        ppf=lambda p, a: 1 / special.gammainccinv(a, p),
        isf=lambda p, a: 1 / special.gammaincinv(a, p),
        support=(0.0, math.inf),
        valid=lambda a: a > 0,
    ),
    title="the inverse gamma distribution of shape a",
    shapes=("a",),
    example=(
        "0.5",
        "2.0",
        "0.079442 1.082682 0.406006 0.593994 -0.901388 -0.520886 0.409968 0.911287",
    ),
)
