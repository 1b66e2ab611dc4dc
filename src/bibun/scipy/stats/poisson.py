"""The Poisson distribution."""

from __future__ import annotations

import math

from bibun.ops import elementwise as el
from bibun.scipy import special
from bibun.scipy.stats._family import discrete

discrete(
    "poisson",
    globals(),
    logpmf=lambda k, mu: special.xlogy(k, mu) - mu - el.lgamma(k + 1),
    cdf=lambda k, mu: special.pdtr(k, mu),
    sf=lambda k, mu: special.pdtrc(k, mu),
    support=lambda mu: (0.0, math.inf),
    valid=lambda mu: mu >= 0,
    title="the Poisson distribution of mean mu",
    shapes=("mu",),
    example=(
        "2.0",
        "3.0",
        "-1.495923 0.224042 0.42319 0.57681 -0.859934 -0.550242 2.0 4.0",
    ),
)
