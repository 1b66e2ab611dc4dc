"""The normal distribution."""

from __future__ import annotations

import math

from bibun.scipy import special
from bibun.scipy.stats._family import Continuous, continuous

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


continuous(
    "norm",
    globals(),
    Continuous(
        logpdf=lambda z: -0.5 * z * z - _HALF_LOG_2PI,
        cdf=lambda z: special.ndtr(z),
        sf=lambda z: special.ndtr(-z),
        logcdf=lambda z: special.log_ndtr(z),
        logsf=lambda z: special.log_ndtr(-z),
        ppf=lambda p: special.ndtri(p),
        isf=lambda p: -special.ndtri(p),
    ),
    title="the normal distribution",
    example=(
        "0.5",
        "",
        "-1.043939 0.352065 0.691462 0.308538 -0.368946 -1.175912 -0.524401 0.524401",
    ),
)
