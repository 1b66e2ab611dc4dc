"""The Cauchy distribution."""

from __future__ import annotations

import math

from bibun.ops import elementwise as el
from bibun.scipy.stats._family import Continuous, continuous

continuous(
    "cauchy",
    globals(),
    Continuous(
        logpdf=lambda z: -math.log(math.pi) - el.log1p(z * z),
        cdf=lambda z: el.atan2(1.0, -z) / math.pi,
        sf=lambda z: el.atan2(1.0, z) / math.pi,
        ppf=lambda p: el.tan(math.pi * (p - 0.5)),
        isf=lambda p: -el.tan(math.pi * (p - 0.5)),
    ),
    title="the Cauchy distribution",
    example=(
        "0.5",
        "",
        "-1.367873 0.254648 0.647584 0.352416 -0.434507 -1.042942 -0.726543 0.726543",
    ),
)
