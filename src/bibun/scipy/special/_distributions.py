"""Distribution functions under the names of Cephes: sums and tails of classical densities."""

from __future__ import annotations

import math
from typing import Any

from bibun.array import Value
from bibun.numpy._common import value
from bibun.numpy.elementwise import where
from bibun.ops import elementwise as el
from bibun.ops import special as sp
from bibun.scipy.special._table import Row, install

__all__: list[str] = []


def _values(*xs: Any) -> list[Value]:
    return [value("a distribution function", f"{i + 1}", x) for i, x in enumerate(xs)]


def _chi_squared(op: Any, below: float) -> Any:
    def apply(v: Any, x: Any) -> Value:
        v, x = _values(v, x)
        return where(x < 0, below, op(0.5 * v, 0.5 * where(x < 0, 1.0, x)))

    return apply


def _chi_squared_inverse(v: Any, p: Any) -> Value:
    v, p = _values(v, p)
    return 2 * sp.igammac_inv(0.5 * v, p)


def _gamma(op: Any) -> Any:
    def apply(a: Any, b: Any, x: Any) -> Value:
        a, b, x = _values(a, b, x)
        return op(b, a * x)

    return apply


def _poisson(op: Any) -> Any:
    def apply(k: Any, m: Any) -> Value:
        k, m = _values(k, m)
        return op(el.floor(k) + 1, m)

    return apply


def _binomial(tail: bool) -> Any:
    def apply(k: Any, n: Any, p: Any) -> Value:
        k, n, p = _values(k, n, p)
        k = el.floor(k)
        inside = (k >= 0) & (k < n)
        more, rest = where(inside, k, 0.0) + 1, where(inside, n - k, 1.0)
        out = el.betainc(more, rest, p) if tail else el.betainc(rest, more, 1 - p)
        none, all_ = (1.0, 0.0) if tail else (0.0, 1.0)
        return where(k > n, math.nan, where(k < 0, none, where(inside, out, all_)))

    return apply


def _negative_binomial(tail: bool) -> Any:
    def apply(k: Any, n: Any, p: Any) -> Value:
        k, n, p = _values(k, n, p)
        k = el.floor(k)
        more = where(k < 0, 0.0, k) + 1
        out = el.betainc(more, n, 1 - p) if tail else el.betainc(n, more, p)
        return where(k < 0, 1.0 if tail else 0.0, out)

    return apply


def _f(dfn: Any, dfd: Any, x: Any) -> Value:
    n, d, x = _values(dfn, dfd, x)
    return el.betainc(0.5 * n, 0.5 * d, n * x / (d + n * x))


def _f_tail(dfn: Any, dfd: Any, x: Any) -> Value:
    n, d, x = _values(dfn, dfd, x)
    return el.betainc(0.5 * d, 0.5 * n, d / (d + n * x))


def _f_inverse(dfn: Any, dfd: Any, p: Any) -> Value:
    n, d, p = _values(dfn, dfd, p)
    y = sp.betainc_inv(0.5 * n, 0.5 * d, p)  # n x/(d + n x), small where x is
    z = sp.betainc_inv(0.5 * d, 0.5 * n, 1 - p)  # d/(d + n x)
    return d / n * where(y < 0.5, y / (1 - y), (1 - z) / z)


_TABLE: list[Row] = [
    ("chdtr", _chi_squared(el.igamma, 0.0), "v, x",
     "The chi-squared distribution function with v degrees of freedom, at x.",
     "2.0, 1.0", "0.393469"),
    ("chdtrc", _chi_squared(el.igammac, 1.0), "v, x",
     "1 - chdtr(v, x), accurate where it is small.", "2.0, 1.0", "0.606531"),
    ("chdtri", _chi_squared_inverse, "v, p", "x with chdtrc(v, x) = p.", "2.0, 0.5", "1.386294"),
    ("gdtr", _gamma(el.igamma), "a, b, x",
     "The gamma distribution function of shape b and rate a, at x.", "1.0, 2.0, 1.0", "0.264241"),
    ("gdtrc", _gamma(el.igammac), "a, b, x", "1 - gdtr(a, b, x).", "1.0, 2.0, 1.0", "0.735759"),
    ("pdtr", _poisson(el.igammac), "k, m",
     "The probability of at most k events, of a Poisson distribution of mean m.",
     "1.0, 2.0", "0.406006"),
    ("pdtrc", _poisson(el.igamma), "k, m",
     "The probability of more than k events, of a Poisson distribution of mean m.",
     "1.0, 2.0", "0.593994"),
    ("bdtr", _binomial(False), "k, n, p",
     "The probability of at most k successes in n trials of probability p.",
     "1.0, 3.0, 0.5", "0.5"),
    ("bdtrc", _binomial(True), "k, n, p",
     "The probability of more than k successes in n trials of probability p.",
     "1.0, 3.0, 0.5", "0.5"),
    ("nbdtr", _negative_binomial(False), "k, n, p",
     "The probability of at most k failures before the n-th success.", "1.0, 2.0, 0.5", "0.5"),
    ("nbdtrc", _negative_binomial(True), "k, n, p",
     "The probability of more than k failures before the n-th success.", "1.0, 2.0, 0.5", "0.5"),
    ("fdtr", _f, "dfn, dfd, x",
     "The F distribution function with dfn and dfd degrees of freedom, at x.",
     "2.0, 4.0, 1.0", "0.555556"),
    ("fdtrc", _f_tail, "dfn, dfd, x", "1 - fdtr(dfn, dfd, x), accurate where it is small.",
     "2.0, 4.0, 1.0", "0.444444"),
    ("fdtri", _f_inverse, "dfn, dfd, p", "x with fdtr(dfn, dfd, x) = p.",
     "2.0, 4.0, 0.5", "0.828427"),
]  # fmt: skip
__all__ += install(globals(), _TABLE)
