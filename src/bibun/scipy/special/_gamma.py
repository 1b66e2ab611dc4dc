"""Functions of the gamma family that are formulas: beta, binomials, zeta, factorials.

log B(a, b) must not be a difference of large numbers: for large arguments Stirling's series
is used with its leading terms cancelled by hand (Didonato & Morris 1992, as in R's lbeta).
"""

from __future__ import annotations

import math
from typing import Any

from bibun.array import Value
from bibun.numpy._common import as_int, promote_inexact, value
from bibun.numpy.creation import arange
from bibun.numpy.elementwise import where
from bibun.numpy.reductions import sum as sum_
from bibun.numpy.shape import expand_dims
from bibun.ops import elementwise as el
from bibun.ops import special as sp
from bibun.ops.elementwise.zeta import euler_maclaurin

__all__ = [
    "bernoulli", "beta", "betaincc", "betaln", "binom", "comb", "factorial", "gammasgn", "loggamma",
    "multigammaln", "perm", "poch", "rgamma", "zeta", "zetac",
]  # fmt: skip


def _floats(name: str, *xs: Any) -> list[Any]:
    return [value(name, f"{i + 1}", x) for i, x in enumerate(promote_inexact(name, *xs))]


def loggamma(x: Any, /) -> Value:
    """The logarithm of the gamma function of a positive number; nan for negative ones.

    >>> from bibun.scipy import special
    >>> round(float(special.loggamma(5.0)), 6)
    3.178054
    """
    (x,) = _floats("loggamma", x)
    return where(x >= 0, el.lgamma(where(x >= 0, x, 1.0)), math.nan)


def gammasgn(x: Any, /) -> Value:
    """The sign of gamma(x): 1 or -1; nan at negative integers.

    >>> from bibun.scipy import special
    >>> print(special.gammasgn(-0.5))
    -1.0
    """
    (x,) = _floats("gammasgn", x)
    whole = el.floor(x)
    odd = (whole * 0.5) != el.floor(whole * 0.5)
    below = where(whole == x, math.nan, where(odd, -1.0, 1.0))
    at_zero = where(1 / x < 0, -1.0, 1.0)
    return where(x < 0, below, where(x == 0, at_zero, where(x != x, x, 1.0)))


# Stirling: log Γ(x) = (x - 1/2) log x - x + log(2π)/2 + correction(x), B_2k/(2k (2k-1)) x^{1-2k}
_STIRLING = (
    1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400,
)  # fmt: skip
_LARGE = 10.0


def _correction(x: Any) -> Any:
    v = 1 / (x * x)
    total: Any = _STIRLING[-1]
    for c in reversed(_STIRLING[:-1]):
        total = total * v + c
    return total / x


def betaln(a: Any, b: Any, /) -> Value:
    """log |B(a, b)|, accurate for large arguments too.

    >>> from bibun.scipy import special
    >>> round(float(special.betaln(2.0, 3.0)), 6)
    -2.484907
    """
    a, b = _floats("betaln", a, b)
    swap = a > b
    p, q = where(swap, b, a), where(swap, a, b)  # p <= q
    large, both = q >= _LARGE, p >= _LARGE
    middle = large & (p > 0) & ~both
    plain = el.lgamma(p) + el.lgamma(q) - el.lgamma(p + q)

    one = p.dtype.type(1)
    p_, q_ = where(both, p, _LARGE * one), where(both, q, _LARGE * one)
    share = p_ / (p_ + q_)
    high = (
        -0.5 * el.log(q_) + 0.5 * math.log(2 * math.pi)
        + _correction(p_) + _correction(q_) - _correction(p_ + q_)
        + (p_ - 0.5) * el.log(share) + q_ * el.log1p(-share)
    )  # fmt: skip

    p_, q_ = where(middle, p, one), where(middle, q, _LARGE * one)
    half = (
        el.lgamma(p_) + _correction(q_) - _correction(p_ + q_) + p_ - p_ * el.log(p_ + q_)
        + (q_ - 0.5) * el.log1p(-p_ / (p_ + q_))
    )  # fmt: skip
    return where(both, high, where(middle, half, plain))


def beta(a: Any, b: Any, /) -> Value:
    """The beta function gamma(a) gamma(b) / gamma(a + b).

    >>> from bibun.scipy import special
    >>> round(float(special.beta(2.0, 3.0)), 6)
    0.083333
    """
    a, b = _floats("beta", a, b)
    sign = gammasgn(a) * gammasgn(b) * gammasgn(a + b)
    return sign * el.exp(betaln(a, b))


def betaincc(a: Any, b: Any, x: Any, /) -> Value:
    """1 - betainc(a, b, x), accurate where it is small.

    >>> from bibun.scipy import special
    >>> round(float(special.betaincc(2.0, 3.0, 0.5)), 6)
    0.3125
    """
    a, b, x = _floats("betaincc", a, b, x)
    return el.betainc(b, a, 1 - x)


def multigammaln(a: Any, d: int) -> Value:
    """log of the multivariate gamma function of dimension d at a > (d - 1)/2.

    >>> from bibun.scipy import special
    >>> round(float(special.multigammaln(3.0, 2)), 6)
    1.550195
    """
    (a,) = _floats("multigammaln", a)
    d = as_int("multigammaln", "d", d)
    if d < 1:
        raise ValueError(f"multigammaln: the dimension d must be positive, got {d}")
    halves = arange(d) * 0.5
    constant = 0.25 * d * (d - 1) * math.log(math.pi)
    return sum_(el.lgamma(expand_dims(a, -1) - halves.astype(a.dtype)), -1) + constant


def poch(z: Any, m: Any, /) -> Value:
    """Pochhammer's symbol, the rising factorial gamma(z + m) / gamma(z).

    >>> from bibun.scipy import special
    >>> round(float(special.poch(2.0, 3.0)), 6)
    24.0
    """
    z, m = _floats("poch", z, m)
    size = el.exp(el.lgamma(z + m) - el.lgamma(z))
    return where(m == 0, 1.0, gammasgn(z + m) * gammasgn(z) * size)


def binom(n: Any, k: Any, /) -> Value:
    """The binomial coefficient as a function of real n and k.

    >>> from bibun.scipy import special
    >>> round(float(special.binom(5.0, 2.0)), 6)
    10.0
    """
    n, k = _floats("binom", n, k)
    sign = gammasgn(n + 1) * gammasgn(n - k + 1) * gammasgn(k + 1)
    # 1/B(1 + n - k, 1 + k)/(n + 1); a pole of the gamma function below makes it 0
    below = ((n - k < 0) & (el.floor(n - k) == n - k)) | ((k < 0) & (el.floor(k) == k))
    bad = (n < 0) & (el.floor(n) == n)
    a, b = where(below | bad, 1.0, 1 + n - k), where(below | bad, 1.0, 1 + k)
    size = el.exp(-betaln(a, b)) / el.abs(where(bad, 1.0, n + 1))
    return where(bad, math.nan, where(below, 0.0, where(below, 1.0, sign) * size))


def comb(N: Any, k: Any, *, exact: bool = False, repetition: bool = False) -> Value:
    """How many ways there are to choose k of N things (with repetition if asked).

    `exact` is not supported: results are floats.

    >>> from bibun.scipy import special
    >>> round(float(special.comb(5, 2)), 6)
    10.0
    """
    if exact:
        raise NotImplementedError("comb: exact=True needs integers of any size; use math.comb")
    N, k = _floats("comb", N, k)
    if repetition:
        return comb(N + k - 1, k)
    fits = (k <= N) & (N >= 0) & (k >= 0)
    return where(fits, binom(where(fits, N, 1.0), where(fits, k, 1.0)), 0.0)


def perm(N: Any, k: Any, exact: bool = False) -> Value:
    """How many ordered selections of k of N things there are.

    >>> from bibun.scipy import special
    >>> round(float(special.perm(5, 2)), 6)
    20.0
    """
    if exact:
        raise NotImplementedError("perm: exact=True needs integers of any size; use math.perm")
    N, k = _floats("perm", N, k)
    fits = (k <= N) & (N >= 0) & (k >= 0)
    return where(fits, poch(where(fits, N - k + 1, 1.0), where(fits, k, 1.0)), 0.0)


def factorial(n: Any, exact: bool = False) -> Value:
    """gamma(n + 1), and 0 for negative n.

    >>> from bibun.scipy import special
    >>> print(special.factorial(4))
    24.0
    """
    if exact:
        raise NotImplementedError("factorial: exact=True needs integers; use math.factorial")
    (n,) = _floats("factorial", n)
    return where(n < 0, 0.0, sp.gamma(where(n < 0, 0.0, n) + 1))


# zeta --------------------------------------------------------------------------------------------

def zeta(x: Any, q: Any = None, out: None = None) -> Value:
    """Hurwitz's zeta function Σ (k + q)^-x; without q Riemann's, for every real x.

    Differentiable in x and q.

    >>> from bibun.scipy import special
    >>> round(float(special.zeta(2.0)), 6)
    1.644934
    """
    if q is not None:
        return el.zeta(*_floats("zeta", x, q))
    (x,) = _floats("zeta", x)
    above, negative = x > 1, x < 0
    one = x.dtype.type(1)
    direct = el.zeta(where(above, x, 2.0), el.exp(0 * x))
    s = where(above | negative | (x == 1), 0.5, x)
    strip = euler_maclaurin(s, one)
    # the functional equation (DLMF 25.4.1)
    t = where(negative, 1 - x, 2.0)
    mirrored = (
        2 * el.exp(-t * math.log(2 * math.pi)) * _cos_quarter(t) * sp.gamma(t)
        * el.zeta(t, el.exp(0 * t))
    )  # fmt: skip
    out_ = where(above, direct, where(negative, mirrored, strip))
    return where(x == 1, math.inf, where(x != x, x, out_))


def _cos_quarter(t: Any) -> Any:
    """cos(πt/2), 0 at odd t."""
    u = t - 4 * el.round_even(t * 0.25)
    return where(el.abs(u) == 1, -_sine(el.abs(u) - 1), el.cos(u * (math.pi / 2)))


def _sine(u: Any) -> Any:
    return el.sin(u * (math.pi / 2))


def rgamma(x: Any, /) -> Value:
    """1/gamma(x), 0 at 0, -1, -2, …

    >>> from bibun.scipy import special
    >>> round(float(special.rgamma(5.0)), 6)
    0.041667
    """
    (x,) = _floats("rgamma", x)
    pole = (x <= 0) & (el.floor(x) == x)
    return where(pole, 0.0, 1 / sp.gamma(where(pole, 1.0, x)))


def zetac(x: Any, /) -> Value:
    """Riemann's zeta function less 1.

    >>> from bibun.scipy import special
    >>> round(float(special.zetac(2.0)), 6)
    0.644934
    """
    (x,) = _floats("zetac", x)
    large = x > 1
    return where(large, zeta(where(large, x, 2.0), 2.0), zeta(where(large, 0.0, x)) - 1)


def bernoulli(n: int) -> Value:
    """Bernoulli's numbers B_0, …, B_n, with B_1 = -1/2.

    Errors: ValueError for negative n.

    >>> from bibun.scipy import special
    >>> print(special.bernoulli(4).round(4))
    [ 1.     -0.5     0.1667  0.     -0.0333]
    """
    from fractions import Fraction

    from bibun.numpy.creation import asarray

    n = as_int("bernoulli", "n", n)
    if n < 0:
        raise ValueError(f"bernoulli: n must be at least 0, got {n}")
    found = [Fraction(1)]
    for m in range(1, n + 1):
        total = sum(math.comb(m + 1, k) * b for k, b in enumerate(found))
        found.append(-total / (m + 1))
    return asarray([float(b) for b in found])
