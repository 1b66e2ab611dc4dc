"""The logistic distribution."""

from __future__ import annotations

from bibun.ops import elementwise as el
from bibun.scipy import special
from bibun.scipy.stats._family import Continuous, continuous

continuous(
    "logistic",
    globals(),
    Continuous(
        logpdf=lambda z: special.log_expit(z) + special.log_expit(-z),
        cdf=lambda z: el.logistic(z),
        sf=lambda z: el.logistic(-z),
        logcdf=lambda z: special.log_expit(z),
        logsf=lambda z: special.log_expit(-z),
        ppf=lambda p: special.logit(p),
        isf=lambda p: -special.logit(p),
    ),
    title="the logistic distribution",
    example=(
        "0.5",
        "",
        "-1.448154 0.235004 0.622459 0.377541 -0.474077 -0.974077 -0.847298 0.847298",
    ),
)
