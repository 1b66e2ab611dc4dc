"""The von Mises distribution on the circle."""

from __future__ import annotations

import math

from bibun.ops import elementwise as el
from bibun.scipy.stats._family import Continuous, continuous

continuous(
    "vonmises",
    globals(),
    Continuous(
        logpdf=lambda z, kappa: (
            kappa * (el.cos(z) - 1) - el.log(2 * math.pi * el.bessel_i0e(kappa))
        ),
        valid=lambda kappa: kappa >= 0,
    ),
    title="the von Mises distribution of concentration kappa",
    shapes=("kappa",),
    example=("0.5", "2.0", "-0.906705 0.403853"),
)
