"""Integrals of elementary functions: exponential, sine, Fresnel's, Dawson's, the dilogarithm.

Each is a Chebyshev series near zero and one or more in the reciprocal far away, where what
decays or oscillates is taken out (W. J. Cody and H. C. Thacher, Math. Comp. 22, 1968, and 23,
1969, for Ei and E1; DLMF 6.2.17 and 7.5.3 for the auxiliary functions f and g; the coefficients
are our own, `special_fit.py`). Near their first zeros x0 Ei, Ci and Chi are log(x/x0) + (x - x0) R,
right to the last digits; at later zeros of Ci absolute accuracy is kept. E_n of whole order n is
a series up to x = 1 and Legendre's continued fraction beyond (DLMF 8.19.8, 8.19.17).
"""

from __future__ import annotations

import math
from typing import Any

from bibun.compiler.vecmath.gamma_integrals import legendre_fraction
from bibun.compiler.vecmath.num import (
    Num,
    call,
    clenshaw,
    copysign,
    float64,
    floor,
    fma,
    isnan,
    kernel,
    parts,
    rare,
    repeat,
    rint,
    two_prod,
    where,
    widened,
)
from bibun.compiler.vecmath.special_coefficients import CHEBYSHEV, INTEGRAL_ROOTS

INF, NAN = float("inf"), float("nan")


def _from_root(name: str, x: Num) -> tuple[Num, Num]:
    """(log(x/x0), x - x0) for the zero x0 of that name."""
    (high, low), log = INTEGRAL_ROOTS[name]
    away = (x - high) - low
    close = abs(away) < 0.25 * high
    ratio = call("log1p", where(close, away, 0.0) * (1.0 / high))
    return where(close, ratio, call("log", x) - log), away


# exponential integrals ----------------------------------------------------------------------------


@widened
@kernel
def exponential_integral_e1(x: Num) -> Num:
    near, middle, far = CHEBYSHEV["e1"]
    large = x > 1.0
    big = where(large, x, 1.0)
    inverse = 1.0 / big
    tail = clenshaw(where(inverse < 0.25, inverse, 0.25), far)
    tail = rare(big < 4.0, lambda: clenshaw(where(big < 4.0, inverse, 0.25), middle), tail)
    y = call("exp", -big) * (tail * inverse)

    def small() -> Num:
        a = where(large, 1.0, x)
        return clenshaw(a, near) - call("log", a)

    y = rare(x <= 1.0, small, y)
    y = where(x == 0.0, INF, where(x == INF, 0.0, y))
    return where(isnan(x) | (x < 0.0), NAN, y)


@widened
@kernel
def exponential_integral(x0: Num) -> Num:
    near, *steps, far = CHEBYSHEV["ei"]
    positive = x0 > 0.0
    x = where(positive, x0, 1.0)
    big = where(x > 6.0, x, 6.0)
    inverse = 1.0 / big
    tail = clenshaw(where(big > 24.0, inverse, 0.0), far)
    for (lo, hi, _), piece in zip(steps, steps, strict=True):
        here = (inverse > lo) & (inverse <= hi)
        tail = rare(here, lambda p=piece, m=here, u=hi: clenshaw(where(m, inverse, u), p), tail)
    half = call("exp", 0.5 * where(big < 1500.0, big, 1500.0))
    y = half * (half * (tail * inverse))

    def small() -> Num:
        a = where(x <= 6.0, x, 6.0)
        log, away = _from_root("ei", a)
        return fma(away, clenshaw(a, near), log)

    y = rare(x <= 6.0, small, y)
    y = rare(~positive, lambda: -call("exponential_integral_e1", -x0), y)
    return where(isnan(x0), x0, where(x0 == INF, INF, y))


@widened
@kernel
def generalized_exponential_integral(n: Num, x0: Num) -> Num:
    """E_n(x) for whole n >= 0."""
    whole = (floor(n) == n) & (n >= 0.0) & (n < INF)
    inside = whole & (x0 > 0.0) & (x0 < INF)
    x, order = where(inside, x0, 1.0), where(inside, n, 2.0)
    decay = call("exp", -x)
    large = x > 1.0
    y = decay * legendre_fraction(1.0 - order, where(large, x, 2.0), inside & large)

    def series() -> Num:
        """Σ (-x)^k/k! (…), whose term k = n - 1 is (ψ(n) - log x), the others 1/(n - 1 - k)."""
        active = inside & ~large
        log = call("digamma", order) - call("log", x)

        def step(k: Num, t: Num, total: Num) -> tuple[Any, Num]:
            i = k.to(float64)
            gap = (order - 1.0) - i
            one = gap == 0.0
            total = fma(t, where(one, log, 1.0 / where(one, 1.0, gap)), total)
            t = -t * x / (i + 1.0)
            return (t, total), abs(t) > 1e-19

        return repeat(active, (x.const(1.0), x.const(0.0)), step, 40)[1]

    y = rare(inside & ~large, series, y)
    y = where(order == 0.0, decay / x, y)
    at_zero = where(n > 1.0, 1.0 / (n - 1.0), INF)
    y = where(x0 == 0.0, at_zero, where(x0 == INF, 0.0, y))
    return where(~whole | isnan(x0) | (x0 < 0.0), NAN, y)


# sine and cosine integrals ------------------------------------------------------------------------


def _near_zero(sine: str, cosine: str, a: Num, limit: float) -> tuple[Num, Num]:
    """The pair of integrals for a up to the limit."""
    small = where(a > limit, limit, a)
    square = small * small
    log, away = _from_root(cosine, small)
    (high, low), _ = INTEGRAL_ROOTS[cosine]
    rest = clenshaw(square, CHEBYSHEV[cosine][0])
    odd = small * clenshaw(square, CHEBYSHEV[sine][0])
    return odd, fma(away * (small + high + low), rest, log)


def _sine_and_cosine(x: Num) -> tuple[Num, Num]:
    a = abs(x)
    large = a > 4.0
    si, ci = _near_zero("si", "ci", a, 4.0)

    def beyond() -> tuple[Num, Num]:
        big = where(large, a, 4.0)
        inverse = 1.0 / big
        u = 16.0 * inverse * inverse
        f, g = (clenshaw(u, piece) * inverse for piece in CHEBYSHEV["auxiliary"])
        g = g * inverse
        s, c = call("sin", big), call("cos", big)
        return (math.pi / 2 - f * c) - g * s, f * s - g * c

    si, ci = rare(large, beyond, (si, ci))
    si, ci = where(a == INF, math.pi / 2, si), where(a == INF, 0.0, ci)
    ci = where(x == 0.0, -INF, where(isnan(x) | (x == -INF), NAN, ci))
    return where(isnan(x), x, copysign(si, x)), ci


sine_integral, cosine_integral = parts(
    "sine_integral cosine_integral", _sine_and_cosine, widen=True
)


def _hyperbolic(x: Num) -> tuple[Num, Num]:
    a = abs(x)
    large = a > 2.0
    shi, chi = _near_zero("shi", "chi", a, 2.0)

    def beyond() -> tuple[Num, Num]:
        big = where(large, a, 2.0)
        ei = 0.5 * call("exponential_integral", big)
        e1 = 0.5 * call("exponential_integral_e1", big)
        return ei + e1, ei - e1

    shi, chi = rare(large, beyond, (shi, chi))
    chi = where(x == 0.0, -INF, where(isnan(x), x, chi))
    return where(isnan(x), x, copysign(shi, x)), chi


hyperbolic_sine_integral, hyperbolic_cosine_integral = parts(
    "hyperbolic_sine_integral hyperbolic_cosine_integral", _hyperbolic, widen=True
)


# Fresnel's and Dawson's ---------------------------------------------------------------------------


def _fresnel(x: Num) -> tuple[Num, Num]:
    a = abs(x)
    large = a > 2.0
    small = where(large, 2.0, a)
    square = small * small
    fourth = square * square
    near_s, near_c = CHEBYSHEV["fresnel"]
    s = small * square * clenshaw(fourth, near_s)
    c = small * clenshaw(fourth, near_c)

    def beyond() -> tuple[Num, Num]:
        big = where(large & (a < 1e150), a, 2.0)
        inverse = (1.0 / math.pi) / big
        high, low = two_prod(big, big)
        u = 16.0 / (high * high)
        f, g = (clenshaw(u, piece) * inverse for piece in CHEBYSHEV["fresnel_auxiliary"])
        g = g / (math.pi * high)
        # π/2 x², of whose x² whole fours are turns
        turn = math.pi / 2 * ((high - 4.0 * rint(0.25 * high)) + low)
        sin, cos = call("sin", turn), call("cos", turn)
        far = where(a < 1e150, 1.0, a.const(0.0))
        return 0.5 - far * (f * cos + g * sin), 0.5 + far * (f * sin - g * cos)

    s, c = rare(large, beyond, (s, c))
    return tuple(where(isnan(x), x, copysign(y, x)) for y in (s, c))  # type: ignore[return-value]


fresnel_sine, fresnel_cosine = parts("fresnel_sine fresnel_cosine", _fresnel, widen=True)


@widened
@kernel
def dawson(x: Num) -> Num:
    near, middle, far = CHEBYSHEV["dawson"]
    a = abs(x)
    small = where(a > 2.5, 2.5, a)
    y = small * clenshaw(small * small, near)
    between = (a > 2.5) & (a <= 5.0)
    y = rare(between, lambda: clenshaw(where(between, a, 2.5), middle), y)

    def beyond() -> Num:
        inverse = 1.0 / where(a > 5.0, a, 5.0)
        return 0.5 * inverse * clenshaw(inverse * inverse, far)

    y = rare(a > 5.0, beyond, y)
    return where(isnan(x), x, copysign(y, x))


@widened
@kernel
def imaginary_erf(x: Num) -> Num:
    """2/√π e^{x²} times Dawson's integral, x² in two parts."""
    a = abs(x)
    a = where(a < 30.0, a, 30.0)
    high, low = two_prod(a, a)
    half = call("exp", 0.5 * high)
    y = (call("dawson", a) * (2 / math.sqrt(math.pi))) * half
    y = where(y * half < INF, fma(y, low, y) * half, INF)
    return where(isnan(x), x, copysign(y, x))


# the dilogarithm ----------------------------------------------------------------------------------


@widened
@kernel
def dilogarithm(x: Num) -> Num:
    """∫_1^x log t/(1 - t) dt: by x -> 1/x above 1.5, by x -> 1 - x below 0.5 (DLMF 25.12.4, 6)."""
    above = x > 1.5
    y = where(above, 1.0 / x, x)
    below = y < 0.5
    u = where(below, -y, y - 1.0)  # the argument of the series less 1
    u = where((u >= -0.5) & (u <= 0.5), u, 0.0)
    value = u * clenshaw(u, CHEBYSHEV["dilogarithm"][0])

    def mirrored() -> Num:
        safe = where(below & (y > 0.0), y, 0.25)
        return (math.pi**2 / 6 - call("log", safe) * call("log1p", -safe)) - value

    value = rare(below, mirrored, value)
    value = where(y == 0.0, math.pi**2 / 6, value)

    def inverted() -> Num:
        log = call("log", where(above, x, 2.0))
        return -0.5 * log * log - value

    value = rare(above, inverted, value)
    return where(isnan(x) | (x < 0.0), NAN, value)
