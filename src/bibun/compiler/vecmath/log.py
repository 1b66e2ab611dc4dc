"""log, log1p, log2, log10.

x = 2**k m with m in [sqrt(1/2), sqrt(2)), f = m - 1, s = f/(2 + f), and
log(1 + f) = f - (f**2/2 - s (f**2/2 + R(s**2))), where R is the series of 2 atanh after its
first term. The result is kept as a leading part k ln 2 + f and a small rest until the last
addition; `log_sum` returns both, for the functions that go on from a logarithm.
"""

from __future__ import annotations

import math

from bibun.compiler.vecmath.coefficients import INV_LN2, INV_LN10, LN2, LOG10_2, POLY
from bibun.compiler.vecmath.num import (
    Num,
    fast_two_sum,
    finite_or_itself,
    fma,
    kernel,
    poly,
    two_prod,
    where,
)

INF = float("inf")
NAN = float("nan")


def split(x: Num, root_half: int, low_scale: bool = True) -> tuple[Num, Num, Num]:
    """(k, m, bits): x = 2**k m with m from `root_half` (a bit pattern) to its double.

    k is a float. `bits` is the shifted pattern whose mantissa field counts up from the
    lower end of that range. Subnormal x are scaled up first (`low_scale`).
    """
    f = x.format
    shift = float(f.mantissa + 2)
    offset = 2.0**f.mantissa + f.bias
    k_offset: Num | float = offset
    if low_scale:
        low = x < f.min_normal
        k_offset = where(low, x.const(offset + shift), offset)
        x = where(low, x * 2.0**shift, x)
    bits = x.bits() + (f.one_bits - root_half)
    k = ((bits >> f.mantissa) | f.bits(2.0**f.mantissa)).as_float(x.dtype) - k_offset
    m = ((bits & f.mantissa_mask) + root_half).as_float(x.dtype)
    return k, m, bits


def log_sum(k: Num, f: Num, low: Num | None = None) -> tuple[Num, Num]:
    """(head, rest): k ln 2 + log(1 + f + low), head + rest with |rest| << |head|."""
    size = f.dtype.itemsize
    ln2, ln2_low = LN2[size]
    s = f / (f + 2.0)
    z = s * s
    half_square = 0.5 * f * f
    tail = half_square - s * fma(z, poly(z, POLY["log"][size]), half_square)
    head, rest = fast_two_sum(k * ln2, f)
    rest = fma(k, ln2_low, rest)
    if low is not None:  # d log(1+f) = low/(1+f), and 1/(1+f) = 1 - 2s + 2s^2 - …
        rest = fma(low, fma(s, fma(s, 2.0, -2.0), 1.0), rest)
    return head, rest - tail


def domain(x: Num, y: Num) -> Num:
    """The special values of log put into y: inf, nan, zero and negative x."""
    y = finite_or_itself(x, y)
    y = where(x == 0.0, -INF, y)
    return where(x < 0.0, NAN, y)


@kernel
def log(x: Num) -> Num:
    k, m, _ = split(x, x.format.bits(math.sqrt(0.5)))
    head, rest = log_sum(k, m - 1.0)
    return domain(x, head + rest)


@kernel
def log2(x: Num) -> Num:
    """k + log(m)/ln 2: exact at powers of two."""
    inv, inv_low = INV_LN2[x.dtype.itemsize]
    k, m, _ = split(x, x.format.bits(math.sqrt(0.5)))
    head, rest = fast_two_sum(*log_sum(x.const(0.0), m - 1.0))
    p, low = two_prod(head, inv)
    low = fma(rest, inv, fma(head, inv_low, low))
    total, error = fast_two_sum(k, p)
    return domain(x, total + (error + low))


@kernel
def log10(x: Num) -> Num:
    """k log10(2) + log(m)/ln 10, in two parts: exact at powers of ten that are floats."""
    size = x.dtype.itemsize
    inv, inv_low = INV_LN10[size]
    step, step_low = LOG10_2[size]
    k, m, _ = split(x, x.format.bits(math.sqrt(0.5)))
    head, rest = fast_two_sum(*log_sum(x.const(0.0), m - 1.0))
    p, low = two_prod(head, inv)
    low = fma(k, step_low, fma(rest, inv, fma(head, inv_low, low)))
    total, error = fast_two_sum(k * step, p)  # k step is exact, and 0 or the larger
    return domain(x, total + (error + low))


def log1p_sum(x: Num, low: Num | None = None) -> Num:
    """log(1 + x + low) for x > -1, no special values."""
    f = x.format
    u = 1.0 + x
    # the rounding error of 1 + x, whichever is the larger
    error = where(x < 1.0, x - (u - 1.0), 1.0 - (u - x))
    if low is not None:
        error = error + low
    k, m, bits = split(u, f.bits(math.sqrt(0.5)), low_scale=False)
    # the error belongs to u = 2**k m; 2**-k from the exponent field (k is small where it counts)
    inverse = ((2 * f.bias - (bits >> f.mantissa)) << f.mantissa).as_float(x.dtype)
    error = where(x < 2.0**100, error * inverse, 0.0)
    head, rest = log_sum(k, *fast_two_sum(m - 1.0, error))
    return head + rest


@kernel
def log1p(x: Num) -> Num:
    y = where(abs(x) < 0.5 * x.format.eps, x, log1p_sum(x))
    return domain_log1p(x, y)


def domain_log1p(x: Num, y: Num) -> Num:
    """The special values of log1p put into y."""
    y = finite_or_itself(x, y)
    y = where(x == -1.0, -INF, y)
    return where(x < -1.0, NAN, y)
