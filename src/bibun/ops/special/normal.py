"""Tails and quantiles of the normal distribution: erfcx, log_ndtr, ndtri, Owen's T.

`erfcx(x) = exp(x²) erfc(x)` is what is left of a tail when its exponential is taken out:
log Φ(x) = -x²/2 + log(erfcx(-x/√2)/2), and d log Φ = √(2/π)/erfcx(-x/√2), both without
underflow. Compiled, all are straight-line: erfcx is the product with x² carried in two parts
up to 20 and the asymptotic series beyond (DLMF 7.12.1); the quantile is Wichura's.
"""

from __future__ import annotations

import math
from typing import Any

from bibun.ops.elementwise import add, div, erf, exp, gt, mul, select, square, sub
from bibun.ops.elementwise.special import scipy_special
from bibun.ops.families.elementwise import elementwise, unary
from bibun.ops.special.common import horner, in_double, number, polynomial

_ROOT_PI = math.sqrt(math.pi)
# erfcx(x) = 1/(x√π) Σ TAIL[n] x^{-2n}
_TAIL = [(-0.5) ** n * math.prod(range(1, 2 * n, 2)) for n in range(9)]


def _erfcx_slope(x: Any, y: Any) -> Any:
    """2 x y - 2/√π; beyond 50, where that cancels, the series differentiated."""
    far = gt(x, 50.0)
    v = div(1.0, square(select(far, 50.0, x)))
    series = [-(2 * n + 1) * c / _ROOT_PI for n, c in enumerate(_TAIL[:7])]
    near = sub(mul(mul(2.0, select(far, x, 0.0)), y), 2.0 / _ROOT_PI)
    return select(far, near, mul(v, polynomial(v, series)))


def _lower_erfcx_positive(b: Any, a: Any) -> Any:
    """erfcx(a) for a >= 0."""
    near = b.min(a, number(b, 20.0))
    high = b.mul(near, near)
    low = b.fma(near, near, b.neg(high))
    y = b.mul(b.math("exp", high), b.math("erfc", near))
    y = b.fma(y, low, y)
    far = b.max(a, number(b, 20.0))
    inverse = b.div(number(b, 1.0), far)
    tail = horner(b, b.mul(inverse, inverse), [c / _ROOT_PI for c in _TAIL])
    return b.select(b.compare("gt", a, number(b, 20.0)), b.mul(inverse, tail), y)


@in_double
def _lower_erfcx(b: Any, x: Any) -> Any:
    a = b.abs(x)
    y = _lower_erfcx_positive(b, a)
    a = b.min(a, number(b, 30.0))
    high = b.mul(a, a)
    grown = b.mul(number(b, 2.0), b.math("exp", high))
    # below -26.64 it is inf, whose correction would be inf too
    grown = b.fma(grown, b.fma(a, a, b.neg(high)), grown)
    full = b.compare("gt", a, number(b, 26.7))
    mirrored = b.select(full, number(b, math.inf), b.sub(grown, y))
    return b.select(b.compare("lt", x, number(b, 0.0)), mirrored, y)


erfcx = unary(
    "erfcx",
    scipy_special("erfcx"),
    partial=_erfcx_slope,
    lower=_lower_erfcx,
    points=(-2.1, -0.6, 0.3, 11.7),
    cost=60.0,
    doc="exp(x²) erfc(x), the scaled complementary error function.",
)


@in_double
def _lower_log_ndtr(b: Any, x: Any) -> Any:
    u = b.mul(x, number(b, -math.sqrt(0.5)))
    scaled = b.mul(number(b, 0.5), _lower_erfcx_positive(b, b.max(u, number(b, 0.0))))
    low = b.sub(b.math("log", scaled), b.mul(b.mul(number(b, 0.5), x), x))
    high = b.math("log1p", b.mul(number(b, -0.5), b.math("erfc", b.neg(u))))
    y = b.select(b.compare("lt", x, number(b, -1.0)), low, high)
    return b.select(b.compare("ne", x, x), x, y)


log_ndtr = unary(
    "log_ndtr",
    scipy_special("log_ndtr"),
    partial=lambda x, y: div(math.sqrt(2 / math.pi), erfcx(mul(x, -math.sqrt(0.5)))),
    lower=_lower_log_ndtr,
    points=(-30.0, -2.1, 0.3, 4.7),
    cost=100.0,
    doc="log of the standard normal distribution function, right in both tails.",
)

# Wichura, "Algorithm AS 241", Applied Statistics 37 (1988), PPND16: numerators and
# denominators, constant term first, for |p - 1/2| <= 0.425, r <= 5 and beyond.
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
_FAR = (
    (6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580,
     2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
     2.71155556874348757815e-5, 2.01033439929228813265e-7),
    (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
     2.04426310338993978564e-15),
)  # fmt: skip


@in_double
def lower_ndtri(b: Any, p: Any) -> Any:
    """The normal quantile in compiled code."""
    def ratio(table: Any, x: Any) -> Any:
        return b.div(horner(b, x, table[0]), horner(b, x, table[1]))

    half, zero, one = number(b, 0.5), number(b, 0.0), number(b, 1.0)
    q = b.sub(p, half)
    central = b.compare("le", b.abs(q), number(b, 0.425))
    centre = b.mul(q, ratio(_CENTRE, b.sub(number(b, 0.180625), b.mul(q, q))))
    tail = b.select(b.compare("lt", q, zero), p, b.sub(one, p))
    r = b.sqrt(b.neg(b.math("log", b.select(central, half, tail))))
    middle = ratio(_MIDDLE, b.sub(r, number(b, 1.6)))
    far = ratio(_FAR, b.sub(r, number(b, 5.0)))
    size = b.select(b.compare("le", r, number(b, 5.0)), middle, far)
    x = b.select(central, centre, b.copysign(size, q))
    x = b.select(b.compare("eq", p, zero), number(b, -math.inf), x)
    return b.select(b.compare("eq", p, one), number(b, math.inf), x)


ndtri = unary(
    "ndtri",
    scipy_special("ndtri"),
    partial=lambda p, y: mul(math.sqrt(2 * math.pi), exp(mul(0.5, square(y)))),
    lower=lower_ndtri,
    points=(0.01, 0.3, 0.55, 0.98),
    cost=60.0,
    doc="The standard normal quantile function; nan outside [0, 1].",
)

owens_t = elementwise(
    "owens_t",
    scipy_special("owens_t"),
    arity=2,
    lower="owens_t",
    partials=(
        lambda h, a, y: mul(
            mul(-0.5 / math.sqrt(2 * math.pi), exp(mul(-0.5, square(h)))),
            erf(mul(math.sqrt(0.5), mul(a, h))),
        ),
        lambda h, a, y: div(
            mul(0.5 / math.pi, exp(mul(-0.5, mul(square(h), add(1.0, square(a)))))),
            add(1.0, square(a)),
        ),
    ),
    points=((-2.1, -0.6, 0.3, 1.7), (0.4, -0.8, 1.5, 7.0)),
    cost=300.0,
    doc="Owen's T(h, a): P(X > h and 0 < Y < aX) of independent standard normal X, Y.",
)
