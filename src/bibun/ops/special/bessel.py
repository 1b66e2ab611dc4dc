"""Bessel functions of real order: J, Y, I, K, and I and K without their exponential.

Derivatives in the argument follow from the recurrences (DLMF 10.6.1, 10.29.1). The order is
an argument too. For K, the one whose order people fit (Matérn kernels), its derivatives are
integrals that converge fast (DLMF 10.32.9, differentiated under the integral):

    e^x d^n K_v/dv^n = ∫_0^∞ t^n {cosh, sinh}(vt) e^{-x (cosh t - 1)} dt    (n even, odd),

whose integrand is even, so that the trapezoidal rule is exact to rounding. The parameter
`order_derivative` is n. The others raise a DifferentiationError for the order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.ops.elementwise import (
    add,
    div,
    eq,
    mul,
    neg,
    select,
    sign,
    sub,
)
from bibun.ops.elementwise.incomplete import in_double
from bibun.ops.elementwise.special import scipy_special
from bibun.ops.families.elementwise import elementwise, grid_samples, host, unary
from bibun.ops.op import Sample
from bibun.ops.special.common import partly, underived

_WHY = "the derivative with respect to the order is known for bessel_k and bessel_ke only"
_ORDERS = (0.0, 0.7, 2.0, 3.5)
_POINTS = (0.4, 1.3, 2.2, 7.0)


def _of_order(name: str, scipy_name: str, slope: Any, doc: str) -> Any:
    return host(
        name,
        scipy_special(scipy_name),
        arity=2,
        partials=(underived(name, "its order", _WHY), slope),
        samples=partly((_ORDERS, _POINTS), (1,)),
        cost=300.0,
        doc=doc,
    )


def _mean(op: Any, v: Any, x: Any, combine: Any) -> Any:
    """Half the sum or difference of the functions of neighbouring orders."""
    return mul(0.5, combine(op(sub(v, 1.0), x), op(add(v, 1.0), x)))


bessel_j = _of_order(
    "bessel_j", "jv", lambda v, x, y: _mean(bessel_j, v, x, sub),
    "`bessel_j(v, x)`: the Bessel function of the first kind of order v.",
)  # fmt: skip
bessel_y = _of_order(
    "bessel_y", "yv", lambda v, x, y: _mean(bessel_y, v, x, sub),
    "`bessel_y(v, x)`: the Bessel function of the second kind of order v.",
)  # fmt: skip
bessel_i = _of_order(
    "bessel_i", "iv", lambda v, x, y: _mean(bessel_i, v, x, add),
    "`bessel_i(v, x)`: the modified Bessel function of the first kind of order v.",
)  # fmt: skip
bessel_ie = _of_order(
    "bessel_ie", "ive", lambda v, x, y: sub(_mean(bessel_ie, v, x, add), mul(sign(x), y)),
    "`bessel_ie(v, x)`: exp(-|x|) bessel_i(v, x).",
)  # fmt: skip


# orders as variables ------------------------------------------------------------------------------

_STEPS = 320


def _ke_derivative(v: np.ndarray, x: np.ndarray, n: int) -> np.ndarray:
    """e^x d^n K_v(x)/dv^n, for flat arrays."""
    v, inside = np.abs(v) if n % 2 == 0 else v, x > 0
    x = np.where(inside, x, 1.0)
    reach = np.arccosh(1.0 + 760.0 / x)
    for _ in range(3):  # until the exponential has beaten cosh(v t) t^n
        reach = np.arccosh(1.0 + (760.0 + np.abs(v) * reach + n * np.log1p(reach)) / x)
    t = np.linspace(0.0, 1.0, _STEPS + 1) * reach[:, None]
    decay = -2.0 * x[:, None] * np.sinh(0.5 * t) ** 2
    grow = v[:, None] * t
    sides = np.exp(decay + grow) + (-1.0) ** n * np.exp(decay - grow)
    values = 0.5 * t**n * sides
    values[:, 0] *= 0.5
    out = values.sum(axis=1) * reach / _STEPS
    return np.where(inside, out, np.nan)


def _k(scaled: bool) -> Any:
    plain = scipy_special("kve" if scaled else "kv")

    def evaluate(v: Any, x: Any, order_derivative: int) -> np.ndarray:
        if order_derivative == 0:
            return plain(v, x)
        return derivative(v, x, order_derivative)

    def derivative(v: Any, x: Any, n: int) -> np.ndarray:
        run = in_double(lambda v_, x_: _ke_derivative(v_, x_, n))
        out = run(v, x)
        return out if scaled else out * np.exp(-np.asarray(x))

    return evaluate


def _k_samples() -> list[Sample]:
    found = []
    for n in (0, 1, 2):
        found += grid_samples("f", (_ORDERS, _POINTS), False, order_derivative=n)
    return found


def _k_by_order(op: Any) -> Any:
    return lambda v, x, y, order_derivative: op(v, x, order_derivative=order_derivative + 1)


def _k_slope(v: Any, x: Any, y: Any, order_derivative: int) -> Any:
    """-(K_{v-1} + K_{v+1})/2, which holds for each derivative in the order too."""
    below = bessel_k(sub(v, 1.0), x, order_derivative=order_derivative)
    above = bessel_k(add(v, 1.0), x, order_derivative=order_derivative)
    return mul(-0.5, add(below, above))


def _ke_slope(v: Any, x: Any, y: Any, order_derivative: int) -> Any:
    below = bessel_ke(sub(v, 1.0), x, order_derivative=order_derivative)
    above = bessel_ke(add(v, 1.0), x, order_derivative=order_derivative)
    return sub(y, mul(0.5, add(below, above)))


def _lower_ke(b: Any, v: Any, x: Any, order_derivative: int) -> Any:
    return b.math("bessel_ke_by_order", v, x, b.const(float(order_derivative), x.dtype))


def _lower_k(b: Any, v: Any, x: Any, order_derivative: int) -> Any:
    return b.mul(_lower_ke(b, v, x, order_derivative), b.math("exp", b.neg(x)))


bessel_k = elementwise(
    "bessel_k",
    _k(False),
    arity=2,
    lower=_lower_k,
    partials=(lambda *a, **k: _k_by_order(bessel_k)(*a, **k), _k_slope),
    samples=_k_samples,
    cost=300.0,
    doc="`bessel_k(v, x, order_derivative)`: the modified Bessel function of the second kind of "
    "order v, differentiated so many times with respect to v.",
)
bessel_ke = elementwise(
    "bessel_ke",
    _k(True),
    arity=2,
    lower=_lower_ke,
    partials=(lambda *a, **k: _k_by_order(bessel_ke)(*a, **k), _ke_slope),
    samples=_k_samples,
    cost=300.0,
    doc="`bessel_ke(v, x, order_derivative)`: exp(x) bessel_k(v, x, order_derivative).",
)

# orders 0 and 1 ---------------------------------------------------------------------------------


def _vanishing(name: str) -> Any:
    """SciPy's function, with its limit 0 at infinity where SciPy has nan."""
    fun = scipy_special(name)

    def evaluate(x: Any) -> Any:
        y = fun(x)
        ends = (np.abs(x) == np.inf) & ((x > 0) | (name[0] == "j"))
        return np.where(ends, 0, y).astype(np.asarray(x).dtype)

    return evaluate


def _of_whole_order(name: str, scipy_name: str, slope: Any, doc: str, points: Any) -> Any:
    fun = _vanishing(scipy_name) if scipy_name[0] in "jy" else scipy_special(scipy_name)
    return unary(name, fun, partial=slope, lower=name, points=points, cost=70.0, doc=doc)


def _j1_slope(x: Any, y: Any) -> Any:
    """J0 - J1/x, which tends to 1/2 at 0."""
    origin = eq(x, 0.0)
    safe = select(origin, x, 1.0)
    return select(origin, sub(bessel_j0(safe), div(y, safe)), 0.5)


_BOTH_SIDES = (-2.1, -0.6, 0.3, 11.7)
bessel_j0 = _of_whole_order(
    "bessel_j0", "j0", lambda x, y: neg(bessel_j1(x)), "J0(x).", _BOTH_SIDES
)
bessel_j1 = _of_whole_order("bessel_j1", "j1", _j1_slope, "J1(x).", _BOTH_SIDES)
bessel_y0 = _of_whole_order("bessel_y0", "y0", lambda x, y: neg(bessel_y1(x)), "Y0(x).", _POINTS)
bessel_y1 = _of_whole_order(
    "bessel_y1", "y1", lambda x, y: sub(bessel_y0(x), div(y, x)), "Y1(x).", _POINTS
)
bessel_k0e = _of_whole_order(
    "bessel_k0e", "k0e", lambda x, y: sub(y, bessel_k1e(x)), "exp(x) K0(x).", _POINTS
)
bessel_k1e = _of_whole_order(
    "bessel_k1e", "k1e", lambda x, y: sub(sub(y, bessel_k0e(x)), div(y, x)), "exp(x) K1(x).",
    _POINTS,
)  # fmt: skip
