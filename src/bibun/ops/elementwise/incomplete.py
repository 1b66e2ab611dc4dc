"""Incomplete gamma and beta functions, and their derivatives in the parameters, to any order.

The derivatives are ops of their own, whose orders are parameters: `igamma_by_shape` and
`betainc_by_shapes`, integrals done by quadrature (`shape_integrals`). The first ones, which
gradients of distribution functions and of gamma samples need, have names (and native kernels).
In x each derives to the density times a moment, since the density is what is integrated.
"""

from __future__ import annotations

from typing import Any

from bibun.ops.elementwise.arithmetic import add, div, mul, neg, sub
from bibun.ops.elementwise.exponential import exp, log, log1p
from bibun.ops.elementwise.shape_integrals import (
    betainc_derivative,
    gamma_gradient,
    igamma_derivative,
    moment,
)
from bibun.ops.elementwise.special import digamma, lgamma, polygamma, scipy_special
from bibun.ops.families.elementwise import FLOAT, elementwise, grid_samples, host
from bibun.ops.op import Sample

_GAMMA_POINTS = ((0.4, 1.3, 2.2, 7.0), (0.5, 1.1, 4.0, 6.0))
_BETA_POINTS = ((0.6, 1.5, 3.0, 8.0), (0.8, 2.5, 1.2, 5.0), (0.3, 0.15, 0.8, 0.6))


def _moment(orders: tuple[int, ...], cumulant: Any) -> Any:
    return moment(orders, cumulant, add, mul)


# gamma --------------------------------------------------------------------------------------------


def gamma_density(a: Any, x: Any) -> Any:
    """The density of Gamma(a) at x."""
    return exp(sub(sub(mul(sub(a, 1.0), log(x)), x), lgamma(a)))


def _gamma_moment(a: Any, x: Any, order: int) -> Any:
    """The order-th derivative of the density in a, over the density."""

    def cumulant(p: tuple[int, ...]) -> Any:
        n = p[0]
        return sub(log(x), digamma(a)) if n == 1 else neg(polygamma(n - 1.0, a))

    return _moment((order,), cumulant)


igamma = elementwise(
    "igamma",
    scipy_special("gammainc"),
    arity=2,
    lower="igamma",
    partials=(
        lambda a, x, out: igamma_grad_a(a, x),
        lambda a, x, out: gamma_density(a, x),
    ),
    points=_GAMMA_POINTS,
    special=False,
    cost=200.0,
    doc="The regularised lower incomplete gamma function P(a, x).",
)

igammac = elementwise(
    "igammac",
    scipy_special("gammaincc"),
    arity=2,
    lower="igammac",
    partials=(
        lambda a, x, out: neg(igamma_grad_a(a, x)),
        lambda a, x, out: neg(gamma_density(a, x)),
    ),
    points=_GAMMA_POINTS,
    special=False,
    cost=200.0,
    doc="The regularised upper incomplete gamma function Q(a, x) = 1 - P(a, x).",
)

igamma_grad_a = elementwise(
    "igamma_grad_a",
    igamma_derivative,
    arity=2,
    lower="igamma_grad_a",
    partials=(
        lambda a, x, out: igamma_by_shape(a, x, order=2, relative=False),
        lambda a, x, out: mul(gamma_density(a, x), _gamma_moment(a, x, 1)),
    ),
    points=_GAMMA_POINTS,
    special=False,
    cost=2000.0,
    doc="dP(a, x)/da, for the incomplete gamma function P.",
)

random_gamma_grad = elementwise(
    "random_gamma_grad",
    gamma_gradient,
    arity=2,
    lower="random_gamma_grad",
    partials=(
        lambda a, x, out: neg(
            add(igamma_by_shape(a, x, order=2, relative=True), mul(out, _gamma_moment(a, x, 1)))
        ),
        lambda a, x, out: sub(
            sub(digamma(a), log(x)), mul(out, sub(div(sub(a, 1.0), x), 1.0))
        ),
    ),
    points=_GAMMA_POINTS,
    special=False,
    cost=2000.0,
    doc="dx/da of a Gamma(a) sample x at its fixed quantile (Figurnov et al. 2018).",
)


def _by_shape_in_a(a: Any, x: Any, out: Any, order: int, relative: bool) -> Any:
    more = igamma_by_shape(a, x, order=order + 1, relative=relative)
    return sub(more, mul(out, _gamma_moment(a, x, 1))) if relative else more


def _by_shape_in_x(a: Any, x: Any, out: Any, order: int, relative: bool) -> Any:
    factor = _gamma_moment(a, x, order)
    if relative:
        return sub(factor, mul(out, sub(div(sub(a, 1.0), x), 1.0)))
    return mul(gamma_density(a, x), factor)


def _by_shape_samples() -> list[Sample]:
    kinds = [(2, False), (2, True), (3, False)]
    return [s for n, r in kinds
            for s in grid_samples(FLOAT, _GAMMA_POINTS, False, order=n, relative=r)]  # fmt: skip


igamma_by_shape = host(
    "igamma_by_shape",
    igamma_derivative,
    arity=2,
    partials=(_by_shape_in_a, _by_shape_in_x),
    samples=_by_shape_samples,
    cost=4000.0,
    doc="`igamma_by_shape(a, x, order, relative)`: the order-th derivative of P(a, x) in a, for "
    "order >= 1; `relative`: over the density of Gamma(a) at x.",
)

# beta ---------------------------------------------------------------------------------------------


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """The density of Beta(a, b) at x."""
    log_b = sub(add(lgamma(a), lgamma(b)), lgamma(add(a, b)))
    powers = add(mul(sub(a, 1.0), log(x)), mul(sub(b, 1.0), log1p(neg(x))))
    return exp(sub(powers, log_b))


def _beta_change(a: Any, b: Any, x: Any, orders: tuple[int, int]) -> Any:
    """The derivative of the density in a and b, of these orders."""
    whole = add(a, b)

    def cumulant(p: tuple[int, ...]) -> Any:
        i, j = p
        if i + j == 1:
            log_part, own = (log(x), a) if i else (log1p(neg(x)), b)
            return add(sub(log_part, digamma(own)), digamma(whole))
        both = polygamma(i + j - 1.0, whole)
        if i and j:
            return both
        return sub(both, polygamma(i + j - 1.0, a if i else b))

    return mul(beta_density(a, b, x), _moment(orders, cumulant))


betainc = elementwise(
    "betainc",
    scipy_special("betainc"),
    arity=3,
    lower="betainc",
    partials=(
        lambda a, b, x, out: betainc_grad_a(a, b, x),
        lambda a, b, x, out: betainc_grad_b(a, b, x),
        lambda a, b, x, out: beta_density(a, b, x),
    ),
    points=_BETA_POINTS,
    special=False,
    cost=300.0,
    doc="The regularised incomplete beta function I_x(a, b).",
)


def _further(orders: tuple[int, int] | None = None) -> tuple[Any, Any, Any]:
    """The partials of the derivative of betainc of given orders; None: they are a parameter."""

    def more(axis: int) -> Any:
        def partial(a: Any, b: Any, x: Any, out: Any, orders: Any = orders) -> Any:
            m, n = orders
            return betainc_by_shapes(a, b, x, orders=(m + (axis == 0), n + (axis == 1)))

        return partial

    def in_x(a: Any, b: Any, x: Any, out: Any, orders: Any = orders) -> Any:
        return _beta_change(a, b, x, orders)

    return more(0), more(1), in_x


def _first_derivative(name: str, orders: tuple[int, int]) -> Any:
    return elementwise(
        f"betainc_grad_{name}",
        lambda a, b, x: betainc_derivative(a, b, x, orders),
        arity=3,
        lower=f"betainc_grad_{name}",
        partials=_further(orders),
        points=_BETA_POINTS,
        special=False,
        cost=3000.0,
        doc=f"dI_x(a, b)/d{name} of the incomplete beta function.",
    )


betainc_grad_a = _first_derivative("a", (1, 0))
betainc_grad_b = _first_derivative("b", (0, 1))

betainc_by_shapes = host(
    "betainc_by_shapes",
    betainc_derivative,
    arity=3,
    partials=_further(),
    samples=lambda: [
        s
        for orders in ((2, 0), (1, 1), (0, 2))
        for s in grid_samples(FLOAT, _BETA_POINTS, False, orders=orders)
    ],
    cost=5000.0,
    doc="`betainc_by_shapes(a, b, x, orders)`: I_x(a, b) differentiated orders[0] times in a and "
    "orders[1] times in b, at least once in all.",
)
