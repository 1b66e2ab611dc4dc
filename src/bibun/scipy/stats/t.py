"""Student's t distribution."""

from __future__ import annotations

from bibun.ops import elementwise as el
from bibun.scipy import special
from bibun.scipy.stats._family import Continuous, continuous

continuous(
    "t",
    globals(),
    Continuous(
        logpdf=lambda z, df: (
            -special.betaln(0.5 * df, 0 * df + 0.5)
            - 0.5 * el.log(df)
            - 0.5 * (df + 1) * el.log1p(z * z / df)
        ),
        cdf=lambda z, df: special.stdtr(df, z),
        sf=lambda z, df: special.stdtr(df, -z),
        ppf=lambda p, df: special.stdtrit(df, p),
        isf=lambda p, df: -special.stdtrit(df, p),
        valid=lambda df: df > 0,
    ),
    title="Student's t distribution with df degrees of freedom",
    shapes=("df",),
    example=(
        "0.5",
        "3.0",
        "-1.160974 0.313181 0.674276 0.325724 -0.394116 -1.121705 -0.58439 0.58439",
    ),
)
