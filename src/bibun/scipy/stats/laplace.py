"""The Laplace distribution."""

from __future__ import annotations

import math
from typing import Any

from bibun.numpy.elementwise import where
from bibun.ops import elementwise as el
from bibun.scipy.stats._family import Continuous, continuous


def _cdf(z: Any) -> Any:
    tail = 0.5 * el.exp(-el.abs(z))
    return where(z < 0, tail, 1 - tail)


def _logcdf(z: Any) -> Any:
    return where(z < 0, z - math.log(2), el.log1p(-0.5 * el.exp(-where(z < 0, 0.0, z))))


def _ppf(p: Any) -> Any:
    low = p < 0.5
    return where(low, el.log(2 * where(low, p, 0.5)), -el.log(2 - 2 * where(low, 0.5, p)))


continuous(
    "laplace",
    globals(),
    Continuous(
        logpdf=lambda z: -el.abs(z) - math.log(2),
        cdf=_cdf,
        sf=lambda z: _cdf(-z),
        logcdf=_logcdf,
        logsf=lambda z: _logcdf(-z),
        ppf=_ppf,
        isf=lambda p: -_ppf(p),
    ),
    title="the Laplace distribution",
    example=(
        "0.5",
        "",
        "-1.193147 0.303265 0.696735 0.303265 -0.361351 -1.193147 -0.510826 0.510826",
    ),
)
