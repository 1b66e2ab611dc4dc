"""The log-uniform (reciprocal) distribution."""

from __future__ import annotations

from bibun.ops import elementwise as el
from bibun.scipy.stats._family import Continuous, continuous

continuous(
    "loguniform",
    globals(),
    Continuous(
        logpdf=lambda z, a, b: -el.log(z) - el.log(el.log(b / a)),
        cdf=lambda z, a, b: el.log(z / a) / el.log(b / a),
        sf=lambda z, a, b: el.log(b / z) / el.log(b / a),
        ppf=lambda p, a, b: a * el.exp(p * el.log(b / a)),
        isf=lambda p, a, b: b * el.exp(-p * el.log(b / a)),
        support=lambda a, b: (a, b),
        valid=lambda a, b: (a > 0) & (b > a),
        inside=lambda a, b: a,
    ),
    title="the log-uniform distribution on [a, b]",
    shapes=(
        "a",
        "b",
    ),
    example=(
        "0.5",
        "0.2, 3.0",
        "-0.303082 0.738539 0.338358 0.661642 -1.08365 -0.413031 0.450669 1.331355",
    ),
)
