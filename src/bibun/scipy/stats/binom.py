"""The binomial distribution."""

from __future__ import annotations

from typing import Any

from bibun.ops import elementwise as el
from bibun.scipy import special
from bibun.scipy.stats._family import discrete


def _logpmf(k: Any, n: Any, p: Any) -> Any:
    ways = -el.log1p(n) - special.betaln(n - k + 1, k + 1)
    return ways + special.xlogy(k, p) + special.xlog1py(n - k, -p)


discrete(
    "binom",
    globals(),
    logpmf=_logpmf,
    cdf=lambda k, n, p: special.bdtr(k, n, p),
    sf=lambda k, n, p: special.bdtrc(k, n, p),
    support=lambda n, p: (0.0, n),
    valid=lambda n, p: (n >= 0) & (el.floor(n) == n) & (p >= 0) & (p <= 1),
    title="the binomial distribution of n trials with probability p",
    shapes=(
        "n",
        "p",
    ),
    example=(
        "2.0",
        "5.0, 0.3",
        "-1.175385 0.3087 0.83692 0.16308 -0.178027 -1.813514 1.0 2.0",
    ),
)
