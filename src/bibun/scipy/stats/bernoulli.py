"""The Bernoulli distribution."""

from __future__ import annotations

from bibun.scipy import special
from bibun.scipy.stats._family import discrete

discrete(
    "bernoulli",
    globals(),
    logpmf=lambda k, p: special.xlogy(k, p) + special.xlog1py(1 - k, -p),
    cdf=lambda k, p: 1 - p,
    sf=lambda k, p: p,
    support=lambda p: (0.0, 1.0),
    valid=lambda p: (p >= 0) & (p <= 1),
    title="the Bernoulli distribution, p the probability of 1",
    shapes=("p",),
    example=(
        "0.0",
        "0.3",
        "-0.356675 0.7 0.7 0.3 -0.356675 -1.203973 0.0 0.0",
    ),
)
