"""The beta distribution."""

from __future__ import annotations

from bibun.numpy.elementwise import where
from bibun.ops import elementwise as el
from bibun.scipy import special
from bibun.scipy.stats._family import Continuous, continuous

continuous(
    "beta",
    globals(),
    Continuous(
        logpdf=lambda z, a, b: (
            special.xlogy(a - 1, z) + special.xlog1py(b - 1, -z) - special.betaln(a, b)
        ),
        cdf=lambda z, a, b: el.betainc(a, b, z),
        sf=lambda z, a, b: el.betainc(b, a, 1 - z),
        ppf=lambda p, a, b: special.betaincinv(a, b, p),
        isf=lambda p, a, b: where(
            p < 0.5, 1 - special.betaincinv(b, a, p), special.betaincinv(a, b, 1 - p)
        ),
        support=(0.0, 1.0),
        valid=lambda a, b: (a > 0) & (b > 0),
        inside=0.5,
    ),
    title="the beta distribution",
    shapes=(
        "a",
        "b",
    ),
    example=("0.5", "2.0, 3.0", "0.405465 1.5 0.6875 0.3125 -0.374693 -1.163151 0.272384 0.508405"),
)
