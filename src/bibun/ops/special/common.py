"""Shared by the rooms of special functions: straight-line lowering, samples, series in ops."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun.errors import DifferentiationError
from bibun.ops.elementwise import abs as abs_
from bibun.ops.elementwise import add, lt, mul, select
from bibun.ops.families.elementwise import FLOAT, grid_samples
from bibun.ops.op import Sample

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


def partly(
    columns: Sequence[Sequence[float]], diff: Sequence[int], special: bool = False
) -> Callable[[], list[Sample]]:
    """Samples of a function that is differentiated in some operands only."""

    def make() -> list[Sample]:
        found = grid_samples(FLOAT, columns, special)
        for s in found:
            if s.diff is None:
                s.diff = diff
        return found

    return make


def underived(name: str, operand: str, why: str) -> Callable[..., Any]:
    """The partial of an operand in which a function has no derivative here."""

    def partial(*args: Any, **params: Any) -> Any:
        raise DifferentiationError(
            f"{name} cannot be differentiated with respect to {operand}: {why}. "
            "stop_gradient on it takes it as constant"
        )

    return partial
