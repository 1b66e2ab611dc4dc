"""The Cauchy distribution folded at 0."""

from __future__ import annotations

import math

from bibun.ops import elementwise as el
from bibun.scipy.stats._family import Continuous, continuous

continuous(
    "halfcauchy",
    globals(),
    Continuous(
        logpdf=lambda z: math.log(2 / math.pi) - el.log1p(z * z),
        cdf=lambda z: el.atan(z) * (2 / math.pi),
        sf=lambda z: el.atan2(1.0, z) * (2 / math.pi),
        ppf=lambda p: el.tan(0.5 * math.pi * p),
        isf=lambda p: 1 / el.tan(0.5 * math.pi * p),
        support=(0.0, math.inf),
    ),
    title="the half-Cauchy distribution",
    example=(
        "0.5",
        "",
        "-0.674726 0.509296 0.295167 0.704833 -1.220213 -0.349795 0.509525 1.962611",
    ),
)
