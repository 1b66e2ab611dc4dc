"""Special functions: the error function, the gamma family, Bessel functions, the beta integral.

SciPy's ufuncs evaluate them, imported on first use so that `import bibun` stays fast; compiled
code has vector math kernels of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bibun.ops.elementwise import inverse_erf
from bibun.ops.elementwise.arithmetic import add, div, mul, neg, sign, square, sub
from bibun.ops.elementwise.comparison import eq
from bibun.ops.elementwise.exponential import exp
from bibun.ops.elementwise.selection import select
from bibun.ops.families.elementwise import elementwise, partly, unary, underived


def scipy_special(name: str) -> Callable[..., Any]:
    """SciPy's function of that name, imported when it is first called."""
    found = None

    def call(*args: Any) -> Any:
        nonlocal found
        if found is None:
            import scipy.special

            found = getattr(scipy.special, name)
        return found(*args)

    return call


# Error functions -------------------------------------------------------------------------

erf = unary(
    "erf",
    scipy_special("erf"),
    partial=lambda x, y: mul(2.0 / math.sqrt(math.pi), exp(neg(square(x)))),
    lower="erf",
    cost=25.0,
    doc="The error function, 2/sqrt(pi) times the integral of exp(-t²) from 0 to x.",
)

erfc = unary(
    "erfc",
    scipy_special("erfc"),
    partial=lambda x, y: mul(-2.0 / math.sqrt(math.pi), exp(neg(square(x)))),
    lower="erfc",
    cost=30.0,
    doc="1 - erf(x), accurate for large x.",
)

erf_inv = unary(
    "erf_inv",
    inverse_erf.erf_inv,
    partial=lambda x, y: mul(math.sqrt(math.pi) / 2.0, exp(square(y))),
    lower="erf_inv",
    points=(-0.9, -0.3, 0.2, 0.7),
    cost=30.0,
    branches=True,
    doc="The inverse of erf on [-1, 1]; nan outside.",
)

# The gamma function and its logarithmic derivatives ------------------------------------------


_psi, _gammaln, _scipy_zeta = (scipy_special(n) for n in ("psi", "gammaln", "zeta"))


def _digamma(x: Any) -> Any:
    """SciPy's, with nan at -1, -2, …, where the limits from the two sides differ."""
    pole = np.less(x, 0) & (np.floor(x) == x)
    return np.where(pole, np.asarray(x).dtype.type(np.nan), _psi(x))


def _lgamma(x: Any) -> Any:
    """SciPy's, with C99's inf at -inf, and -log |x| where SciPy has inf for subnormals."""
    size = np.abs(x)
    tiny = (size < 1e-30) & (size > 0)
    out = np.where(tiny, -np.log(np.where(tiny, size, 1)), _gammaln(x))
    return np.where(size == np.inf, size, out).astype(np.asarray(x).dtype)


lgamma = unary(
    "lgamma",
    _lgamma,
    partial=lambda x, y: digamma(x),
    lower="lgamma",
    points=(-1.6, 0.3, 1.7, 12.0),
    cost=40.0,
    doc="log |gamma(x)|; inf at 0, -1, -2, … and at ±inf",
)

digamma = unary(
    "digamma",
    _digamma,
    partial=lambda x, y: trigamma(x),
    lower="digamma",
    points=(-1.6, 0.3, 1.7, 12.0),
    cost=40.0,
    doc="The derivative of lgamma; ∓inf at ±0, nan at -1, -2, …",
)

trigamma = unary(
    "trigamma",
    lambda x: _polygamma(1.0, x),
    partial=lambda x, y: polygamma(2.0, x),
    lower="trigamma",
    points=(-1.6, 0.3, 1.7, 12.0),
    cost=50.0,
    doc="The derivative of digamma; inf at 0, -1, -2, …",
)


def _polygamma(m: Any, x: Any) -> Any:
    """(-1)^(m+1) m! zeta(m + 1, x), and digamma for m = 0."""
    dtype = next(a.dtype for a in (x, m) if hasattr(a, "dtype"))
    m, x = np.asarray(m, np.float64), np.asarray(x, np.float64)
    size = np.exp(_gammaln(m + 1.0)) * _scipy_zeta(m + 1.0, x)
    out = np.where(np.fmod(m, 2.0) == 0, -size, size)
    out = np.where(m == 0, _psi(x), out)
    return np.where((m < 0) | (np.floor(m) != m) | np.isinf(m), np.nan, out).astype(dtype)


polygamma = elementwise(
    "polygamma",
    _polygamma,
    arity=2,
    lower="polygamma",
    partials=(
        underived("polygamma", "its order, which is a whole number"),
        lambda m, x, out: polygamma(add(m, 1.0), x),
    ),
    samples=partly([(0.0, 1.0, 2.0, 3.0), (0.4, 1.3, 2.2, 7.0)], (1,)),
    cost=200.0,
    doc="The m-th derivative of digamma at x, for whole m >= 0.",
)


# Bessel functions, scaled by exp(-|x|) -----------------------------------------------------

bessel_i0e = elementwise(
    "bessel_i0e",
    scipy_special("i0e"),
    arity=1,
    lower="bessel_i0e",
    partials=(lambda x, y: sub(bessel_i1e(x), mul(sign(x), y)),),
    points=((-2.1, -0.6, 0.3, 11.7),),
    cost=50.0,
    doc="exp(-|x|) I0(x), the scaled modified Bessel function of order 0.",
)


def _i1e_slope(x: Any, y: Any) -> Any:
    """I0e - I1e (sign x + 1/x), which tends to 1/2 at 0."""
    origin = eq(x, 0.0)
    safe = select(origin, x, 1.0)
    slope = sub(bessel_i0e(safe), mul(y, add(sign(safe), div(1.0, safe))))
    return select(origin, slope, 0.5)


bessel_i1e = elementwise(
    "bessel_i1e",
    scipy_special("i1e"),
    arity=1,
    lower="bessel_i1e",
    partials=(_i1e_slope,),
    points=((-2.1, -0.6, 0.3, 11.7),),
    cost=50.0,
    doc="exp(-|x|) I1(x), the scaled modified Bessel function of order 1.",
)

