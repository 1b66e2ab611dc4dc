"""The log-normal distribution."""

from __future__ import annotations

import math
from typing import Any

from bibun.numpy.elementwise import where
from bibun.ops import elementwise as el
from bibun.scipy import special
from bibun.scipy.stats._family import Continuous, continuous


def _log(z: Any) -> Any:
    return where(z == 0, -math.inf, el.log(where(z == 0, 1.0, z)))


def _logpdf(z: Any, s: Any) -> Any:
    origin = z == 0
    log = el.log(where(origin, 1.0, z))
    size = el.log(s) + 0.5 * math.log(2 * math.pi)
    return where(origin, -math.inf, -0.5 * (log / s) * (log / s) - log - size)


continuous(
    "lognorm",
    globals(),
    Continuous(
        logpdf=_logpdf,
        cdf=lambda z, s: special.ndtr(_log(z) / s),
        sf=lambda z, s: special.ndtr(-_log(z) / s),
        logcdf=lambda z, s: special.log_ndtr(_log(z) / s),
        logsf=lambda z, s: special.log_ndtr(-_log(z) / s),
        ppf=lambda p, s: el.exp(s * special.ndtri(p)),
        isf=lambda p, s: el.exp(-s * special.ndtri(p)),
        support=(0.0, math.inf),
        valid=lambda s: s > 0,
    ),
    title="the log-normal distribution, s the deviation of the logarithm",
    shapes=("s",),
    example=(
        "0.5",
        "0.7",
        "-0.359375 0.698113 0.161036 0.838964 -1.826129 -0.175587 0.692754 1.443514",
    ),
)
