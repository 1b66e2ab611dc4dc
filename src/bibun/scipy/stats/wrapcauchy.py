"""The Cauchy distribution wrapped around the circle."""

from __future__ import annotations

import math
from typing import Any

from bibun.numpy.elementwise import where
from bibun.ops import elementwise as el
from bibun.scipy.stats._family import Continuous, continuous


def _half(z: Any, c: Any) -> Any:
    """The probability of [0, z] for z <= π."""
    return el.atan((1 + c) / (1 - c) * el.tan(0.5 * z)) / math.pi


def _cdf(z: Any, c: Any) -> Any:
    near = z < math.pi
    y = _half(where(near, z, 2 * math.pi - z), c)
    return where(near, y, 1 - y)


def _ppf(p: Any, c: Any) -> Any:
    near = p < 0.5
    z = 2 * el.atan((1 - c) / (1 + c) * el.tan(math.pi * where(near, p, 1 - p)))
    return where(near, z, 2 * math.pi - z)


continuous(
    "wrapcauchy",
    globals(),
    Continuous(
        logpdf=lambda z, c: el.log((1 - c * c) / (2 * math.pi * (1 + c * c - 2 * c * el.cos(z)))),
        cdf=_cdf,
        sf=lambda z, c: _cdf(2 * math.pi - z, c),
        ppf=_ppf,
        isf=lambda p, c: 2 * math.pi - _ppf(p, c),
        support=(0.0, 2 * math.pi),
        valid=lambda c: (c > 0) & (c < 1),
    ),
    title="the wrapped Cauchy distribution",
    shapes=("c",),
    example=(
        "0.5",
        "0.4",
        "-1.2312 0.291942 0.171036 0.828964 -1.765884 -0.187578 1.065887 5.217298",
    ),
)
