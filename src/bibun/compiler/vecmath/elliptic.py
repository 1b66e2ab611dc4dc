"""Complete elliptic integrals K(m) and E(m).

Chebyshev series up to m = 1/2; from there on in s = 1 - m, with the logarithm split off:
K(1 - s) = P(s) - log(s) K(s)/π, E(1 - s) = Q(s) - log(s) (K(s) - E(s))/π, P and Q regular at 0
(DLMF 19.12; the coefficients are our own, `special_fit.py`). Negative m go to m/(m - 1)
(DLMF 19.7.2).
"""

from __future__ import annotations

import math

from bibun.compiler.vecmath.num import Num, call, clenshaw, isnan, parts, rare, sqrt, where
from bibun.compiler.vecmath.special_coefficients import CHEBYSHEV

INF, NAN = float("inf"), float("nan")


def _complete(m: Num) -> tuple[Num, Num]:
    whole_k, whole_e, gap, rest_k, rest_e = CHEBYSHEV["elliptic"]
    negative = m < 0.0
    inside = (m <= 1.0) & (m > -INF)
    span = where(inside, 1.0 - m, 1.0)
    left = where(negative, 1.0 / span, span)  # 1 - m, of the m in [0, 1]
    m_ = where(negative & inside, m / (m - 1.0), where(inside, m, 0.0))
    upper = m_ > 0.5
    s = where(upper, left, m_)
    k, e = clenshaw(s, whole_k), clenshaw(s, whole_e)

    def near_one() -> tuple[Num, Num]:
        safe = where(s > 0.0, s, 1.0)
        log = call("log", safe) * (1 / math.pi)
        return (
            where(s > 0.0, clenshaw(s, rest_k) - log * k, INF),
            clenshaw(s, rest_e) - log * (s * clenshaw(s, gap)),
        )

    k, e = rare(upper, near_one, (k, e))
    root = sqrt(span)
    k, e = where(negative, k / root, k), where(negative, e * root, e)
    k, e = where(m == -INF, 0.0, k), where(m == -INF, INF, e)
    outside = isnan(m) | (m > 1.0)
    return where(outside, NAN, k), where(outside, NAN, e)


elliptic_k, elliptic_e = parts("elliptic_k elliptic_e", _complete, widen=True)
