"""Bessel functions, and pairs of integrals: formulas of ops.

All are elementwise; those of real order are differentiable in the order too, to any order.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from bibun.array import Value
from bibun.numpy._common import as_int, promote_inexact, public, value
from bibun.ops import elementwise as el
from bibun.ops import special as sp
from bibun.scipy.special._table import Row, install

__all__ = [
    "airy", "bessel_jn", "fresnel", "hankel1", "hankel2", "ivp", "jvp", "kvp", "shichi", "sici",
    "spherical_in", "spherical_jn", "spherical_kn", "spherical_yn", "yvp",
]  # fmt: skip

def _float(name: str, x: Any) -> Value:
    return value(name, "x", promote_inexact(name, x)[0])


def _first_kind(x: Any, scaled: Any) -> Any:
    return el.mul(el.exp(el.abs(x)), scaled)


def _second_kind(x: Any, scaled: Any) -> Any:
    return el.mul(el.exp(el.neg(x)), scaled)


_KIND = "Bessel function of the {} kind of "
_FIRST, _SECOND = _KIND.format("first"), _KIND.format("second")
_ANY = ". Differentiable in both arguments, to any order."
_TABLE: list[Row] = [
    ("i0", lambda x: _first_kind(x, el.bessel_i0e(x)), "x", f"The modified {_FIRST}order 0.",
     "1.0", "1.266066"),
    ("i1", lambda x: _first_kind(x, el.bessel_i1e(x)), "x", f"The modified {_FIRST}order 1.",
     "1.0", "0.565159"),
    ("k0", lambda x: _second_kind(x, sp.bessel_k0e(x)), "x", f"The modified {_SECOND}order 0.",
     "1.0", "0.421024"),
    ("k1", lambda x: _second_kind(x, sp.bessel_k1e(x)), "x", f"The modified {_SECOND}order 1.",
     "1.0", "0.601907"),
    ("jv", sp.bessel_j, "v, z", f"The {_FIRST}real order v{_ANY}", "0.5, 1.0", "0.671397"),
    ("yv", sp.bessel_y, "v, z", f"The {_SECOND}real order v{_ANY}", "0.5, 1.0", "-0.431099"),
    ("iv", sp.bessel_i, "v, z", f"The modified {_FIRST}real order v{_ANY}", "0.5, 1.0", "0.937675"),
    ("ive", sp.bessel_ie, "v, z", f"exp(-|z|) iv(v, z){_ANY}", "0.5, 1.0", "0.344951"),
    ("kv", sp.bessel_k, "v, z", f"The modified {_SECOND}real order v{_ANY}", "0.5, 1.0",
     "0.461069"),
    ("kve", sp.bessel_ke, "v, z", f"exp(z) kv(v, z){_ANY}", "0.5, 1.0", "1.253314"),
    ("jve", sp.bessel_j, "v, z", "jv(v, z), which for real z is not scaled.",
     "0.5, 1.0", "0.671397"),
    ("yve", sp.bessel_y, "v, z", "yv(v, z), which for real z is not scaled.",
     "0.5, 1.0", "-0.431099"),
    ("jn", sp.bessel_j, "n, x", f"The {_FIRST}whole order.", "2, 1.0", "0.114903"),
    ("yn", sp.bessel_y, "n, x", f"The {_SECOND}whole order.", "2, 1.0", "-1.650683"),
    ("kn", sp.bessel_k, "n, x", f"The modified {_SECOND}whole order.", "2, 1.0", "1.624839"),
]  # fmt: skip
__all__ += install(globals(), _TABLE)


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


# derivatives in the argument by name --------------------------------------------------------------


def _argument_derivative(name: str, op: Any, first: float, sign: float) -> Any:
    """d^n/dz^n: 2^-n Σ C(n, k) sign^k op(v - n + 2k), times first^n (DLMF 10.6.7, 10.29.5)."""

    def derivative(v: Any, z: Any, n: int = 1) -> Value:
        n = as_int(name, "n", n)
        if n < 0:
            raise ValueError(f"{name}: n, the order of the derivative, must be at least 0, got {n}")
        v, z = (value(name, a, x) for a, x in zip("vz", promote_inexact(name, v, z), strict=True))
        terms = (math.comb(n, k) * sign**k * op(v - (n - 2 * k), z) for k in range(n + 1))
        return (0.5 * first) ** n * functools.reduce(el.add, terms)

    doc = f"""The n-th derivative of `{name[:-1]}(v, z)` with respect to z.

    n: an integer, at least 0; ValueError for others. Differentiable in v and z.

    >>> import bibun
    >>> from bibun.scipy import special
    >>> slope = bibun.grad(special.{name[:-1]}, 1)(0.5, 1.0)
    >>> abs(float(special.{name}(0.5, 1.0) - slope)) < 1e-14
    True
    """
    return public(name, __name__, doc)(derivative)


jvp = _argument_derivative("jvp", sp.bessel_j, 1.0, -1.0)
yvp = _argument_derivative("yvp", sp.bessel_y, 1.0, -1.0)
ivp = _argument_derivative("ivp", sp.bessel_i, 1.0, 1.0)
kvp = _argument_derivative("kvp", sp.bessel_k, -1.0, 1.0)


# pairs -------------------------------------------------------------------------------------------


def hankel1(v: Any, z: Any, /) -> Value:
    """Hankel's function of the first kind, jv(v, z) + i yv(v, z), for real arguments; complex.

    >>> from bibun.scipy import special
    >>> round(float(special.hankel1(0.5, 1.0).imag), 6)
    -0.431099
    """
    v, z = promote_inexact("hankel1", v, z)
    return el.complex(sp.bessel_j(v, z), sp.bessel_y(v, z))


def hankel2(v: Any, z: Any, /) -> Value:
    """Hankel's function of the second kind, jv(v, z) - i yv(v, z), for real arguments; complex.

    >>> from bibun.scipy import special
    >>> round(float(special.hankel2(0.5, 1.0).imag), 6)
    0.431099
    """
    return el.conj(hankel1(v, z))


_SEVERAL: list[tuple[str, tuple[Any, ...], str, str]] = [
    ("airy", (sp.airy_ai, sp.airy_ai_slope, sp.airy_bi, sp.airy_bi_slope),
     "Airy's functions of a real number and their slopes: (Ai, Ai', Bi, Bi').",
     "[0.135292, -0.159147, 1.207424, 0.932436]"),
    ("sici", (sp.sine_integral, sp.cosine_integral),
     "The sine and cosine integrals (Si(x), Ci(x)).", "[0.946083, 0.337404]"),
    ("shichi", (sp.hyperbolic_sine_integral, sp.hyperbolic_cosine_integral),
     "The hyperbolic sine and cosine integrals (Shi(x), Chi(x)).", "[1.057251, 0.837867]"),
    ("fresnel", (sp.fresnel_sine, sp.fresnel_cosine),
     "Fresnel's integrals (S(x), C(x)) of sin(πt²/2) and cos(πt²/2).", "[0.438259, 0.779893]"),
]  # fmt: skip


def _several(name: str, ops: tuple[Any, ...], summary: str, shown: str) -> Any:
    """A function whose results are several ops of its argument."""

    def several(x: Any, /) -> tuple[Value, ...]:
        x = _float(name, x)
        return tuple(op(x) for op in ops)

    doc = f"""{summary}

    >>> from bibun.scipy import special
    >>> [round(float(y), 6) for y in special.{name}(1.0)]
    {shown}
    """
    return public(name, __name__, doc)(several)


airy, sici, shichi, fresnel = (_several(*row) for row in _SEVERAL)


# spherical functions ------------------------------------------------------------------------------


def _spherical(
    name: str, kind: str, op: Callable[..., Any], at_zero: float, sides: tuple[float, float],
    example: str,
) -> Any:  # fmt: skip
    """√(π/2z) times the function of order n + 1/2; at 0, 1 for n = 0 or `at_zero`.

    Its derivative is (sides[0] n f_{n-1} + sides[1] (n + 1) f_{n+1})/(2n + 1) (DLMF 10.51).
    """

    def plain(n: Any, z: Any) -> Value:
        from bibun.numpy.elementwise import where

        origin = z == 0
        safe = where(origin, 1.0, z)
        out = el.sqrt(math.pi / 2 / safe) * op(n + 0.5, safe)
        return where(origin, where(n == 0, 1.0, 0.0) if at_zero == 0 else at_zero, out)

    def spherical(n: Any, z: Any, derivative: bool = False) -> Value:
        from bibun.numpy.elementwise import where

        n, z = (value(name, a, v) for a, v in zip("nz", promote_inexact(name, n, z), strict=True))
        if not derivative:
            return plain(n, z)
        below = where(n == 0, 0.0, n * plain(where(n == 0, 1.0, n - 1), z))
        return (sides[0] * below + sides[1] * (n + 1) * plain(n + 1, z)) / (2 * n + 1)

    doc = f"""The {kind} of order n, for z >= 0; with `derivative`, its slope in z.

    >>> from bibun.scipy import special
    >>> round(float(special.{name}(1, 1.0)), 6)
    {example}
    """
    return public(name, __name__, doc)(spherical)


_SPHERICAL = "spherical Bessel function of the {} kind"
spherical_jn = _spherical(
    "spherical_jn", _SPHERICAL.format("first"), sp.bessel_j, 0.0, (1.0, -1.0), "0.301169"
)
spherical_yn = _spherical(
    "spherical_yn", _SPHERICAL.format("second"), sp.bessel_y, -math.inf, (1.0, -1.0), "-1.381773"
)
spherical_in = _spherical(
    "spherical_in", "modified " + _SPHERICAL.format("first"), sp.bessel_i, 0.0, (1.0, 1.0),
    "0.367879",
)  # fmt: skip
spherical_kn = _spherical(
    "spherical_kn", "modified " + _SPHERICAL.format("second"), sp.bessel_k, math.inf, (-1.0, -1.0),
    "1.155727",
)  # fmt: skip
