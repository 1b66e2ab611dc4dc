"""The Gumbel distribution of largest values."""

from __future__ import annotations

from bibun.ops import elementwise as el
from bibun.scipy.stats._family import Continuous, continuous

continuous(
    "gumbel_r",
    globals(),
    Continuous(
        logpdf=lambda z: -z - el.exp(-z),
        cdf=lambda z: el.exp(-el.exp(-z)),
        sf=lambda z: -el.expm1(-el.exp(-z)),
        logcdf=lambda z: -el.exp(-z),
        ppf=lambda p: -el.log(-el.log(p)),
        isf=lambda p: -el.log(-el.log1p(-p)),
    ),
    title="the right-skewed Gumbel distribution",
    example=(
        "0.5",
        "",
        "-1.106531 0.330704 0.545239 0.454761 -0.606531 -0.787984 -0.185627 1.03093",
    ),
)
