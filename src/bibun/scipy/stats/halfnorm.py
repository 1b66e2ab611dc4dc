"""The normal distribution folded at 0."""

from __future__ import annotations

import math

from bibun.ops import elementwise as el
from bibun.scipy import special
from bibun.scipy.stats._family import Continuous, continuous

continuous(
    "halfnorm",
    globals(),
    Continuous(
        logpdf=lambda z: 0.5 * math.log(2 / math.pi) - 0.5 * z * z,
        cdf=lambda z: el.erf(z * math.sqrt(0.5)),
        sf=lambda z: el.erfc(z * math.sqrt(0.5)),
        logsf=lambda z: math.log(2) + special.log_ndtr(-z),
        ppf=lambda p: math.sqrt(2) * el.erf_inv(p),
        isf=lambda p: -special.ndtri(0.5 * p),
        support=(0.0, math.inf),
    ),
    title="the half-normal distribution",
    example=(
        "0.5",
        "",
        "-0.350791 0.704131 0.382925 0.617075 -0.959916 -0.482765 0.38532 1.036433",
    ),
)
