"""The gamma function, inverses of the incomplete gamma and beta functions, Student's t.

An inverse is differentiated as one: with P(a, x) = p, dx = (dp - P_a da) / density(x). For the
gamma function compiled code uses Lanczos's approximation in the form of Boost (g = 6.0247, 13
terms, error about 1e-16), which needs one power; negative arguments are reflected.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bibun.ops.elementwise import (
    absorb_mul,
    add,
    betainc_grad_a,
    betainc_grad_b,
    digamma,
    div,
    exp,
    lgamma,
    log1p,
    mul,
    neg,
    random_gamma_grad,
    sign,
    square,
    sub,
)
from bibun.ops.elementwise.incomplete import beta_density, gamma_density
from bibun.ops.elementwise.special import scipy_special
from bibun.ops.families.elementwise import elementwise, unary
from bibun.ops.special.common import horner, in_double, number
from bibun.ops.special.normal import lower_ndtri

# J. Maddock, Boost.Math "lanczos13m53", after Godfrey: Γ(z) = (z+g-1/2)^{z-1/2} e^{-(z+g-1/2)} N/D
_G = 6.024680040776729583740234375
_NUMERATOR = (
    23531376880.410759688572007674451636754734, 42919803642.649098768957899047001988850926,
    35711959237.355668049440185451547166705960, 17921034426.037209699919755754458931112671,
    6039542586.3520280050642916443072979210699, 1439720407.3117216736632230727949123939715,
    248874557.86205415651146038641322942321632, 31426415.585400194380614231628318205362874,
    2876370.6289353724412254090516208496135991, 186056.26539522349504029498971604569928220,
    8071.6720023658162106380029022722506138218, 210.82427775157934587250973392071336271166,
    2.5066282746310002701649081771338373386264,
)  # fmt: skip
_DENOMINATOR = (
    0.0, 39916800.0, 120543840.0, 150917976.0, 105258076.0, 45995730.0, 13339535.0, 2637558.0,
    357423.0, 32670.0, 1925.0, 66.0, 1.0,
)  # fmt: skip


@in_double
def _lower_gamma(b: Any, x: Any) -> Any:
    half, one = number(b, 0.5), number(b, 1.0)
    low = b.compare("lt", x, half)
    z = b.select(low, b.sub(one, x), x)
    z = b.min(z, number(b, 175.0))
    base = b.add(z, number(b, _G - 0.5))
    # half the power twice: the whole overflows before the result does
    power = b.math("pow", base, b.mul(half, b.sub(z, half)))
    lanczos = b.div(horner(b, z, _NUMERATOR), horner(b, z, _DENOMINATOR))
    y = b.mul(b.mul(b.div(power, b.math("exp", base)), power), lanczos)
    y = b.select(b.compare("gt", z, number(b, 171.7)), number(b, math.inf), y)
    # π / (sin(πx) Γ(1 - x)), with sin(πx) = ± sin(π(x - n))
    n = b.rint(x)
    odd = b.sub(b.mul(half, n), b.floor(b.mul(half, n)))
    wave = b.math("sin", b.mul(number(b, math.pi), b.sub(x, n)))
    wave = b.select(b.compare("ne", odd, number(b, 0.0)), b.neg(wave), wave)
    mirrored = b.div(b.div(number(b, math.pi), wave), y)
    pole = b.bit_and(b.compare("eq", x, n), b.compare("lt", x, number(b, 0.0)))
    mirrored = b.select(pole, number(b, math.nan), mirrored)
    # -0 - -0 is +0, but the sign of inf is wanted
    mirrored = b.select(b.compare("eq", x, number(b, 0.0)), b.div(one, x), mirrored)
    return b.select(low, mirrored, y)


gamma = unary(
    "gamma",
    scipy_special("gamma"),
    partial=lambda x, y: mul(y, digamma(x)),
    lower=_lower_gamma,
    points=(-1.6, 0.3, 1.7, 12.0),
    cost=60.0,
    doc="The gamma function; inf at 0, nan at -1, -2, …",
)

_GAMMA_POINTS = ((0.6, 1.3, 2.2, 7.0), (0.3, 0.15, 0.8, 0.6))

igamma_inv = elementwise(
    "igamma_inv",
    scipy_special("gammaincinv"),
    arity=2,
    lower="igamma_inv",
    partials=(
        lambda a, p, x: random_gamma_grad(a, x),
        lambda a, p, x: div(1.0, gamma_density(a, x)),
    ),
    points=_GAMMA_POINTS,
    special=False,
    cost=500.0,
    doc="x with igamma(a, x) = p: the quantile function of Gamma(a).",
)

igammac_inv = elementwise(
    "igammac_inv",
    scipy_special("gammainccinv"),
    arity=2,
    lower="igammac_inv",
    partials=(
        lambda a, q, x: random_gamma_grad(a, x),
        lambda a, q, x: div(-1.0, gamma_density(a, x)),
    ),
    points=_GAMMA_POINTS,
    special=False,
    cost=500.0,
    doc="x with igammac(a, x) = q, accurate for small q.",
)

betainc_inv = elementwise(
    "betainc_inv",
    scipy_special("betaincinv"),
    arity=3,
    lower="betainc_inv",
    partials=(
        lambda a, b, p, x: neg(div(betainc_grad_a(a, b, x), beta_density(a, b, x))),
        lambda a, b, p, x: neg(div(betainc_grad_b(a, b, x), beta_density(a, b, x))),
        lambda a, b, p, x: div(1.0, beta_density(a, b, x)),
    ),
    points=((0.6, 1.5, 3.0, 8.0), (0.8, 2.5, 1.2, 5.0), (0.3, 0.15, 0.8, 0.6)),
    special=False,
    cost=800.0,
    doc="x with betainc(a, b, x) = p: the quantile function of Beta(a, b).",
)

# Student's t ----------------------------------------------------------------------------------


def _t_density(df: Any, t: Any) -> Any:
    half = mul(0.5, df)
    size = sub(lgamma(add(half, 0.5)), lgamma(half))
    bulk = mul(add(half, 0.5), log1p(div(square(t), df)))
    root = mul(0.5, log1p(sub(mul(math.pi, df), 1.0)))  # log(π df)/2
    return exp(sub(sub(size, root), bulk))


def _t_cdf_by_df(df: Any, t: Any) -> Any:
    """With x = df/(df + t²), F = 1 - I_x(df/2, 1/2)/2 for t > 0, and odd about 1/2."""
    half = mul(0.5, df)
    x = div(df, add(df, square(t)))
    own = mul(mul(-0.25, sign(t)), betainc_grad_a(half, add(mul(0.0, x), 0.5), x))
    return sub(own, div(absorb_mul(t, _t_density(df, t)), mul(2.0, df)))


@in_double
def _lower_t(b: Any, df: Any, t: Any) -> Any:
    """Half an incomplete beta function, of df/(df + t²), given with its difference to 1."""
    half, one, zero = number(b, 0.5), number(b, 1.0), number(b, 0.0)
    normal = b.compare("gt", df, number(b, 1e15))
    df = b.select(normal, one, df)
    size = b.abs(t)
    # relative to the larger of t² and df, so that neither square overflows
    ratio = b.div(size, b.sqrt(df))
    centre = b.compare("lt", ratio, one)
    small = b.select(centre, ratio, b.div(one, ratio))
    square = b.mul(small, small)
    more, less = b.div(one, b.add(one, square)), b.div(square, b.add(one, square))
    x, y = b.select(centre, more, less), b.select(centre, less, more)
    tail = b.mul(half, b.math("betainc_parted", b.mul(half, df), half, x, y))
    away = b.mul(half, b.math("erfc", b.mul(size, number(b, math.sqrt(0.5)))))
    tail = b.select(normal, away, tail)
    tail = b.select(b.compare("gt", t, zero), b.sub(one, tail), tail)
    bad = b.bit_or(b.compare("ne", t, t), b.bit_not(b.compare("gt", df, zero)))
    return b.select(bad, number(b, math.nan), tail)


student_t_cdf = elementwise(
    "student_t_cdf",
    scipy_special("stdtr"),
    arity=2,
    lower=_lower_t,
    partials=(
        lambda df, t, out: _t_cdf_by_df(df, t),
        lambda df, t, out: _t_density(df, t),
    ),
    points=((0.6, 1.5, 3.0, 30.0), (0.3, -1.5, 0.8, 2.6)),
    special=False,
    cost=300.0,
    doc="The distribution function of Student's t with df degrees of freedom, at t.",
)

@in_double
def _lower_t_quantile(b: Any, df: Any, p: Any) -> Any:
    """t² = df (1-x)/x, x the quantile of Beta(df/2, 1/2); normal with a correction beyond 1e8."""
    half, one = number(b, 0.5), number(b, 1.0)
    low = b.compare("le", p, half)
    tail = b.select(low, p, b.sub(one, p))
    u = b.math("betainc_inv_logit", b.mul(half, df), half, b.add(tail, tail))
    size = b.mul(b.sqrt(df), b.math("exp", b.mul(number(b, -0.5), u)))
    z = b.neg(lower_ndtri(b, tail))
    cubic = b.mul(z, b.add(one, b.mul(z, z)))
    normal = b.add(z, b.div(b.mul(number(b, 0.25), cubic), df))
    normal = b.select(b.compare("eq", tail, number(b, 0.0)), z, normal)
    size = b.select(b.compare("gt", df, number(b, 1e8)), normal, size)
    return b.select(low, b.neg(size), size)


def _t_quantile(df: Any, p: Any) -> Any:
    """SciPy's, but -inf at p = 0, where SciPy has inf."""
    t = scipy_special("stdtrit")(df, p)
    return np.where((np.asarray(p) == 0) & (t == np.inf), -t, t).astype(t.dtype)


student_t_quantile = elementwise(
    "student_t_quantile",
    _t_quantile,
    arity=2,
    lower=_lower_t_quantile,
    partials=(
        lambda df, p, t: neg(div(_t_cdf_by_df(df, t), _t_density(df, t))),
        lambda df, p, t: div(1.0, _t_density(df, t)),
    ),
    points=((0.6, 1.5, 3.0, 30.0), (0.3, 0.15, 0.8, 0.6)),
    special=False,
    cost=800.0,
    doc="t with student_t_cdf(df, t) = p.",
)
