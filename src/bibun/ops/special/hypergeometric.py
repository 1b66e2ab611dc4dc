"""Hypergeometric functions: Kummer's 1F1 with all its derivatives, and Gauss's 2F1.

With M = 1F1(a, b, x): M_x = (a/b) 1F1(a+1, b+1, x), and the derivatives in a and b are those
of the series term by term, Σ (a)_n/(b)_n x^n/n! [ψ(a+n) - ψ(a)] and the like. Its terms have
one sign for positive a, b, x; negative x is brought there by Kummer's transformation
1F1(a, b, x) = e^x 1F1(b - a, b, -x) (DLMF 13.2.39).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.ops.elementwise import add, div, mul, sub
from bibun.ops.elementwise.shape_integrals import in_double
from bibun.ops.elementwise.special import scipy_special
from bibun.ops.families.elementwise import host
from bibun.ops.special.common import partly, underived

_MOST_TERMS = 20000
_SECOND = "it is itself a derivative with respect to a parameter"
_KUMMER_POINTS = ((0.6, 1.5, 3.0, 2.0), (0.8, 2.5, 1.2, 5.0), (0.3, -1.1, 2.0, -6.0))


def _series(a: np.ndarray, b: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The derivatives of Σ (a)_n/(b)_n x^n/n! in a and in b, for flat arrays, x >= 0.

    The terms and their derivatives are carried together: t_{n+1} = t_n (a+n) x/((b+n)(n+1)).
    """
    t, ta, tb = np.ones_like(x), np.zeros_like(x), np.zeros_like(x)
    sa, sb = np.zeros_like(x), np.zeros_like(x)
    for n in range(_MOST_TERMS):
        ratio = (a + n) * x / ((b + n) * (n + 1.0))
        ta = ta * ratio + t * x / ((b + n) * (n + 1.0))
        tb = (tb - t / (b + n)) * ratio
        t = t * ratio
        sa, sb = sa + ta, sb + tb
        done = (np.abs(ta) <= 1e-17 * np.abs(sa)) & (np.abs(tb) <= 1e-17 * np.abs(sb))
        if np.all(done | ~np.isfinite(sa + sb) | (x == 0)):
            break
    return sa, sb


def _both(a: np.ndarray, b: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    negative = x < 0
    sa, sb = _series(np.where(negative, b - a, a), b, np.abs(x))
    factor = np.exp(np.where(negative, x, 0.0))
    return np.where(negative, -factor * sa, sa), np.where(negative, factor * (sa + sb), sb)


def _slope(op: Any, a: Any, b: Any, x: Any) -> Any:
    return op(add(a, 1.0), add(b, 1.0), x)


hyp1f1 = host(
    "hyp1f1",
    scipy_special("hyp1f1"),
    arity=3,
    partials=(
        lambda a, b, x, y: hyp1f1_grad_a(a, b, x),
        lambda a, b, x, y: hyp1f1_grad_b(a, b, x),
        lambda a, b, x, y: mul(div(a, b), _slope(hyp1f1, a, b, x)),
    ),
    points=_KUMMER_POINTS,
    special=False,
    cost=500.0,
    doc="Kummer's confluent hypergeometric function 1F1(a, b, x).",
)

hyp1f1_grad_a = host(
    "hyp1f1_grad_a",
    in_double(lambda a, b, x: _both(a, b, x)[0]),
    arity=3,
    partials=(
        underived("hyp1f1_grad_a", "a", _SECOND),
        underived("hyp1f1_grad_a", "b", _SECOND),
        lambda a, b, x, y: add(
            div(_slope(hyp1f1, a, b, x), b), mul(div(a, b), _slope(hyp1f1_grad_a, a, b, x))
        ),
    ),
    samples=partly(_KUMMER_POINTS, (2,)),
    cost=2000.0,
    doc="The derivative of 1F1(a, b, x) with respect to a.",
)

hyp1f1_grad_b = host(
    "hyp1f1_grad_b",
    in_double(lambda a, b, x: _both(a, b, x)[1]),
    arity=3,
    partials=(
        underived("hyp1f1_grad_b", "a", _SECOND),
        underived("hyp1f1_grad_b", "b", _SECOND),
        lambda a, b, x, y: mul(
            div(a, b), sub(_slope(hyp1f1_grad_b, a, b, x), div(_slope(hyp1f1, a, b, x), b))
        ),
    ),
    samples=partly(_KUMMER_POINTS, (2,)),
    cost=2000.0,
    doc="The derivative of 1F1(a, b, x) with respect to b.",
)

_GAUSS_WHY = "only the argument x has a derivative rule"

hyp2f1 = host(
    "hyp2f1",
    scipy_special("hyp2f1"),
    arity=4,
    partials=(
        underived("hyp2f1", "a", _GAUSS_WHY),
        underived("hyp2f1", "b", _GAUSS_WHY),
        underived("hyp2f1", "c", _GAUSS_WHY),
        lambda a, b, c, x, y: mul(
            div(mul(a, b), c), hyp2f1(add(a, 1.0), add(b, 1.0), add(c, 1.0), x)
        ),
    ),
    samples=partly(((0.6, 1.5), (0.8, 2.5), (1.3, 4.1), (0.3, -1.1)), (3,)),
    cost=500.0,
    doc="Gauss's hypergeometric function 2F1(a, b; c; x).",
)
