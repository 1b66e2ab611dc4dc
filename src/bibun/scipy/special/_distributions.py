"""Distribution functions under the names of Cephes: sums and tails of classical densities."""

from __future__ import annotations

import math
from typing import Any

from bibun.array import Value
from bibun.numpy._common import promote_inexact, value
from bibun.numpy.elementwise import where
from bibun.ops import elementwise as el
from bibun.ops import special as sp

__all__ = [
    "bdtr", "bdtrc", "chdtr", "chdtrc", "chdtri", "fdtr", "fdtrc", "fdtri", "gdtr", "gdtrc",
    "nbdtr", "nbdtrc", "pdtr", "pdtrc",
]  # fmt: skip


def _floats(name: str, *xs: Any) -> list[Any]:
    return [value(name, f"{i + 1}", x) for i, x in enumerate(promote_inexact(name, *xs))]


def chdtr(v: Any, x: Any, /) -> Value:
    """The chi-squared distribution function with v degrees of freedom, at x.

    >>> from bibun.scipy import special
    >>> round(float(special.chdtr(2.0, 1.0)), 6)
    0.393469
    """
    v, x = _floats("chdtr", v, x)
    return where(x < 0, 0.0, el.igamma(0.5 * v, 0.5 * where(x < 0, 1.0, x)))


def chdtrc(v: Any, x: Any, /) -> Value:
    """1 - chdtr(v, x), accurate where it is small.

    >>> from bibun.scipy import special
    >>> round(float(special.chdtrc(2.0, 1.0)), 6)
    0.606531
    """
    v, x = _floats("chdtrc", v, x)
    return where(x < 0, 1.0, el.igammac(0.5 * v, 0.5 * where(x < 0, 1.0, x)))


def chdtri(v: Any, p: Any, /) -> Value:
    """x with chdtrc(v, x) = p.

    >>> from bibun.scipy import special
    >>> round(float(special.chdtri(2.0, 0.5)), 6)
    1.386294
    """
    v, p = _floats("chdtri", v, p)
    return 2 * sp.igammac_inv(0.5 * v, p)


def gdtr(a: Any, b: Any, x: Any, /) -> Value:
    """The gamma distribution function of shape b and rate a, at x.

    >>> from bibun.scipy import special
    >>> round(float(special.gdtr(1.0, 2.0, 1.0)), 6)
    0.264241
    """
    a, b, x = _floats("gdtr", a, b, x)
    return el.igamma(b, a * x)


def gdtrc(a: Any, b: Any, x: Any, /) -> Value:
    """1 - gdtr(a, b, x).

    >>> from bibun.scipy import special
    >>> round(float(special.gdtrc(1.0, 2.0, 1.0)), 6)
    0.735759
    """
    a, b, x = _floats("gdtrc", a, b, x)
    return el.igammac(b, a * x)


def pdtr(k: Any, m: Any, /) -> Value:
    """The probability of at most k events, of a Poisson distribution of mean m.

    >>> from bibun.scipy import special
    >>> round(float(special.pdtr(1.0, 2.0)), 6)
    0.406006
    """
    k, m = _floats("pdtr", k, m)
    return el.igammac(el.floor(k) + 1, m)


def pdtrc(k: Any, m: Any, /) -> Value:
    """The probability of more than k events, of a Poisson distribution of mean m.

    >>> from bibun.scipy import special
    >>> round(float(special.pdtrc(1.0, 2.0)), 6)
    0.593994
    """
    k, m = _floats("pdtrc", k, m)
    return el.igamma(el.floor(k) + 1, m)


def bdtr(k: Any, n: Any, p: Any, /) -> Value:
    """The probability of at most k successes in n trials of probability p.

    >>> from bibun.scipy import special
    >>> round(float(special.bdtr(1.0, 3.0, 0.5)), 6)
    0.5
    """
    k, n, p = _floats("bdtr", k, n, p)
    k = el.floor(k)
    inside = (k >= 0) & (k < n)
    out = el.betainc(where(inside, n - k, 1.0), where(inside, k, 0.0) + 1, 1 - p)
    return where(k > n, math.nan, where(k < 0, 0.0, where(inside, out, 1.0)))


def bdtrc(k: Any, n: Any, p: Any, /) -> Value:
    """The probability of more than k successes in n trials of probability p.

    >>> from bibun.scipy import special
    >>> round(float(special.bdtrc(1.0, 3.0, 0.5)), 6)
    0.5
    """
    k, n, p = _floats("bdtrc", k, n, p)
    k = el.floor(k)
    inside = (k >= 0) & (k < n)
    out = el.betainc(where(inside, k, 0.0) + 1, where(inside, n - k, 1.0), p)
    return where(k > n, math.nan, where(k < 0, 1.0, where(inside, out, 0.0)))


def nbdtr(k: Any, n: Any, p: Any, /) -> Value:
    """The probability of at most k failures before the n-th success.

    >>> from bibun.scipy import special
    >>> round(float(special.nbdtr(1.0, 2.0, 0.5)), 6)
    0.5
    """
    k, n, p = _floats("nbdtr", k, n, p)
    k = el.floor(k)
    return where(k < 0, 0.0, el.betainc(n, where(k < 0, 0.0, k) + 1, p))


def nbdtrc(k: Any, n: Any, p: Any, /) -> Value:
    """The probability of more than k failures before the n-th success.

    >>> from bibun.scipy import special
    >>> round(float(special.nbdtrc(1.0, 2.0, 0.5)), 6)
    0.5
    """
    k, n, p = _floats("nbdtrc", k, n, p)
    k = el.floor(k)
    return where(k < 0, 1.0, el.betainc(where(k < 0, 0.0, k) + 1, n, 1 - p))


def fdtr(dfn: Any, dfd: Any, x: Any, /) -> Value:
    """The F distribution function with dfn and dfd degrees of freedom, at x.

    >>> from bibun.scipy import special
    >>> round(float(special.fdtr(2.0, 4.0, 1.0)), 6)
    0.555556
    """
    n, d, x = _floats("fdtr", dfn, dfd, x)
    return el.betainc(0.5 * n, 0.5 * d, n * x / (d + n * x))


def fdtrc(dfn: Any, dfd: Any, x: Any, /) -> Value:
    """1 - fdtr(dfn, dfd, x), accurate where it is small.

    >>> from bibun.scipy import special
    >>> round(float(special.fdtrc(2.0, 4.0, 1.0)), 6)
    0.444444
    """
    n, d, x = _floats("fdtrc", dfn, dfd, x)
    return el.betainc(0.5 * d, 0.5 * n, d / (d + n * x))


def fdtri(dfn: Any, dfd: Any, p: Any, /) -> Value:
    """x with fdtr(dfn, dfd, x) = p.

    >>> from bibun.scipy import special
    >>> round(float(special.fdtri(2.0, 4.0, 0.5)), 6)
    0.828427
    """
    n, d, p = _floats("fdtri", dfn, dfd, p)
    y = sp.betainc_inv(0.5 * n, 0.5 * d, p)  # n x/(d + n x), small where x is
    z = sp.betainc_inv(0.5 * d, 0.5 * n, 1 - p)  # d/(d + n x)
    return d / n * where(y < 0.5, y / (1 - y), (1 - z) / z)
