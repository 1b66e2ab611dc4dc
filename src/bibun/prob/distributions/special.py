"""Special functions of the densities, with promotion: integers and Python numbers welcome."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from bibun import numpy as bnp
from bibun.dtypes import default_float, promote
from bibun.ops import elementwise as el
from bibun.trace.core import type_of
from bibun.transforms import custom_jvp

LOG_2PI = math.log(2 * math.pi)


def _lift(op: Callable[..., Any]) -> Callable[..., Any]:
    """`op` on operands brought to their common floating dtype."""

    @functools.wraps(op)
    def call(*xs: Any) -> Any:
        dtype, _ = promote([(t.dtype, t.weak) for t in map(type_of, xs)])
        if dtype.kind != "f":
            dtype = default_float()
        return op(
            *(
                dtype.type(x)
                if isinstance(x, bool | int | float)
                else (x if x.dtype == dtype else el.convert(x, new_dtype=dtype))
                for x in xs
            )
        )

    return call


gammaln = _lift(lambda x: el.lgamma(x))
digamma = _lift(lambda x: el.digamma(x))
gammainc = _lift(lambda a, x: el.igamma(a, x))
gammaincc = _lift(lambda a, x: el.igammac(a, x))
betainc = _lift(lambda a, b, x: el.betainc(a, b, x))
erf = _lift(lambda x: el.erf(x))
erfc = _lift(lambda x: el.erfc(x))
erf_inv = _lift(lambda x: el.erf_inv(x))
sigmoid = _lift(lambda x: el.logistic(x))
i0e = _lift(lambda x: el.bessel_i0e(x))
i1e = _lift(lambda x: el.bessel_i1e(x))
floating = _lift(lambda x: x)


def betaln(a: Any, b: Any) -> Any:
    """log B(a, b)."""
    return gammaln(a) + gammaln(b) - gammaln(a + b)


def ndtr(x: Any) -> Any:
    """The standard normal cdf, accurate in both tails."""
    return 0.5 * erfc(-x / math.sqrt(2.0))


# Coefficients, constant term first, of numerator and denominator of the three ranges of
# Wichura's algorithm AS 241 (PPND16).
_CENTRE = (
    (3.3871328727963666080, 1.3314166789178437745e2, 1.9715909503065514427e3,
     1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
     3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
     2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4,
     5.2264952788528545610e3),
)  # fmt: skip
_MIDDLE = (
    (1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550,
     3.64784832476320460504, 1.27045825245236838258, 2.41780725177450611770e-1,
     2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187, 1.67638483018380384940, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
     1.05075007164441684324e-9),
)  # fmt: skip
_TAIL = (
    (6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580,
     2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
     2.71155556874348757815e-5, 2.01033439929228813265e-7),
    (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
     2.04426310338993978564e-15),
)  # fmt: skip


def _ratio(table: tuple[tuple[float, ...], tuple[float, ...]], x: Any) -> Any:
    parts = []
    for row in table:
        total: Any = row[-1]
        for coefficient in reversed(row[:-1]):
            total = total * x + coefficient
        parts.append(total)
    return parts[0] / parts[1]


def _ndtri(p: Any) -> Any:
    q = p - 0.5
    centre = q * _ratio(_CENTRE, 0.180625 - q * q)
    r = bnp.sqrt(-bnp.log(bnp.where(q < 0, p, 1 - p)))
    far = bnp.where(r <= 5.0, _ratio(_MIDDLE, r - 1.6), _ratio(_TAIL, r - 5.0))
    x = bnp.where(bnp.abs(q) <= 0.425, centre, bnp.sign(q) * far)
    x = bnp.where(p == 0, -bnp.inf, bnp.where(p == 1, bnp.inf, x))
    return bnp.where((p < 0) | (p > 1), bnp.nan, x)


_ndtri_rule = custom_jvp(_ndtri)


@_ndtri_rule.defjvp
def _ndtri_jvp(primals: Any, tangents: Any) -> Any:
    x = _ndtri_rule(primals[0])
    return x, tangents[0] * bnp.exp(0.5 * x * x + 0.5 * LOG_2PI)


def ndtri(p: Any) -> Any:
    """The standard normal quantile function, accurate in both tails.

    Source: Wichura, "Algorithm AS 241" (1988), relative error about 1e-16.
    """
    return _ndtri_rule(floating(p))


def xlogy(x: Any, y: Any) -> Any:
    """x log y, 0 where x is 0."""
    zero = x == 0
    return bnp.where(zero, 0.0, x * bnp.log(bnp.where(zero, 1.0, y)))


def xlog1py(x: Any, y: Any) -> Any:
    """x log(1 + y), 0 where x is 0."""
    zero = x == 0
    return bnp.where(zero, 0.0, x * bnp.log1p(bnp.where(zero, 0.0, y)))


def logsumexp(x: Any, axis: int = -1) -> Any:
    """log of the sum of exponentials along an axis; -inf where all are."""
    top = bnp.max(x, axis=axis, keepdims=True)
    top = bnp.where(bnp.isfinite(top), top, 0.0)
    total = bnp.log(bnp.sum(bnp.exp(x - top), axis=axis, keepdims=True)) + top
    return bnp.squeeze(total, axis=axis)
