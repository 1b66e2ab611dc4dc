"""sinh, cosh, tanh, asinh, acosh, atanh.

Odd functions are x + x**3 P(x**2) near zero and come from e**x / 2 or from a logarithm of
1 + t elsewhere, t carried with its rounding error where it would show.
"""

from __future__ import annotations

from bibun.compiler.vecmath.coefficients import LN2_FMA, POLY
from bibun.compiler.vecmath.exp import exp_halved
from bibun.compiler.vecmath.log import INF, NAN, log1p_sum
from bibun.compiler.vecmath.num import (
    Num,
    call,
    copysign,
    fast_two_sum,
    finite_or_itself,
    fma,
    kernel,
    parts,
    poly,
    sqrt,
    two_prod,
    two_sum,
    where,
)


@kernel
def tanh(x: Num) -> Num:
    """|x| < 0.62: series; else 1 - 2/(e**(2|x|) + 1)."""
    a = abs(x)
    z = a * a
    small = fma(a * z, poly(z, POLY["tanh"][x.dtype.itemsize]), a)
    large = 1.0 - 2.0 / (call("exp", a + a) + 1.0)
    return copysign(where(a < 0.62, small, large), x)


def _sinh_cosh(x: Num) -> tuple[Num, Num]:
    """e**|x|/2 ∓ e**-|x|/2; sinh of |x| < 1 by its series."""
    a = abs(x)
    z = a * a
    small = fma(a * z, poly(z, POLY["sinh"][x.dtype.itemsize]), a)
    h, low = exp_halved(a)
    quarter = 0.25 / h

    def ended(head: Num, error: Num) -> Num:
        return where(head < INF, head + (error + low), head)

    odd, even = ended(*fast_two_sum(h, -quarter)), ended(*fast_two_sum(h, quarter))
    return copysign(where(a < 1.0, small, odd), x), even


sinh, cosh = parts("sinh cosh", _sinh_cosh)


def _huge(x: Num) -> float:
    """From here on x**2 + 1 is x**2 in the format (and does not yet overflow)."""
    return 2.0 ** (x.format.mantissa // 2 + 3)


def _root(square: Num, low: Num) -> tuple[Num, Num]:
    """sqrt(square + low) in two parts."""
    s = sqrt(square)
    return s, (fma(-s, s, square) + low) / (s + s)


@kernel
def asinh(x: Num) -> Num:
    """log1p(a + a**2/(1 + sqrt(1 + a**2))), a = |x|; for huge a log(a) + log 2."""
    a = abs(x)
    big = a > _huge(x)
    t = where(big, 1.0, a)
    p, p_low = two_prod(t, t)
    u, u_low = two_sum(p, 1.0)
    s, s_low = _root(u, u_low + p_low)
    d, d_low = two_sum(s, 1.0)
    q = p / d
    q_low = (fma(-q, d, p) + (p_low - q * (d_low + s_low))) / d
    head, rest = two_sum(t, q)
    y = log1p_sum(where(big, a - 1.0, head), where(big, 0.0, rest + q_low))
    y = where(big, y + LN2_FMA[x.dtype.itemsize][0], y)
    y = where(a < x.format.eps, a, y)
    return copysign(finite_or_itself(a, y), x)


@kernel
def acosh(x: Num) -> Num:
    """log1p(t + sqrt(2t + t**2)), t = x - 1; for huge x log(x) + log 2."""
    big = x > _huge(x)
    t = where(big, 1.0, x) - 1.0  # exact for x < 2, else rounded: keep the error
    t_low = where(big, 0.0, (where(big, 1.0, x) - t) - 1.0)
    p, p_low = two_prod(t, t)
    u, u_low = two_sum(t + t, p)
    s, s_low = _root(u, u_low + p_low + 2.0 * t_low * (1.0 + t))
    s_low = where(u == 0.0, 0.0, s_low)
    head, rest = two_sum(s, t)
    y = log1p_sum(where(big, x - 1.0, head), where(big, 0.0, rest + (s_low + t_low)))
    y = where(big, y + LN2_FMA[x.dtype.itemsize][0], y)
    return finite_or_itself(x, where(x < 1.0, NAN, y))


@kernel
def atanh(x: Num) -> Num:
    """log1p(2a/(1 - a))/2, a = |x|."""
    a = abs(x)
    d, d_low = fast_two_sum(x.const(1.0), -a)
    n = a + a
    q = n / d
    q_low = (fma(-q, d, n) - q * d_low) / d
    inner = a < 1.0
    y = 0.5 * log1p_sum(where(inner, q, 0.0), where(inner, q_low, 0.0))
    y = where(a < x.format.eps, a, y)
    y = where(inner, y, where(a == 1.0, x.const(INF), NAN))
    return copysign(y, x)
