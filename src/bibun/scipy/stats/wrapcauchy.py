"""The Cauchy distribution wrapped around the circle."""

from __future__ import annotations

import math

from bibun.ops import elementwise as el
from bibun.scipy.stats._family import Continuous, continuous

continuous(
    "wrapcauchy",
    globals(),
    Continuous(
        logpdf=lambda z, c: el.log((1 - c * c) / (2 * math.pi * (1 + c * c - 2 * c * el.cos(z)))),
        support=(0.0, 2 * math.pi),
        valid=lambda c: (c > 0) & (c < 1),
    ),
    title="the wrapped Cauchy distribution",
    shapes=("c",),
    example=("0.5", "0.4", "-1.2312 0.291942"),
)
