"""Hurwitz's zeta function Σ (k + q)^-s, differentiable in both arguments.

In q it derives to -s ζ(s + 1, q). In s its derivative is that of Euler and Maclaurin's formula
(DLMF 25.11.5), twelve terms and ten corrections, carried along term by term; it is made of ops,
so it has derivatives of every order. The formula continues ζ to s <= 1 too.
"""

from __future__ import annotations

import math
from typing import Any

from bibun.ops.elementwise.arithmetic import add, div, mul, neg, sub
from bibun.ops.elementwise.exponential import exp, log
from bibun.ops.elementwise.special import scipy_special
from bibun.ops.families.elementwise import elementwise

_BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798,
    -174611 / 330,
)  # fmt: skip
_DIRECT = 12


def _direct(s: Any, q: Any) -> tuple[Any, Any]:
    """Σ (q + k)^-s for k < _DIRECT, and its derivative in s."""
    value, slope = None, None
    for k in range(_DIRECT):
        size = log(add(q, float(k)))
        term = exp(neg(mul(s, size)))
        change = mul(size, term)
        value = term if value is None else add(value, term)
        slope = neg(change) if slope is None else sub(slope, change)
    return value, slope


def _rest(s: Any, end: Any) -> tuple[Any, Any]:
    """What follows over end^-s, and its derivative in s."""
    pole = div(end, sub(s, 1.0))
    value, slope = add(pole, 0.5), neg(div(pole, sub(s, 1.0)))
    factor, change = div(s, end), div(1.0, end)
    square = mul(end, end)
    for j, b in enumerate(_BERNOULLI, 1):
        c = b / math.factorial(2 * j)
        value, slope = add(value, mul(c, factor)), add(slope, mul(c, change))
        grow = div(mul(add(s, 2.0 * j - 1.0), add(s, 2.0 * j)), square)
        more = div(add(mul(2.0, s), 4.0 * j - 1.0), square)
        factor, change = mul(factor, grow), add(mul(change, grow), mul(factor, more))
    return value, slope


def euler_maclaurin(s: Any, q: Any) -> Any:
    """Σ (k + q)^-s, continued analytically in s, for q > 0 and s > -10 or so."""
    end = add(q, float(_DIRECT))
    return add(_direct(s, q)[0], mul(exp(neg(mul(s, log(end)))), _rest(s, end)[0]))


def _by_exponent(s: Any, q: Any, out: Any) -> Any:
    end = add(q, float(_DIRECT))
    size = log(end)
    value, slope = _rest(s, end)
    rest = mul(exp(neg(mul(s, size))), sub(slope, mul(size, value)))
    return add(_direct(s, q)[1], rest)


zeta = elementwise(
    "zeta",
    scipy_special("zeta"),
    arity=2,
    lower="zeta",
    partials=(_by_exponent, lambda s, q, out: neg(mul(s, zeta(add(s, 1.0), q)))),
    points=((2.0, 3.5, 1.6, 4.0), (0.4, 1.3, 2.2, 7.0)),
    special=False,
    cost=200.0,
    doc="Hurwitz's zeta function: the sum of (k + q)^-s over k = 0, 1, …",
)
