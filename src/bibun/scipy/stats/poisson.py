"""The Poisson distribution."""

from __future__ import annotations

import math
from typing import Any

from bibun.array import Value
from bibun.numpy.elementwise import where
from bibun.ops import elementwise as el
from bibun.ops.stop_gradient import stop_gradient
from bibun.scipy import special
from bibun.scipy.stats._discrete import summed
from bibun.scipy.stats._family import discrete, floats


def _logpmf(k: Any, mu: Any) -> Any:
    return special.xlogy(k, mu) - mu - el.lgamma(k + 1)


# from here on the asymptotic series is right to the last digits
_LARGE = 1000.0


def _by_sum(mu: Any) -> Any:
    """E[-log p(K)], with K as far as it goes."""
    last = el.ceil(stop_gradient(mu + 12 * el.sqrt(mu) + 30))

    def part(k: Any, mu: Any) -> Any:
        log_p = _logpmf(k, mu)
        possible = log_p > -math.inf
        return where(possible, -el.exp(log_p) * where(possible, log_p, 0.0), 0.0)

    return summed(part, mu * 0.0, last, last, (mu,), False)


def _by_series(mu: Any) -> Any:
    r = 1 / mu
    tail = r * (1 / 12 + r * (1 / 24 + r * (19 / 360 + r * (9 / 80))))
    return 0.5 * el.log(2 * math.pi * math.e * mu) - tail


def entropy(mu: Any, loc: Any = 0) -> Value:
    """Entropy of the Poisson distribution, in nats; `loc` moves it and does not change it.

    Source: R. J. Evans, J. Boersma, N. M. Blachman, A. A. Jagers, SIAM Review 30 (1988), 314.

    >>> from bibun.scipy.stats import poisson
    >>> round(float(poisson.entropy(3.0)), 6)
    1.93147
    """
    mu, loc = floats("poisson.entropy", mu, loc)
    large = mu > _LARGE
    good = (mu >= 0) & (loc == loc)
    moderate = where(good & ~large, mu, 1.0)
    y = where(large, _by_series(where(large, mu, _LARGE)), _by_sum(moderate))
    return where(good, y, math.nan)


discrete(
    "poisson",
    globals(),
    logpmf=_logpmf,
    cdf=lambda k, mu: special.pdtr(k, mu),
    sf=lambda k, mu: special.pdtrc(k, mu),
    support=lambda mu: (0.0, math.inf),
    valid=lambda mu: mu >= 0,
    title="the Poisson distribution of mean mu",
    shapes=("mu",),
    example=(
        "2.0",
        "3.0",
        "-1.495923 0.224042 0.42319 0.57681 -0.859934 -0.550242 2.0 4.0",
    ),
)
__all__ = [*__all__, "entropy"]  # noqa: F821, PLE0604
