"""lgamma and digamma, for arguments of either sign.

lgamma: Stirling's series from 8 on. Below, the argument is moved to t in [1.5, 2.5) by
Γ(x+1) = x Γ(x), and lgamma(t) = (t - 1)(t - 2) G(t) keeps relative accuracy at its zeros 1
and 2; one logarithm serves both ranges. digamma: its asymptotic series from 10 on; below,
moved to [1, 2], where digamma(t) = (t - root) P(t) keeps it at the root 1.46…. Negative
arguments are reflected, a `rare` path; absolute, not relative, accuracy is kept at the zeros
there. float32 computes in float64.
"""

from __future__ import annotations

import math

from bibun.compiler.vecmath.coefficients import (
    DIGAMMA_ROOT,
    HALF_LOG_2PI_LESS_HALF,
    PI,
    POLY,
)
from bibun.compiler.vecmath.num import (
    Num,
    call,
    fast_two_sum,
    finite_or_itself,
    fma,
    isnan,
    kernel,
    poly,
    rare,
    rint,
    two_prod,
    where,
    widened,
)
from bibun.compiler.vecmath.trig import cody_waite, quotient, wave

INF = float("inf")
NAN = float("nan")
LOG_PI = math.log(math.pi)


def lgamma_positive(x: Num) -> Num:
    """log Γ(x) for x > 0."""
    large = x >= 8.0
    # down: log Γ(x) = log Γ(t) + log((x-1)…(x-n)); up: log Γ(x) = log Γ(t) - log(x (x+1))
    low = x < 1.5
    product = where(low, where(x < 0.5, x * (x + 1.0), x), 1.0)
    t = where(low, where(x < 0.5, x + 2.0, x + 1.0), x)
    for i in range(1, 7):
        above = x >= i + 1.5
        product = where(above, product * (x - float(i)), product)
        t = where(above, x - float(i), t)
    log = call("log", where(large, x, product))
    # u = t - 2 without rounding small x away
    u = where(low, where(x < 0.5, x, x - 1.0), t - 2.0)
    small = fma(u * (1.0 + u), poly(u, POLY["lgamma"][8], careful=2), where(low, -log, log))
    inverse = 1.0 / x
    series = inverse * poly(inverse * inverse, POLY["stirling"][8])
    # (x - 1/2)(log x - 1) + (log 2π - 1)/2 + series
    p, p_low = two_prod(x - 0.5, log - 1.0)
    head, error = fast_two_sum(p, x.const(HALF_LOG_2PI_LESS_HALF[8]))
    stirling = where(x > 1e17, p, head + (error + (p_low + series)))
    return where(large, stirling, small)


@widened
@kernel
def lgamma(x: Num) -> Num:
    a = abs(x)
    direct = lgamma_positive(a)

    def reflected() -> Num:
        """log(π/|x sin πx|) - lgamma(|x|)."""
        r = a - rint(a)
        s = abs(wave(*cody_waite(r * PI[8][0])))
        return where(a < 1e-17, direct, (LOG_PI - call("log", s * a)) - direct)

    y = rare(x < 0.0, reflected, direct)
    y = where((x < 0.0) & (rint(x) == x), INF, y)
    return where(isnan(x), x, where((a == INF) | (a == 0.0), INF, y))


def digamma_positive(x: Num) -> Num:
    """ψ(x) for x > 0."""
    large = x >= 10.0
    # ψ(x) = ψ(t) + n/d, with n/d = 1/(x-1) + … + 1/(x-k), or -1/x for x < 1
    t = where(x < 1.0, x + 1.0, x)
    n = where(x < 1.0, x.const(-1.0), 0.0)
    d = where(x < 1.0, x, 1.0)
    for i in range(1, 9):
        above = x > i + 1.0
        v = x - float(i)
        n = where(above, fma(n, v, d), n)
        d = where(above, d * v, d)
        t = where(above, v, t)
    root, root_low = DIGAMMA_ROOT[8]
    at_root = (t - root) - root_low
    small = fma(at_root, poly(t - 1.5, POLY["digamma"][8], careful=2), n / d)
    inverse = 1.0 / x
    v = inverse * inverse
    tail = fma(v, poly(v, POLY["digamma_tail"][8]), 0.5 * inverse)
    return where(large, call("log", x) - tail, small)


@widened
@kernel
def digamma(x: Num) -> Num:
    negative = x < 0.0

    direct = digamma_positive(where(negative, 1.0 - x, x))

    def reflected() -> Num:
        """ψ(1 - x) - π/tan(πx)."""
        r = x - rint(x)
        return direct - PI[8][0] / quotient(*cody_waite(r * PI[8][0]))

    y = rare(negative, reflected, direct)
    y = where(negative & (rint(x) == x), NAN, y)
    y = finite_or_itself(x, y)
    zero = (x.bits() & x.format.sign_bit) != 0
    return where(x == 0.0, where(zero, x.const(INF), -INF), y)
