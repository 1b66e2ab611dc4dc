"""The Pareto distribution."""

from __future__ import annotations

import math

from bibun.ops import elementwise as el
from bibun.scipy.stats._family import Continuous, continuous

continuous(
    "pareto",
    globals(),
    Continuous(
        logpdf=lambda z, b: el.log(b) - (b + 1) * el.log(z),
        cdf=lambda z, b: -el.expm1(-b * el.log(z)),
        sf=lambda z, b: el.exp(-b * el.log(z)),
        logsf=lambda z, b: -b * el.log(z),
        ppf=lambda p, b: el.exp(-el.log1p(-p) / b),
        isf=lambda p, b: el.exp(-el.log(p) / b),
        support=(1.0, math.inf),
        valid=lambda b: b > 0,
        inside=2.0,
    ),
    title="the Pareto distribution of exponent b",
    shapes=("b",),
    example=(
        "1.5",
        "2.0",
        "-0.523248 0.592593 0.555556 0.444444 -0.587787 -0.81093 1.195229 1.825742",
    ),
)
