"""The Gumbel distribution of smallest values."""

from __future__ import annotations

from bibun.ops import elementwise as el
from bibun.scipy.stats._family import Continuous, continuous

continuous(
    "gumbel_l",
    globals(),
    Continuous(
        logpdf=lambda z: z - el.exp(z),
        cdf=lambda z: -el.expm1(-el.exp(z)),
        sf=lambda z: el.exp(-el.exp(z)),
        logsf=lambda z: -el.exp(z),
        ppf=lambda p: el.log(-el.log1p(-p)),
        isf=lambda p: el.log(-el.log(p)),
    ),
    title="the left-skewed Gumbel distribution",
    example=(
        "0.5",
        "",
        "-1.148721 0.317042 0.807704 0.192296 -0.213559 -1.648721 -1.03093 0.185627",
    ),
)
