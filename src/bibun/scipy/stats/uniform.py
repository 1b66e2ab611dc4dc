"""The uniform distribution on [loc, loc + scale]."""

from __future__ import annotations

from bibun.scipy.stats._family import Continuous, continuous

continuous(
    "uniform",
    globals(),
    Continuous(
        logpdf=lambda z: 0 * z,
        cdf=lambda z: z,
        sf=lambda z: 1 - z,
        ppf=lambda p: p,
        isf=lambda p: 1 - p,
        support=(0.0, 1.0),
        inside=0.5,
    ),
    title="the uniform distribution",
    example=("0.5", "", "0.0 1.0 0.5 0.5 -0.693147 -0.693147 0.3 0.7"),
)
