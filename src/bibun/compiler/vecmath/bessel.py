"""Bessel functions of order 0 and 1: J, Y, and I, K without their exponentials.

Each is a Chebyshev series near zero and one in 8/x far away (Clenshaw, NPL Math. Tables 5, 1962;
the coefficients are our own, `special_fit.py`). J below 8 has its two zeros taken out, each as
an exact difference, so it is right to the last digits next to them. From 8 on J and Y are
Hankel's P and Q with one sine and cosine of x itself, the phase π/4 put in by addition:
cos(x - π/4) = (cos x + sin x)/√2. Near the zeros of Y, and those of J beyond 8, absolute
accuracy is kept, of the size of the amplitude.
"""

from __future__ import annotations

import math

from bibun.compiler.vecmath.num import (
    Num,
    call,
    clenshaw,
    copysign,
    fma,
    isnan,
    kernel,
    parts,
    rare,
    sqrt,
    where,
    widened,
)
from bibun.compiler.vecmath.special_coefficients import BESSEL_ZEROS, CHEBYSHEV

INF, NAN = float("inf"), float("nan")


# I and K ------------------------------------------------------------------------------------------


def _i(order: int, x: Num) -> Num:
    near, far = CHEBYSHEV[f"i{order}e"]
    a = abs(x)
    large = a > 8.0
    small = where(large, 8.0, a)
    y = clenshaw(small, near)
    y = y * small if order else y

    def beyond() -> Num:
        big = where(large, a, 8.0)
        return clenshaw(8.0 / big, far) / sqrt(big)

    y = rare(large, beyond, y)
    y = where(isnan(x), x, y)
    return copysign(y, x) if order else y


@widened
@kernel
def bessel_i0e(x: Num) -> Num:
    return _i(0, x)


@widened
@kernel
def bessel_i1e(x: Num) -> Num:
    return _i(1, x)


def _k(order: int, x: Num) -> Num:
    first_kind, regular, far = CHEBYSHEV[f"k{order}e"]
    large = x > 2.0
    big = where(large, x, 2.0)
    y = clenshaw(2.0 / big, far) / sqrt(big)

    def near() -> Num:
        a = where(large, 1.0, x)
        z = a * a
        log = call("log", 0.5 * a)
        if order:
            total = fma(log * a, clenshaw(z, first_kind), clenshaw(z, regular) / a)
        else:
            total = fma(-log, clenshaw(z, first_kind), clenshaw(z, regular))
        return call("exp", a) * total

    y = rare(x <= 2.0, near, y)
    y = where(x == 0.0, INF, y)
    y = where(x == INF, 0.0, y)
    return where(isnan(x) | (x < 0.0), NAN, y)


@widened
@kernel
def bessel_k0e(x: Num) -> Num:
    return _k(0, x)


@widened
@kernel
def bessel_k1e(x: Num) -> Num:
    return _k(1, x)


# J and Y ------------------------------------------------------------------------------------------


def _j_near(order: int, a: Num) -> Num:
    """J for 0 <= a <= 8."""
    (piece,) = CHEBYSHEV[f"j{order}"]
    y = clenshaw(a * a, piece)
    for r, low in BESSEL_ZEROS[order]:
        y = y * (((a - r) - low) * (a + r))
    return y * a if order else y


def _waves(order: int, big: Num) -> tuple[Num, Num]:
    """(J, Y) for big >= 8."""
    p_piece, q_piece = CHEBYSHEV[f"hankel{order}"]
    u = 8.0 / big
    z = u * u
    p, q = clenshaw(z, p_piece), clenshaw(z, q_piece) / big
    s, c = call("sin", big), call("cos", big)
    plus, minus = s + c, s - c
    size = 1.0 / sqrt(math.pi * big)
    if order:
        return size * fma(p, minus, q * plus), size * fma(q, minus, -(p * plus))
    return size * fma(p, plus, -(q * minus)), size * fma(p, minus, q * plus)


def _j_and_y(order: int, x: Num) -> tuple[Num, Num]:
    (regular,) = CHEBYSHEV[f"y{order}"]
    a = abs(x)
    large = a > 8.0
    small = where(large, 8.0, a)
    j = _j_near(order, small)
    log = (2 / math.pi) * call("log", small)
    rest = clenshaw(small * small, regular)
    y = fma(log, j, rest / small if order else rest)
    j, y = rare(large, lambda: _waves(order, where(large, a, 8.0)), (j, y))
    j, y = where(a == INF, 0.0, j), where(x == INF, 0.0, y)
    y = where(x == 0.0, -INF, where(isnan(x) | (x < 0.0), NAN, y))
    j = where(isnan(x), x, j)
    return (where(x < 0.0, -j, j) if order else j), y


bessel_j0, bessel_y0 = parts("bessel_j0 bessel_y0", lambda x: _j_and_y(0, x), widen=True)
bessel_j1, bessel_y1 = parts("bessel_j1 bessel_y1", lambda x: _j_and_y(1, x), widen=True)
