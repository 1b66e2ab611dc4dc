"""The Weibull distribution of smallest values."""

from __future__ import annotations

import math

from bibun.ops import elementwise as el
from bibun.scipy import special
from bibun.scipy.stats._family import Continuous, continuous

continuous(
    "weibull_min",
    globals(),
    Continuous(
        logpdf=lambda z, c: el.log(c) + special.xlogy(c - 1, z) - el.pow(z, c),
        cdf=lambda z, c: -el.expm1(-el.pow(z, c)),
        sf=lambda z, c: el.exp(-el.pow(z, c)),
        logsf=lambda z, c: -el.pow(z, c),
        ppf=lambda p, c: el.pow(-el.log1p(-p), 1 / c),
        isf=lambda p, c: el.pow(-el.log(p), 1 / c),
        support=(0.0, math.inf),
        valid=lambda c: c > 0,
    ),
    title="the Weibull distribution of shape c",
    shapes=("c",),
    example=(
        "0.5",
        "1.5",
        "-0.294662 0.744783 0.297811 0.702189 -1.211295 -0.353553 0.502939 1.131734",
    ),
)
