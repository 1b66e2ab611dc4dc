"""The geometric distribution: trials up to the first success."""

from __future__ import annotations

import math

from bibun.ops import elementwise as el
from bibun.scipy import special
from bibun.scipy.stats._family import discrete

discrete(
    "geom",
    globals(),
    logpmf=lambda k, p: special.xlog1py(k - 1, -p) + el.log(p),
    cdf=lambda k, p: -el.expm1(k * el.log1p(-p)),
    sf=lambda k, p: el.exp(k * el.log1p(-p)),
    support=lambda p: (1.0, math.inf),
    valid=lambda p: (p > 0) & (p <= 1),
    title="the geometric distribution of probability p",
    shapes=("p",),
    example=(
        "2.0",
        "0.3",
        "-1.560648 0.21 0.51 0.49 -0.673345 -0.71335 1.0 4.0",
    ),
)
