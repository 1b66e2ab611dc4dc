"""exp, exp2, expm1.

x = n ln 2 + r with |r| <= ln(2)/2, and e**r = 1 + r + r**2 P(r). The reduction keeps the
rounding error of r, and the sum 1 + r + … is compensated, so that little but the last
rounding is lost. The scale 2**n is applied in two halves: the product overflows to inf,
or rounds once into the subnormals, by itself.
"""

from __future__ import annotations

from bibun.compiler.vecmath.coefficients import INV_LN2, LN2_FMA, POLY
from bibun.compiler.vecmath.num import (
    Num,
    fast_two_sum,
    fma,
    kernel,
    poly,
    two_prod,
    two_sum,
    where,
)

# Beyond these e**x is 0 or inf also after scaling; they keep n in the range of `scale`.
LIMITS = {8: (-746.0, 710.0), 4: (-105.0, 89.0)}


def clamp(x: Num, lo: float, hi: float) -> Num:
    """x within [lo, hi]; nan stays nan."""
    return where(x < lo, lo, where(x > hi, hi, x))


def reduce(x: Num) -> tuple[Num, Num, Num, Num]:
    """(rounded n + magic, n, r, error of r) with x = n ln 2 + r + error."""
    f = x.format
    size = x.dtype.itemsize
    ln2, ln2_low = LN2_FMA[size]
    t = fma(x, INV_LN2[size][0], f.magic)
    n = t - f.magic
    r1 = fma(n, -ln2, x)  # exact: a multiple of ulp(ln2), smaller than 1/2
    r = fma(n, -ln2_low, r1)
    return t, n, r, fma(n, -ln2_low, r1 - r)


def scale(y: Num, t: Num, extra: int = 0) -> Num:
    """y * 2**(n + extra) where t = n + magic; right also where 2**n is no normal number."""
    f = y.format
    both = t.bits() - (f.magic_bits - 2 * f.bias - extra)  # n + two biases
    half = both >> 1
    one = (half << f.mantissa).as_float(y.dtype)
    two = ((both - half) << f.mantissa).as_float(y.dtype)
    return y * one * two


def exp_reduced(r: Num, low: Num) -> Num:
    """e**(r + low) for |r| <= ln(2)/2, error below 0.6 ulp."""
    head, rest = exp_parts(r, low)
    return head + rest


def exp_parts(r: Num, low: Num) -> tuple[Num, Num]:
    """The same as an unrounded sum."""
    q = fma(r * r, poly(r, POLY["exp"][r.dtype.itemsize]), low)
    head = 1.0 + r
    return head, q + (r - (head - 1.0))


def exp_sum(x: Num, low: Num, extra: int = 0) -> Num:
    """e**(x + low) * 2**extra, with |low| about an ulp of x."""
    x = clamp(x, *LIMITS[x.dtype.itemsize])
    t, _, r, error = reduce(x)
    return scale(exp_reduced(*two_sum(r, error + low)), t, extra)


def exp_halved(x: Num) -> tuple[Num, Num]:
    """e**x / 2 for x >= 0 in two parts; it does not overflow as early as e**x."""
    hi = LIMITS[x.dtype.itemsize][1] + 1.0
    t, _, r, low = reduce(where(x > hi, hi, x))
    head, rest = fast_two_sum(*exp_parts(r, low))
    return scale(head, t, -1), scale(rest, t, -1)


@kernel
def exp(x: Num) -> Num:
    t, _, r, low = reduce(clamp(x, *LIMITS[x.dtype.itemsize]))
    return scale(exp_reduced(r, low), t)


@kernel
def exp2(x: Num) -> Num:
    """2**x: n = rint(x), and (x - n) ln 2 in two parts."""
    f = x.format
    size = x.dtype.itemsize
    ln2, ln2_low = LN2_FMA[size]
    x = clamp(x, -1.0 * (f.bias + f.mantissa + 3), f.bias + 2.0)
    t = x + f.magic
    d = x - (t - f.magic)
    r, low = two_prod(d, ln2)
    return scale(exp_reduced(r, fma(d, ln2_low, low)), t)


@kernel
def expm1(x: Num) -> Num:
    """e**x - 1 = 2**n (r + q) + (2**n - 1), where q holds what follows r in the series.

    Everything is halved, so that 2**n does not overflow before the result does.
    """
    f = x.format
    size = x.dtype.itemsize
    big = clamp(x, -0.7 * (f.mantissa + 3), LIMITS[size][1])
    t, _, r, low = reduce(big)
    q = fma(r * r, poly(r, POLY["exp"][size]), low)
    s = ((t.bits() - (f.magic_bits - f.bias + 1)) << f.mantissa).as_float(x.dtype)
    head, tail = fast_two_sum(s - 0.5, s * r)  # s*r is exact: s is a power of two
    y = 2.0 * (head + fma(s, q, tail))
    return where(abs(x) < 0.5 * f.eps, x, y)
