"""The Rayleigh distribution."""

from __future__ import annotations

import math

from bibun.ops import elementwise as el
from bibun.scipy.stats._family import Continuous, continuous

continuous(
    "rayleigh",
    globals(),
    Continuous(
        logpdf=lambda z: el.log(z) - 0.5 * z * z,
        cdf=lambda z: -el.expm1(-0.5 * z * z),
        sf=lambda z: el.exp(-0.5 * z * z),
        logsf=lambda z: -0.5 * z * z,
        ppf=lambda p: el.sqrt(-2 * el.log1p(-p)),
        isf=lambda p: el.sqrt(-2 * el.log(p)),
        support=(0.0, math.inf),
        finite=True,
    ),
    title="the Rayleigh distribution",
    example=("0.5", "", "-0.818147 0.441248 0.117503 0.882497 -2.141291 -0.125 0.8446 1.551756"),
)
