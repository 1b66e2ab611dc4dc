"""Fisher's F distribution."""

from __future__ import annotations

import math
from typing import Any

from bibun.ops import elementwise as el
from bibun.scipy import special
from bibun.scipy.stats._family import Continuous, continuous


def _logpdf(z: Any, dfn: Any, dfd: Any) -> Any:
    half, other = 0.5 * dfn, 0.5 * dfd
    ratio = dfn / dfd
    powers = special.xlogy(half - 1, z) - (half + other) * el.log1p(ratio * z)
    return half * el.log(ratio) + powers - special.betaln(half, other)


continuous(
    "f",
    globals(),
    Continuous(
        logpdf=_logpdf,
        cdf=lambda z, dfn, dfd: special.fdtr(dfn, dfd, z),
        sf=lambda z, dfn, dfd: special.fdtrc(dfn, dfd, z),
        ppf=lambda p, dfn, dfd: special.fdtri(dfn, dfd, p),
        support=(0.0, math.inf),
        valid=lambda dfn, dfd: (dfn > 0) & (dfd > 0),
        finite=True,
    ),
    title="the F distribution with dfn and dfd degrees of freedom",
    shapes=(
        "dfn",
        "dfd",
    ),
    example=(
        "0.5",
        "3.0, 4.0",
        "-0.570929 0.565 0.297802 0.702198 -1.211326 -0.35354 0.503897 1.721495",
    ),
)
