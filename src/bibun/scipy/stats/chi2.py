"""The chi-squared distribution."""

from __future__ import annotations

import math

from bibun.ops import elementwise as el
from bibun.scipy import special
from bibun.scipy.stats._family import Continuous, continuous

continuous(
    "chi2",
    globals(),
    Continuous(
        logpdf=lambda z, df: (
            special.xlogy(0.5 * df - 1, z) - 0.5 * z - el.lgamma(0.5 * df) - 0.5 * df * math.log(2)
        ),
        cdf=lambda z, df: el.igamma(0.5 * df, 0.5 * z),
        sf=lambda z, df: el.igammac(0.5 * df, 0.5 * z),
        ppf=lambda p, df: 2 * special.gammaincinv(0.5 * df, p),
        isf=lambda p, df: 2 * special.gammainccinv(0.5 * df, p),
        support=(0.0, math.inf),
        valid=lambda df: df > 0,
    ),
    title="the chi-squared distribution with df degrees of freedom",
    shapes=("df",),
    example=(
        "0.5",
        "3.0",
        "-1.515512 0.219696 0.081109 0.918891 -2.511966 -0.084587 1.423652 3.664871",
    ),
)
