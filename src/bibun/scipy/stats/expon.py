"""The exponential distribution."""

from __future__ import annotations

import math

from bibun.ops import elementwise as el
from bibun.scipy.stats._family import Continuous, continuous

continuous(
    "expon",
    globals(),
    Continuous(
        logpdf=lambda z: -z,
        cdf=lambda z: -el.expm1(-z),
        sf=lambda z: el.exp(-z),
        logsf=lambda z: -z,
        ppf=lambda p: -el.log1p(-p),
        isf=lambda p: -el.log(p),
        support=(0.0, math.inf),
    ),
    title="the exponential distribution",
    example=("0.5", "", "-0.5 0.606531 0.393469 0.606531 -0.932752 -0.5 0.356675 1.203973"),
)
