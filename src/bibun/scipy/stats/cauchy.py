"""The Cauchy distribution."""

from __future__ import annotations

import math
from typing import Any

from bibun.numpy.elementwise import where
from bibun.ops import elementwise as el
from bibun.scipy.stats._family import Continuous, continuous


def _ppf(p: Any) -> Any:
    low, high = p < 0.25, p > 0.75
    tail = -1 / el.tan(math.pi * where(low, p, where(high, 1 - p, 0.25)))
    middle = el.tan(math.pi * (where(low | high, 0.5, p) - 0.5))
    return where(low, tail, where(high, -tail, middle))


continuous(
    "cauchy",
    globals(),
    Continuous(
        logpdf=lambda z: -math.log(math.pi) - el.log1p(z * z),
        cdf=lambda z: el.atan2(1.0, -z) / math.pi,
        sf=lambda z: el.atan2(1.0, z) / math.pi,
        ppf=_ppf,
        isf=lambda p: -_ppf(p),
    ),
    title="the Cauchy distribution",
    example=(
        "0.5",
        "",
        "-1.367873 0.254648 0.647584 0.352416 -0.434507 -1.042942 -0.726543 0.726543",
    ),
)
