"""Hurwitz's zeta function, polygamma functions of any order, and trigamma by itself.

ζ(s, q) = Σ (q + k)^-s: ten terms, the rest by Euler and Maclaurin at q + 10 (DLMF 25.11.5);
the terms fall faster than the series of corrections grows, whatever s is. Negative q, which
have meaning for whole s only, are split at zero into sums over positive ones,

    ζ(s, q) = ζ(s, q + n) + (-1)^s [ζ(s, 1 - q - n) - ζ(s, 1 - q)],   n = ceil(-q).

ψ^(m)(x) = (-1)^(m+1) m! ζ(m + 1, x). trigamma, the slope of every gradient through digamma,
takes no powers: its asymptotic series from 10 on, below that the terms 1/(x + k)² as one
fraction; negative arguments are reflected.
"""

from __future__ import annotations

import math
from typing import Any

from bibun.compiler.vecmath.coefficients import PI
from bibun.compiler.vecmath.num import (
    Num,
    call,
    float64,
    floor,
    fma,
    int64,
    isnan,
    kernel,
    poly,
    rare,
    repeat,
    rint,
    table,
    where,
    widened,
)
from bibun.compiler.vecmath.trig import cody_waite, wave

INF, NAN = float("inf"), float("nan")
TERMS = 10
# B_2k, and B_2k/(2k)!
BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798,
    -174611 / 330, 854513 / 138, -236364091 / 2730,
)  # fmt: skip
RATIOS = [b / math.factorial(2 * k + 2) for k, b in enumerate(BERNOULLI)]
FACTORIALS = tuple(float(math.factorial(k)) for k in range(171)) + (INF,)


def _tail(s: Num, w: Num) -> Num:
    """Σ_{k>=0} (w + k)^-s for w >= 10 or so, over w^(1-s), which does not underflow before it."""
    inverse = 1.0 / w
    square = inverse * inverse
    # Σ ratio_k s (s+1) … (s+2k) w^{-2k-1}: nested, so that no power overflows
    total: Any = 0.0
    for k in range(len(RATIOS) - 1, -1, -1):
        rising = s if k == 0 else (s + (2.0 * k - 1.0)) * (s + 2.0 * k) * square
        total = rising * (total + RATIOS[k])
    return 1.0 / (s - 1.0) + (0.5 + total * inverse) * inverse


@widened
@kernel
def hurwitz(s: Num, q: Num) -> Num:
    """ζ(s, q) for s > 1 and q > 0."""

    def step(k: Num, total: Num) -> tuple[Any, Num]:
        n = k.to(float64)
        return (total + call("pow", q + n, -s),), (n < TERMS) & (q == q)  # noqa: PLR0124

    (total,) = repeat(q > 0.0, (q.const(0.0),), step, TERMS)
    w = q + float(TERMS)
    power = call("pow", w, 1.0 - s)
    y = where(power > 0.0, fma(power, _tail(s, w), total), total)
    return where(q == INF, 0.0, y)


@widened
@kernel
def zeta(s: Num, q: Num) -> Num:
    whole = floor(q) == q
    negative = (q < 0.0) & ~whole

    def split() -> Num:
        n = -floor(q)
        inside = where(negative, q + n, 0.5)
        far = where(negative, 1.0 - q, 1.5)
        even = floor(0.5 * s) * 2.0 == s
        below = call("hurwitz", s, 1.0 - inside) - call("hurwitz", s, far)
        return call("hurwitz", s, inside) + where(even, below, -below)

    y = rare(negative, split, call("hurwitz", s, where(negative, 1.0, q)))
    y = where(negative & (floor(s) != s), NAN, y)
    y = where((q <= 0.0) & whole, INF, y)
    y = where(s == 1.0, INF, where(s < 1.0, NAN, y))
    return where(isnan(s) | isnan(q), NAN, y)


@widened
@kernel
def polygamma(m: Num, x: Num) -> Num:
    wrong = (m < 0.0) | (floor(m) != m) | (m == INF)
    zero = m == 0.0
    order = where(wrong | zero, 1.0, where(m > 171.0, 171.0, m))
    factorial = table(FACTORIALS, float64, order.to(int64))
    size = factorial * call("zeta", where(wrong | zero, 2.0, m + 1.0), x)
    y = where(floor(0.5 * m) * 2.0 == m, -size, size)
    y = rare(zero, lambda: call("digamma", x), y)
    return where(wrong, NAN, y)


@widened
@kernel
def trigamma(x: Num) -> Num:
    negative = x < 0.0
    u = where(negative, 1.0 - x, x)
    # 1/u² first: for tiny u it is all, and its square would not fit into the fraction
    low = u < 10.0
    n, d, t = where(low, x.const(0.0), 0.0), x.const(1.0), where(low, u + 1.0, u)
    for _ in range(9):
        more = t < 10.0
        square = t * t
        n = where(more, fma(n, square, d), n)
        d = where(more, d * square, d)
        t = where(more, t + 1.0, t)
    inverse = 1.0 / t
    v = inverse * inverse
    series = v * inverse * poly(v, BERNOULLI[:10])
    rest = where(t < INF, n / d + fma(0.5, v, inverse + series), 0.0)
    y = where(low, 1.0 / (u * u) + rest, rest)

    def reflected() -> Num:
        """π²/sin²(πx) - ψ'(1 - x)."""
        r = x - rint(x)
        s = PI[8][0] / wave(*cody_waite(r * PI[8][0]))
        return s * s - y

    y = rare(negative, reflected, y)
    y = where(negative & (rint(x) == x), INF, y)
    return where(isnan(x), x, where(x == -INF, INF, y))
