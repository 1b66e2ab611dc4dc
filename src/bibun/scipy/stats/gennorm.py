"""The generalised normal distribution."""

from __future__ import annotations

from typing import Any

from bibun.numpy.elementwise import where
from bibun.ops import elementwise as el
from bibun.scipy import special
from bibun.scipy.stats._family import Continuous, continuous


def _cdf(z: Any, beta: Any) -> Any:
    tail = 0.5 * el.igammac(1 / beta, el.pow(el.abs(z), beta))
    return where(z < 0, tail, 1 - tail)


def _ppf(p: Any, beta: Any) -> Any:
    low = p < 0.5
    size = el.pow(special.gammainccinv(1 / beta, 2 * where(low, p, 1 - p)), 1 / beta)
    return where(low, -size, size)


continuous(
    "gennorm",
    globals(),
    Continuous(
        logpdf=lambda z, beta: el.log(0.5 * beta) - el.lgamma(1 / beta) - el.pow(el.abs(z), beta),
        cdf=_cdf,
        sf=lambda z, beta: _cdf(-z, beta),
        ppf=_ppf,
        isf=lambda p, beta: -_ppf(p, beta),
        valid=lambda beta: beta > 0,
    ),
    title="the generalised normal distribution of exponent beta",
    shapes=("beta",),
    example=(
        "0.5",
        "1.5",
        "-0.944386 0.388918 0.741749 0.258251 -0.298744 -1.353825 -0.39815 0.39815",
    ),
)
