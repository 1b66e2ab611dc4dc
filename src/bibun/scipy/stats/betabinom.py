"""The beta-binomial distribution."""

from __future__ import annotations

from typing import Any

from bibun.ops import elementwise as el
from bibun.scipy import special
from bibun.scipy.stats._family import discrete


def _logpmf(k: Any, n: Any, a: Any, b: Any) -> Any:
    ways = -el.log1p(n) - special.betaln(n - k + 1, k + 1)
    return ways + special.betaln(k + a, n - k + b) - special.betaln(a, b)


discrete(
    "betabinom",
    globals(),
    logpmf=_logpmf,
    support=lambda n, a, b: (0.0, n),
    valid=lambda n, a, b: (n >= 0) & (el.floor(n) == n) & (a > 0) & (b > 0),
    title="the binomial distribution of n trials with a Beta(a, b) probability",
    shapes=(
        "n",
        "a",
        "b",
    ),
    example=(
        "2.0",
        "5.0, 2.0, 3.0",
        "-1.435085 0.238095 0.642857 0.357143 -0.441833 -1.029619 1.0 3.0",
    ),
)
