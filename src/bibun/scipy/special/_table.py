"""Special functions that are one op: elementwise, with broadcasting and promotion."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from bibun.array import Value
from bibun.numpy._common import promote_inexact, public
from bibun.numpy.elementwise import cbrt, exp2, expm1, log1p
from bibun.ops import elementwise as el
from bibun.ops import special as sp

__all__ = ["cbrt", "exp2", "expm1", "log1p", "psi"]

_DOC = """{summary}

    Elementwise in {args}; integers become floats.

    >>> from bibun.scipy import special
    >>> round(float(special.{name}({given})), 6)
    {result}
    """

# name, op, arguments, summary, example arguments, example result
Row = tuple[str, Callable[..., Any], str, str, str, str]
_TABLE: list[Row] = [
    ("gamma", sp.gamma, "x", "The gamma function; inf at 0, nan at negative integers.",
     "5.0", "24.0"),
    ("gammaln", el.lgamma, "x", "log of |gamma(x)|.",
     "5.0", "3.178054"),
    ("digamma", el.digamma, "x", "The logarithmic derivative of the gamma function.",
     "1.0", "-0.577216"),
    ("polygamma", el.polygamma, "n, x",
     "The n-th derivative of digamma at x; n is a whole number, held constant.",
     "1, 1.0", "1.644934"),
    ("gammainc", el.igamma, "a, x", "The regularised lower incomplete gamma function P(a, x).",
     "2.0, 1.0", "0.264241"),
    ("gammaincc", el.igammac, "a, x",
     "The regularised upper incomplete gamma function Q(a, x) = 1 - P(a, x).",
     "2.0, 1.0", "0.735759"),
    ("gammaincinv", sp.igamma_inv, "a, y", "x with gammainc(a, x) = y.",
     "2.0, 0.5", "1.678347"),
    ("gammainccinv", sp.igammac_inv, "a, y", "x with gammaincc(a, x) = y.",
     "2.0, 0.5", "1.678347"),
    ("betainc", el.betainc, "a, b, x", "The regularised incomplete beta function I_x(a, b).",
     "2.0, 3.0, 0.5", "0.6875"),
    ("betaincinv", sp.betainc_inv, "a, b, y", "x with betainc(a, b, x) = y.",
     "2.0, 3.0, 0.5", "0.385728"),
    ("stdtr", sp.student_t_cdf, "df, t", "The distribution function of Student's t.",
     "2.0, 1.0", "0.788675"),
    ("stdtrit", sp.student_t_quantile, "df, p", "t with stdtr(df, t) = p.",
     "2.0, 0.75", "0.816497"),
    ("erf", el.erf, "x", "The error function.",
     "1.0", "0.842701"),
    ("erfc", el.erfc, "x", "1 - erf(x), accurate for large x.",
     "1.0", "0.157299"),
    ("erfcx", sp.erfcx, "x", "exp(x²) erfc(x).",
     "1.0", "0.427584"),
    ("erfi", sp.imaginary_erf, "x", "The imaginary error function, -i erf(ix).",
     "1.0", "1.650426"),
    ("erfinv", el.erf_inv, "x", "The inverse of erf.",
     "0.5", "0.476936"),
    ("dawsn", sp.dawson, "x",
     "Dawson's integral, exp(-x²) times the integral of exp(t²) from 0 to x.",
     "1.0", "0.53808"),
    ("ndtri", sp.ndtri, "x", "The standard normal quantile function.",
     "0.975", "1.959964"),
    ("log_ndtr", sp.log_ndtr, "x", "log ndtr(x), without underflow.",
     "-1.0", "-1.841022"),
    ("owens_t", sp.owens_t, "h, a",
     "Owen's T: the probability of X > h and 0 < Y < aX, X and Y standard normal.",
     "1.0, 1.0", "0.066742"),
    ("expit", el.logistic, "x", "The logistic function, 1/(1 + exp(-x)).",
     "0.0", "0.5"),
    ("j0", sp.bessel_j0, "x", "The Bessel function of the first kind of order 0.",
     "1.0", "0.765198"),
    ("j1", sp.bessel_j1, "x", "The Bessel function of the first kind of order 1.",
     "1.0", "0.440051"),
    ("y0", sp.bessel_y0, "x", "The Bessel function of the second kind of order 0.",
     "1.0", "0.088257"),
    ("y1", sp.bessel_y1, "x", "The Bessel function of the second kind of order 1.",
     "1.0", "-0.781213"),
    ("i0e", el.bessel_i0e, "x", "exp(-|x|) i0(x).",
     "1.0", "0.46576"),
    ("i1e", el.bessel_i1e, "x", "exp(-|x|) i1(x).",
     "1.0", "0.20791"),
    ("k0e", sp.bessel_k0e, "x", "exp(x) k0(x).",
     "1.0", "1.144463"),
    ("k1e", sp.bessel_k1e, "x", "exp(x) k1(x).",
     "1.0", "1.636153"),
    ("expi", sp.exponential_integral, "x", "The exponential integral Ei(x).",
     "1.0", "1.895118"),
    ("exp1", sp.exponential_integral_e1, "x",
     "The exponential integral E_1(x), the integral of exp(-xt)/t from 1 to infinity.",
     "1.0", "0.219384"),
    ("expn", sp.generalized_exponential_integral, "n, x",
     "The exponential integral E_n(x), for whole n >= 0.",
     "2, 1.0", "0.148496"),
    ("spence", sp.dilogarithm, "z", "The integral of log(t)/(1 - t) from 1 to z.",
     "2.0", "-0.822467"),
    ("ellipk", sp.elliptic_k, "m", "The complete elliptic integral of the first kind.",
     "0.5", "1.854075"),
    ("ellipe", sp.elliptic_e, "m", "The complete elliptic integral of the second kind.",
     "0.5", "1.350644"),
    ("ellipkinc", functools.partial(sp.incomplete_elliptic_f, derivative=0), "phi, m",
     "The incomplete elliptic integral of the first kind. Differentiable in both, to any order.",
     "1.0, 0.5", "1.083217"),
    ("ellipeinc", functools.partial(sp.incomplete_elliptic_e, derivative=0), "phi, m",
     "The incomplete elliptic integral of the second kind. Differentiable in both, to any order.",
     "1.0, 0.5", "0.92733"),
    ("hyp1f1", functools.partial(sp.hyp1f1, orders=(0, 0)), "a, b, x",
     "Kummer's confluent hypergeometric function, differentiable in all arguments, to any order.",
     "1.0, 2.0, 0.5", "1.297443"),
    ("hyp2f1", functools.partial(sp.hyp2f1, orders=(0, 0, 0)), "a, b, c, z",
     "Gauss's hypergeometric function, differentiable in all arguments, to any order.",
     "1.0, 2.0, 3.0, 0.5", "1.545177"),
]  # fmt: skip


def install(namespace: dict[str, Any], rows: list[Row]) -> list[str]:
    """Put the functions of a table into a module; their names."""
    for name, op, args, summary, given, result in rows:
        fun = _elementwise(name, op, len(args.split(", ")))
        doc = _DOC.format(summary=summary, name=name, args=args, given=given, result=result)
        namespace[name] = public(name, namespace["__name__"], doc)(fun)
    return [row[0] for row in rows]


def _elementwise(name: str, op: Callable[..., Any], count: int) -> Callable[..., Value]:
    def one(x: Any, /) -> Value:
        return op(*promote_inexact(name, x))

    def two(x: Any, y: Any, /) -> Value:
        return op(*promote_inexact(name, x, y))

    def three(x: Any, y: Any, z: Any, /) -> Value:
        return op(*promote_inexact(name, x, y, z))

    def four(w: Any, x: Any, y: Any, z: Any, /) -> Value:
        return op(*promote_inexact(name, w, x, y, z))

    return (one, two, three, four)[count - 1]


__all__ += install(globals(), _TABLE)

psi = globals()["digamma"]
