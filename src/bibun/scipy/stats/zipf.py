"""The zeta (Zipf) distribution."""

from __future__ import annotations

import math

from bibun.ops import elementwise as el
from bibun.scipy import special
from bibun.scipy.stats._family import discrete

discrete(
    "zipf",
    globals(),
    logpmf=lambda k, a: -a * el.log(k) - el.log(special.zeta(a)),
    cdf=lambda k, a: 1 - special.zeta(a, k + 1) / special.zeta(a, 1.0),
    sf=lambda k, a: special.zeta(a, k + 1) / special.zeta(a, 1.0),
    support=lambda a: (1.0, math.inf),
    valid=lambda a: a > 1,
    title="the Zipf distribution of exponent a",
    shapes=("a",),
    example=(
        "2.0",
        "2.5",
        "-2.026647 0.131777 0.877218 0.122782 -0.131 -2.097344 1.0 1.0",
    ),
)
