"""Orthogonal polynomials by their three-term recurrences, and spherical harmonics.

The degree of a polynomial is a Python integer: the recurrence is unrolled, so derivatives of
every order are those of the polynomial. The harmonics take arrays of degrees; they run one
loop to the largest, in which each element stops at its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bibun.array import Array, Value
from bibun.numpy._common import as_int, promote_inexact, value
from bibun.numpy.elementwise import where
from bibun.ops import elementwise as el

__all__ = [
    "eval_chebyt", "eval_chebyu", "eval_gegenbauer", "eval_genlaguerre", "eval_hermite",
    "eval_hermitenorm", "eval_laguerre", "eval_legendre", "sph_harm_y",
]  # fmt: skip


def _recur(
    name: str, n: Any, x: Any, first: Callable[[Any], Any], step: Callable[..., Any]
) -> Value:
    """p_n from p_0 = 1, p_1 = first(x), p_{k+1} = step(k, x, p_k, p_{k-1})."""
    n = as_int(name, "n", n)
    if n < 0:
        raise ValueError(f"{name}: the degree must be at least 0, got {n}")
    before = x * 0 + 1
    if n == 0:
        return before
    p = first(x)
    for k in range(1, n):
        p, before = step(k, x, p, before), p
    return p


def _float(name: str, *xs: Any) -> Any:
    out = [value(name, "x", v) for v in promote_inexact(name, *xs)]
    return out[0] if len(out) == 1 else out


def eval_legendre(n: int, x: Any) -> Value:
    """Legendre's polynomial P_n at x; n is a Python integer.

    >>> from bibun.scipy import special
    >>> print(special.eval_legendre(2, 0.5))
    -0.125
    """
    return _recur("eval_legendre", n, _float("eval_legendre", x), lambda x: x,
                  lambda k, x, p, q: ((2 * k + 1) * x * p - k * q) / (k + 1))  # fmt: skip


def eval_chebyt(n: int, x: Any) -> Value:
    """Chebyshev's polynomial of the first kind T_n at x; n is a Python integer.

    >>> from bibun.scipy import special
    >>> print(special.eval_chebyt(3, 0.5))
    -1.0
    """
    return _recur("eval_chebyt", n, _float("eval_chebyt", x), lambda x: x,
                  lambda k, x, p, q: 2 * x * p - q)  # fmt: skip


def eval_chebyu(n: int, x: Any) -> Value:
    """Chebyshev's polynomial of the second kind U_n at x; n is a Python integer.

    >>> from bibun.scipy import special
    >>> print(special.eval_chebyu(3, 0.5))
    -1.0
    """
    return _recur("eval_chebyu", n, _float("eval_chebyu", x), lambda x: 2 * x,
                  lambda k, x, p, q: 2 * x * p - q)  # fmt: skip


def eval_hermite(n: int, x: Any) -> Value:
    """The physicists' Hermite polynomial H_n at x; n is a Python integer.

    >>> from bibun.scipy import special
    >>> print(special.eval_hermite(3, 0.5))
    -5.0
    """
    return _recur("eval_hermite", n, _float("eval_hermite", x), lambda x: 2 * x,
                  lambda k, x, p, q: 2 * (x * p - k * q))  # fmt: skip


def eval_hermitenorm(n: int, x: Any) -> Value:
    """The probabilists' Hermite polynomial He_n at x; n is a Python integer.

    >>> from bibun.scipy import special
    >>> print(special.eval_hermitenorm(3, 0.5))
    -1.375
    """
    return _recur("eval_hermitenorm", n, _float("eval_hermitenorm", x), lambda x: x,
                  lambda k, x, p, q: x * p - k * q)  # fmt: skip


def eval_genlaguerre(n: int, alpha: Any, x: Any) -> Value:
    """The generalised Laguerre polynomial L_n^(alpha) at x; n is a Python integer.

    >>> from bibun.scipy import special
    >>> print(special.eval_genlaguerre(2, 1.0, 2.0))
    -1.0
    """
    a, x = _float("eval_genlaguerre", alpha, x)
    return _recur("eval_genlaguerre", n, x + a * 0, lambda x: 1 + a - x,
                  lambda k, x, p, q: ((2 * k + 1 + a - x) * p - (k + a) * q) / (k + 1))  # fmt: skip


def eval_laguerre(n: int, x: Any) -> Value:
    """Laguerre's polynomial L_n at x; n is a Python integer.

    >>> from bibun.scipy import special
    >>> print(special.eval_laguerre(2, 2.0))
    -1.0
    """
    return eval_genlaguerre(n, 0.0, x)


def eval_gegenbauer(n: int, alpha: Any, x: Any) -> Value:
    """Gegenbauer's polynomial C_n^(alpha) at x; n is a Python integer.

    >>> from bibun.scipy import special
    >>> print(special.eval_gegenbauer(2, 1.0, 0.5))
    0.0
    """
    a, x = _float("eval_gegenbauer", alpha, x)
    return _recur(
        "eval_gegenbauer", n, x + a * 0, lambda x: 2 * a * x,
        lambda k, x, p, q: (2 * (k + a) * x * p - (k + 2 * a - 1) * q) / (k + 1),
    )  # fmt: skip


def sph_harm_y(n: Any, m: Any, theta: Any, phi: Any, diff_n: None = None,
               n_max: int | None = None) -> Value:  # fmt: skip
    """The spherical harmonic Y_n^m at polar angle theta and azimuth phi; complex.

    n, m: integers or arrays of them, |m| <= n (0 elsewhere); all arguments broadcast. `n_max`:
    the largest n, needed where n is traced.

    Errors: ValueError for traced n without `n_max`, and for `diff_n`: `bibun.grad` and `jvp`
    differentiate in the angles.

    >>> from bibun.scipy import special
    >>> round(float(special.sph_harm_y(1, 0, 0.5, 0.0).real), 6)
    0.428789
    """
    from bibun.lax import fori_loop

    if diff_n is not None:
        raise ValueError("sph_harm_y: diff_n is not taken; differentiate with bibun.jvp or grad")
    if n_max is None:
        if isinstance(n, Value) and not isinstance(n, Array):
            raise ValueError("sph_harm_y: n is traced, so n_max, the largest n, must be given")
        n_max = int(np.max(n, initial=0))
    n, m = (value("sph_harm_y", a, v) for a, v in (("n", n), ("m", m)))
    for name, v in (("n", n), ("m", m)):
        if v.dtype.kind not in "iu":
            raise TypeError(f"sph_harm_y: {name} must be integers, got dtype {v.dtype}")
    theta, phi = _float("sph_harm_y", theta, phi)
    dtype = theta.dtype
    n, m = el.convert(n, new_dtype=dtype), el.convert(m, new_dtype=dtype)
    order = el.abs(m)
    x, s = el.cos(theta), el.sin(theta)
    one = 0 * (x + phi + n + m) + 1

    def diagonal(k: Any, p: Any) -> Any:
        k = k.astype(dtype)
        return where(k <= order, -p * s * el.sqrt((2 * k + 1) / (2 * k)), p)

    def ascend(k: Any, carry: Any) -> Any:
        p, before = carry
        k = k.astype(dtype)
        gap = where(k > order, k * k - order * order, 1.0)
        above = where(k > order + 1, (k - 1) ** 2 - order * order, 0.0)
        up = el.sqrt((4 * k * k - 1) / gap)
        back = el.sqrt(where(above > 0, above, 1.0) / where(k > 1, 4 * (k - 1) ** 2 - 1, 1.0))
        new = up * (x * p - where(above > 0, back, 0.0) * before)
        go = (k > order) & (k <= n)
        return where(go, new, p), where(go, p, before)

    start = one * math.sqrt(0.25 / math.pi)
    p = fori_loop(1, n_max + 1, diagonal, start) if n_max else start
    if n_max:
        p, _ = fori_loop(1, n_max + 1, ascend, (p, 0 * p))
    p = where(order <= n, p, 0.0)
    # Y_n^-m = (-1)^m conj(Y_n^m)
    odd = el.floor(0.5 * order) * 2 != order
    p = where((m < 0) & odd, -p, p)
    angle = m * phi
    return el.complex(p * el.cos(angle), p * el.sin(angle))
