"""The triangular distribution."""

from __future__ import annotations

from typing import Any

from bibun.numpy.elementwise import where
from bibun.ops import elementwise as el
from bibun.scipy.stats._family import Continuous, continuous


def _logpdf(z: Any, c: Any) -> Any:
    rising = z < c
    up = 2 * z / where(rising, c, 1.0)
    down = 2 * (1 - z) / where(rising | (c == 1), 1.0, 1 - c)
    return el.log(where(rising, up, where(c == 1, 2 * z, down)))


def _cdf(z: Any, c: Any) -> Any:
    rising = z < c
    up = z * z / where(rising, c, 1.0)
    down = (z * (2 - z) - c) / where(rising | (c == 1), 1.0, 1 - c)
    return where(rising, up, where(c == 1, z * z, down))


def _ppf(p: Any, c: Any) -> Any:
    rising = p < c
    up = el.sqrt(where(rising, c * p, 1.0))
    down = 1 - el.sqrt(where(rising | (p == 1), 1.0, (1 - c) * (1 - p)))
    return where(rising, up, where(p == 1, 1.0, down))


continuous(
    "triang",
    globals(),
    Continuous(
        logpdf=_logpdf,
        cdf=_cdf,
        sf=lambda z, c: _cdf(1 - z, 1 - c),
        ppf=_ppf,
        isf=lambda p, c: 1 - _ppf(p, 1 - c),
        support=(0.0, 1.0),
        valid=lambda c: (c >= 0) & (c <= 1),
        inside=0.5,
    ),
    title="the triangular distribution on [0, 1] with its mode at c",
    shapes=("c",),
    example=("0.5", "0.3", "0.356675 1.428571 0.642857 0.357143 -0.441833 -1.029619 0.3 0.541742"),
)
