"""Shared by the rooms of special functions: straight-line lowering, series in ops, quadrature."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun.ops.elementwise import abs as abs_
from bibun.ops.elementwise import add, lt, mul, select

FLOAT64 = np.dtype(np.float64)


def in_double(lower: Callable[..., Any]) -> Callable[..., Any]:
    """A lowering written for float64 that serves float32 by widening."""

    @functools.wraps(lower)
    def run(b: Any, *xs: Any, **params: Any) -> Any:
        dtype = xs[0].dtype
        if dtype == FLOAT64:
            return lower(b, *xs, **params)
        return b.convert(lower(b, *(b.convert(x, FLOAT64) for x in xs), **params), dtype)

    return run


def number(b: Any, x: float) -> Any:
    return b.const(x, FLOAT64)


def horner(b: Any, x: Any, coefficients: Sequence[float]) -> Any:
    """Σ c[k] x^k in compiled code, constant term first."""
    total = number(b, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        total = b.fma(total, x, number(b, c))
    return total


def polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    """Σ c[k] x^k with ops, constant term first."""
    total: Any = float(coefficients[-1])
    for c in reversed(coefficients[:-1]):
        total = add(mul(x, total), float(c))
    return total


def near_zero(x: Any, radius: float, series: Sequence[float], far: Callable[[Any], Any]) -> Any:
    """`far(x)`, and its Taylor series where |x| < radius; derivatives follow the choice."""
    near = lt(abs_(x), radius)
    safe = select(near, x, 1.0)
    return select(near, far(safe), polynomial(select(near, 0.0, x), series))


@functools.cache
def gauss_legendre(points: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Gauss and Legendre's rule on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(points)
    return 0.5 + 0.5 * nodes, 0.5 * weights
