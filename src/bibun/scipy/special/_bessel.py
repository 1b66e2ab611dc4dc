"""Bessel functions that are formulas of others, and other pairs of functions."""

from __future__ import annotations

import math
from typing import Any

from bibun.array import Value
from bibun.numpy._common import as_int, promote_inexact, value
from bibun.ops import elementwise as el
from bibun.ops import special as sp

__all__ = [
    "bessel_jn", "exp1", "fresnel", "i0", "i1", "jn", "k0", "k1", "kn", "kv", "kve", "shichi",
    "sici", "spherical_in", "spherical_jn", "spherical_kn", "spherical_yn", "yn",
]  # fmt: skip


def _float(name: str, x: Any) -> Value:
    return value(name, "x", promote_inexact(name, x)[0])


def i0(x: Any, /) -> Value:
    """The modified Bessel function of the first kind of order 0.

    >>> from bibun.scipy import special
    >>> round(float(special.i0(1.0)), 6)
    1.266066
    """
    x = _float("i0", x)
    return el.exp(el.abs(x)) * el.bessel_i0e(x)


def i1(x: Any, /) -> Value:
    """The modified Bessel function of the first kind of order 1.

    >>> from bibun.scipy import special
    >>> round(float(special.i1(1.0)), 6)
    0.565159
    """
    x = _float("i1", x)
    return el.exp(el.abs(x)) * el.bessel_i1e(x)


def k0(x: Any, /) -> Value:
    """The modified Bessel function of the second kind of order 0.

    >>> from bibun.scipy import special
    >>> round(float(special.k0(1.0)), 6)
    0.421024
    """
    x = _float("k0", x)
    return el.exp(-x) * sp.bessel_k0e(x)


def k1(x: Any, /) -> Value:
    """The modified Bessel function of the second kind of order 1.

    >>> from bibun.scipy import special
    >>> round(float(special.k1(1.0)), 6)
    0.601907
    """
    x = _float("k1", x)
    return el.exp(-x) * sp.bessel_k1e(x)


def kv(v: Any, z: Any, /) -> Value:
    """The modified Bessel function of the second kind of real order v.

    Differentiable in v and z, to any order (DLMF 10.32.9, 10.29.1).

    >>> from bibun.scipy import special
    >>> round(float(special.kv(0.5, 1.0)), 6)
    0.461069
    """
    return sp.bessel_k(*promote_inexact("kv", v, z), order_derivative=0)


def kve(v: Any, z: Any, /) -> Value:
    """exp(z) kv(v, z). Differentiable in v and z, to any order.

    >>> from bibun.scipy import special
    >>> round(float(special.kve(0.5, 1.0)), 6)
    1.253314
    """
    return sp.bessel_ke(*promote_inexact("kve", v, z), order_derivative=0)


def kn(n: Any, x: Any, /) -> Value:
    """`kv` of whole order.

    >>> from bibun.scipy import special
    >>> round(float(special.kn(2, 1.0)), 6)
    1.624839
    """
    return kv(n, x)


def yn(n: Any, x: Any, /) -> Value:
    """`yv` of whole order.

    >>> from bibun.scipy import special
    >>> round(float(special.yn(2, 1.0)), 6)
    -1.650683
    """
    return sp.bessel_y(*promote_inexact("yn", n, x))


def jn(n: Any, x: Any, /) -> Value:
    """`jv`.

    >>> from bibun.scipy import special
    >>> round(float(special.jn(2, 1.0)), 6)
    0.114903
    """
    return sp.bessel_j(*promote_inexact("jn", n, x))


def bessel_jn(z: Any, *, v: int, n_iter: int = 50) -> Value:
    """J_0(z), …, J_v(z), stacked along a new first axis. `n_iter` is not needed here.

    >>> from bibun.scipy import special
    >>> special.bessel_jn(1.0, v=2).shape
    (3,)
    """
    from bibun.numpy.creation import arange

    z = _float("bessel_jn", z)
    orders = arange(as_int("bessel_jn", "v", v) + 1).astype(z.dtype)
    return sp.bessel_j(orders.reshape(-1, *(1,) * z.ndim), z)


def exp1(x: Any, /) -> Value:
    """The exponential integral E_1(x), the integral of exp(-xt)/t from 1 to infinity.

    >>> from bibun.scipy import special
    >>> round(float(special.exp1(1.0)), 6)
    0.219384
    """
    (x,) = promote_inexact("exp1", x)
    x = value("exp1", "x", x)
    return sp.generalized_exponential_integral(x.dtype.type(1), x)


def sici(x: Any, /) -> tuple[Value, Value]:
    """The sine and cosine integrals (Si(x), Ci(x)).

    >>> from bibun.scipy import special
    >>> [round(float(y), 6) for y in special.sici(1.0)]
    [0.946083, 0.337404]
    """
    x = _float("sici", x)
    return sp.sine_integral(x), sp.cosine_integral(x)


def shichi(x: Any, /) -> tuple[Value, Value]:
    """The hyperbolic sine and cosine integrals (Shi(x), Chi(x)).

    >>> from bibun.scipy import special
    >>> [round(float(y), 6) for y in special.shichi(1.0)]
    [1.057251, 0.837867]
    """
    x = _float("shichi", x)
    return sp.hyperbolic_sine_integral(x), sp.hyperbolic_cosine_integral(x)


def fresnel(x: Any, /) -> tuple[Value, Value]:
    """Fresnel's integrals (S(x), C(x)) of sin(πt²/2) and cos(πt²/2).

    >>> from bibun.scipy import special
    >>> [round(float(y), 6) for y in special.fresnel(1.0)]
    [0.438259, 0.779893]
    """
    x = _float("fresnel", x)
    return sp.fresnel_sine(x), sp.fresnel_cosine(x)


def _spherical(name: str, n: Any, z: Any, op: Any, factor: float, at_zero: float) -> Value:
    """√(factor/z) times the function of order n + 1/2; at 0, 1 for n = 0 or `at_zero`."""
    from bibun.numpy.elementwise import where

    n, z = (value(name, a, v) for a, v in zip("nz", promote_inexact(name, n, z), strict=True))
    origin = z == 0
    safe = where(origin, 1.0, z)
    out = el.sqrt(factor / safe) * op(n + 0.5, safe)
    return where(origin, where(n == 0, 1.0, 0.0) if at_zero == 0 else at_zero, out)


def spherical_jn(n: Any, z: Any, /) -> Value:
    """The spherical Bessel function of the first kind of order n, for z >= 0.

    >>> from bibun.scipy import special
    >>> round(float(special.spherical_jn(1, 1.0)), 6)
    0.301169
    """
    return _spherical("spherical_jn", n, z, sp.bessel_j, math.pi / 2, 0.0)


def spherical_yn(n: Any, z: Any, /) -> Value:
    """The spherical Bessel function of the second kind of order n, for z >= 0.

    >>> from bibun.scipy import special
    >>> round(float(special.spherical_yn(1, 1.0)), 6)
    -1.381773
    """
    return _spherical("spherical_yn", n, z, sp.bessel_y, math.pi / 2, -math.inf)


def spherical_in(n: Any, z: Any, /) -> Value:
    """The modified spherical Bessel function of the first kind of order n, for z >= 0.

    >>> from bibun.scipy import special
    >>> round(float(special.spherical_in(1, 1.0)), 6)
    0.367879
    """
    return _spherical("spherical_in", n, z, sp.bessel_i, math.pi / 2, 0.0)


def spherical_kn(n: Any, z: Any, /) -> Value:
    """The modified spherical Bessel function of the second kind of order n, for z >= 0.

    >>> from bibun.scipy import special
    >>> round(float(special.spherical_kn(1, 1.0)), 6)
    1.155727
    """
    return _spherical("spherical_kn", n, z, _whole_k, math.pi / 2, math.inf)


def _whole_k(v: Any, x: Any) -> Any:
    return sp.bessel_k(v, x, order_derivative=0)
