"""Bessel functions of real order: J, Y, I, K, and I and K without their exponential.

Derivatives in the argument follow from the recurrences (DLMF 10.6.1, 10.29.1), which hold for
each derivative in the order too. The order is an argument like the other: what differentiates a
function in it, `bessel_j_by_order` and the like, is an op whose parameter says how many times;
those derivatives are integrals (`bessel_orders`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
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
from bibun.ops.elementwise.shape_integrals import in_double
from bibun.ops.elementwise.special import scipy_special
from bibun.ops.families.elementwise import elementwise, grid_samples, host, unary
from bibun.ops.op import Sample

_ORDERS = (0.0, 0.7, 2.0, 3.5)
_POINTS = (0.4, 1.3, 2.2, 7.0)


def _derivative(name: str, n: int, grown: int) -> Callable[[Any, Any], np.ndarray]:
    """`name` of `bessel_orders`, imported when called; times e^(grown x)."""
    from bibun.ops.special import bessel_orders

    run = in_double(lambda v, x: getattr(bessel_orders, name)(v, x, n))
    return lambda v, x: run(v, x) * np.exp(grown * np.asarray(x)) if grown else run(v, x)


def _samples(n: int | None) -> list[Sample]:
    params = {} if n is None else {"order_derivative": n}
    return grid_samples("f", (_ORDERS, _POINTS), False, **params)


def _ended(name: str) -> Callable[[Any, Any], np.ndarray]:
    """SciPy's function, with its limit 0 at infinity where SciPy has nan."""
    fun, even = scipy_special(name), name != "yv"  # for whole orders, up to the sign

    def evaluate(v: Any, x: Any) -> np.ndarray:
        y = fun(v, x)
        far = (x == np.inf) | (even & (x == -np.inf) & (np.floor(v) == v))
        return np.where(far & (np.abs(v) < np.inf), 0, y).astype(y.dtype)

    return evaluate


def _of_order(
    name: str, fun: Any, derivative: str, slope: Any, doc: str, lower: Any, grown: int = 0,
    derivative_lower: Any = None,
) -> tuple[Any, Any]:  # fmt: skip
    """The op of a function, and that of its derivatives in the order, of which `slope` is that
    in the argument."""

    def by_argument(v: Any, x: Any, y: Any) -> Any:
        return slope(op, v, x, y)

    def derivative_by_argument(v: Any, x: Any, y: Any, order_derivative: int) -> Any:
        return slope(functools.partial(more, order_derivative=order_derivative), v, x, y)

    op = elementwise(
        name,
        fun,
        arity=2,
        lower=lower,
        partials=(lambda v, x, y: more(v, x, order_derivative=1), by_argument),
        samples=functools.partial(_samples, None),
        cost=300.0,
        doc=f"`{name}(v, x)`: {doc} of order v.",
    )
    make = functools.partial(elementwise, lower=derivative_lower) if derivative_lower else host
    more = make(
        f"{name}_by_order",
        lambda v, x, order_derivative: _derivative(derivative, order_derivative, grown)(v, x),
        arity=2,
        partials=(
            lambda v, x, y, order_derivative: more(v, x, order_derivative=order_derivative + 1),
            derivative_by_argument,
        ),
        samples=lambda: [s for n in (1, 2) for s in _samples(n)],
        cost=3000.0,
        doc=f"`{name}_by_order(v, x, order_derivative)`: {name}, differentiated so many times, "
        "at least once, with respect to v.",
    )
    return op, more


def _mean(op: Any, v: Any, x: Any, combine: Any) -> Any:
    """Half the sum or difference of the functions of neighbouring orders."""
    return mul(0.5, combine(op(sub(v, 1.0), x), op(add(v, 1.0), x)))


def _lower_i(b: Any, v: Any, x: Any) -> Any:
    half = b.math("exp", b.mul(b.const(0.5, x.dtype), b.abs(x)))
    return b.mul(b.mul(b.math("bessel_ie", v, x), half), half)


def _lower_ke(b: Any, v: Any, x: Any, order_derivative: int = 0) -> Any:
    return b.math("bessel_ke_by_order", v, x, b.const(float(order_derivative), x.dtype))


def _lower_k(b: Any, v: Any, x: Any, order_derivative: int = 0) -> Any:
    return b.mul(_lower_ke(b, v, x, order_derivative), b.math("exp", b.neg(x)))


bessel_j, bessel_j_by_order = _of_order(
    "bessel_j", _ended("jv"), "j_derivative", lambda op, v, x, y: _mean(op, v, x, sub),
    "the Bessel function of the first kind", "bessel_j",
)  # fmt: skip
bessel_y, bessel_y_by_order = _of_order(
    "bessel_y", _ended("yv"), "y_derivative", lambda op, v, x, y: _mean(op, v, x, sub),
    "the Bessel function of the second kind", "bessel_y",
)  # fmt: skip
bessel_i, bessel_i_by_order = _of_order(
    "bessel_i", scipy_special("iv"), "i_scaled", lambda op, v, x, y: _mean(op, v, x, add),
    "the modified Bessel function of the first kind", _lower_i, 1,
)  # fmt: skip
bessel_ie, bessel_ie_by_order = _of_order(
    "bessel_ie", _ended("ive"), "i_scaled",
    lambda op, v, x, y: sub(_mean(op, v, x, add), mul(sign(x), y)),
    "exp(-|x|) times the modified Bessel function of the first kind", "bessel_ie",
)  # fmt: skip
bessel_k, bessel_k_by_order = _of_order(
    "bessel_k", scipy_special("kv"), "k_scaled", lambda op, v, x, y: neg(_mean(op, v, x, add)),
    "the modified Bessel function of the second kind", _lower_k, -1, _lower_k,
)  # fmt: skip
bessel_ke, bessel_ke_by_order = _of_order(
    "bessel_ke", scipy_special("kve"), "k_scaled",
    lambda op, v, x, y: sub(y, _mean(op, v, x, add)),
    "exp(x) times the modified Bessel function of the second kind", _lower_ke, 0, _lower_ke,
)  # fmt: skip

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
