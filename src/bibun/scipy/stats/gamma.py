"""The gamma distribution."""

from __future__ import annotations

import math

from bibun.ops import elementwise as el
from bibun.scipy import special
from bibun.scipy.stats._family import Continuous, continuous

continuous(
    "gamma",
    globals(),
    Continuous(
        logpdf=lambda z, a: special.xlogy(a - 1, z) - z - el.lgamma(a),
        cdf=lambda z, a: el.igamma(a, z),
        sf=lambda z, a: el.igammac(a, z),
        ppf=lambda p, a: special.gammaincinv(a, p),
        isf=lambda p, a: special.gammainccinv(a, p),
        support=(0.0, math.inf),
        valid=lambda a: a > 0,
    ),
    title="the gamma distribution of shape a",
    shapes=("a",),
    example=(
        "0.5",
        "2.0",
        "-1.193147 0.303265 0.090204 0.909796 -2.405681 -0.094535 1.097349 2.439216",
    ),
)
