"""The skew normal distribution."""

from __future__ import annotations

import math

from bibun.scipy import special
from bibun.scipy.stats._family import Continuous, continuous

continuous(
    "skewnorm",
    globals(),
    Continuous(
        logpdf=lambda z, a: (
            math.log(2) - 0.5 * z * z - 0.5 * math.log(2 * math.pi) + special.log_ndtr(a * z)
        ),
    ),
    title="the skew normal distribution of skewness parameter a",
    shapes=("a",),
    example=("0.5", "2.0", "-0.523545 0.592417"),
)
