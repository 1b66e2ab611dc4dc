"""asin, acos, atan, atan2.

asin x = x + x**3 R(x**2) for |x| < 1/2; above, with z = (1 - |x|)/2 and s = sqrt(z) in two
parts, asin |x| = π/2 - 2 asin s. atan2 divides the smaller magnitude by the larger, or, for
ratios above tan(π/8), turns by π/4 first: (c - a)/(c + a); the quotient carries its
rounding error, so that the final sum with the constant is the only visible rounding.
"""

from __future__ import annotations

import math

from bibun.compiler.vecmath.coefficients import PI, PIO2, PIO4, POLY
from bibun.compiler.vecmath.num import (
    Num,
    copysign,
    fast_two_sum,
    fma,
    isnan,
    kernel,
    poly,
    sqrt,
    where,
)

INF = float("inf")
TAN_PI_8 = math.sqrt(2.0) - 1.0


def _arcs(x: Num) -> tuple[Num, Num, Num, Num]:
    """(|x|, is it above 1/2, head, rest): head + rest is asin|x|, or half of acos|x|."""
    a = abs(x)
    far = a > 0.5
    z = where(far, 0.5 - 0.5 * a, a * a)  # exact if far
    s = sqrt(z)
    head = where(far, s, a)
    # where far, s is rounded: sqrt(z) - s = (z - s*s)/(2s)
    low = where(far & (z > 0.0), fma(-s, s, z) / (s + s), 0.0)
    rest = fma(head * z, poly(z, POLY["asin"][x.dtype.itemsize]), low)
    return a, far, head, rest


@kernel
def asin(x: Num) -> Num:
    pio2, pio2_low = PIO2[x.dtype.itemsize][:2]
    a, far, head, rest = _arcs(x)
    turn, error = fast_two_sum(x.const(pio2), -2.0 * head)
    large = turn + (error - (rest + rest) + pio2_low)
    y = where(far, large, head + rest)
    return copysign(where(a <= 1.0, y, float("nan")), x)


@kernel
def acos(x: Num) -> Num:
    """x > 1/2: 2 asin s. x < -1/2: π less that. Between: π/2 - asin x."""
    size = x.dtype.itemsize
    a, far, head, rest = _arcs(x)
    positive = x > 0.0
    double_head, double_rest = head + head, rest + rest
    sign = where(positive, x.const(-1.0), 1.0)
    # base + signed head, in one sum for the two cases that have a base
    base = where(far, PI[size][0], x.const(PIO2[size][0]))
    base_low = where(far, PI[size][1], x.const(PIO2[size][1]))
    moved = where(far, -double_head, sign * head)
    moved_rest = where(far, -double_rest, sign * rest)
    turn, error = fast_two_sum(base, moved)
    y = turn + (error + (moved_rest + base_low))
    y = where(far & positive, double_head + double_rest, y)
    return where(a <= 1.0, y, float("nan"))


def arc(c: Num, a: Num) -> tuple[Num, Num]:
    """atan(c/a) as head + rest, for 0 <= c <= a, a > 0, both of moderate size."""
    pio4, pio4_low = PIO4[c.dtype.itemsize]
    turned = c > TAN_PI_8 * a
    diff, diff_low = fast_two_sum(-a, c)
    total, total_low = fast_two_sum(a, c)
    n, n_low = where(turned, diff, c), where(turned, diff_low, 0.0)
    d, d_low = where(turned, total, a), where(turned, total_low, 0.0)
    inverse = 1.0 / d
    t = n * inverse
    low = (fma(-t, d, n) + (n_low - t * d_low)) * inverse
    z = t * t
    # d atan = low/(1 + t^2), here to first order
    rest = fma(t * z, poly(z, POLY["atan"][c.dtype.itemsize]), fma(-z, low, low))
    head, error = fast_two_sum(where(turned, c.const(pio4), 0.0), t)
    return head, rest + (error + where(turned, c.const(pio4_low), 0.0))


def _angle(y: Num, x: Num) -> Num:
    """atan2 of |y| and x for the quadrants of positive y, as one float."""
    size = x.dtype.itemsize
    f = x.format
    b, a = abs(y), abs(x)
    steep = b > a
    c, a = where(steep, a, b), where(steep, b, a)
    infinite = a == INF
    c = where(infinite, where(c == INF, c.const(1.0), 0.0), c)
    a = where(infinite | (a == 0.0), 1.0, a)
    # keep a, c + a and the residual of the division inside the format
    half = 2.0 ** (f.bias // 2)
    factor = where(a > half, a.const(1.0 / half), where(a < 1.0 / half, a.const(half), 1.0))
    head, rest = arc(c * factor, a * factor)
    behind = (x.bits() & f.sign_bit) != 0
    # quarter turns: steep: π/2 -+ angle; behind and flat: π - angle
    flip = steep ^ behind
    head, rest = where(flip, -head, head), where(flip, -rest, rest)
    base = where(steep, x.const(PIO2[size][0]), where(behind, x.const(PI[size][0]), 0.0))
    base_low = where(steep, x.const(PIO2[size][1]), where(behind, x.const(PI[size][1]), 0.0))
    total, error = fast_two_sum(base, head)
    return total + (error + (rest + base_low))


@kernel
def atan(x: Num) -> Num:
    f = x.format
    size = x.dtype.itemsize
    b = abs(x)
    steep = b > 1.0
    huge = 2.0 ** (f.mantissa + 3)
    b = where(b > huge, huge, b)
    head, rest = arc(where(steep, 1.0, b), where(steep, b, 1.0))
    total, error = fast_two_sum(x.const(PIO2[size][0]), -head)
    turned = total + (error - (rest - PIO2[size][1]))
    y = where(steep, turned, head + rest)
    y = where(abs(x) < f.eps, abs(x), y)
    return copysign(where(isnan(x), x, y), x)


@kernel
def atan2(y: Num, x: Num) -> Num:
    z = copysign(_angle(y, x), y)
    return where(isnan(x) | isnan(y), x + y, z)
