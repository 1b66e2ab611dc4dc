"""The negative binomial distribution: failures before the n-th success."""

from __future__ import annotations

import math
from typing import Any

from bibun.ops import elementwise as el
from bibun.scipy import special
from bibun.scipy.stats._family import discrete


def _logpmf(k: Any, n: Any, p: Any) -> Any:
    ways = -special.betaln(n, k + 1) - el.log(n + k)
    return ways + n * el.log(p) + special.xlog1py(k, -p)


discrete(
    "nbinom",
    globals(),
    logpmf=_logpmf,
    cdf=lambda k, n, p: special.nbdtr(k, n, p),
    sf=lambda k, n, p: special.nbdtrc(k, n, p),
    support=lambda n, p: (0.0, math.inf),
    valid=lambda n, p: (n > 0) & (p > 0) & (p <= 1),
    title="the negative binomial distribution of n successes of probability p",
    shapes=(
        "n",
        "p",
    ),
    example=(
        "2.0",
        "3.0, 0.4",
        "-1.978764 0.13824 0.31744 0.68256 -1.147466 -0.381905 2.0 6.0",
    ),
)
