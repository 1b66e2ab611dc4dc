"""The hypergeometric distribution."""

from __future__ import annotations

from typing import Any

from bibun.numpy.elementwise import maximum, minimum
from bibun.ops import elementwise as el
from bibun.scipy import special
from bibun.scipy.stats._family import discrete


def _choose(n: Any, k: Any) -> Any:
    """log of the binomial coefficient."""
    return -el.log1p(n) - special.betaln(n - k + 1, k + 1)


def _logpmf(k: Any, M: Any, n: Any, N: Any) -> Any:
    return _choose(n, k) + _choose(M - n, N - k) - _choose(M, N)


discrete(
    "hypergeom",
    globals(),
    logpmf=_logpmf,
    support=lambda M, n, N: (maximum(0.0, N - M + n), minimum(n, N)),
    valid=lambda M, n, N: (M > 0) & (n >= 0) & (N >= 0) & (n <= M) & (N <= M),
    title="the number of marked among N drawn from M objects of which n are marked",
    shapes=(
        "M",
        "n",
        "N",
    ),
    example=(
        "4.0",
        "20.0, 7.0, 12.0",
        "-1.028382 0.357585 0.608359 0.391641 -0.49699 -0.93741 4.0 5.0",
    ),
)
