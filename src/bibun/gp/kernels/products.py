"""Kernels of the inner product of two points, and white noise."""

from __future__ import annotations

from typing import Any

from bibun import numpy as bnp
from bibun import tree
from bibun.gp._record import static
from bibun.gp.kernels.base import Kernel


def inner(X1: Any, X2: Any) -> Any:
    """x1 · x2 of two numbers or vectors."""
    return bnp.sum(bnp.multiply(X1, X2))


class DotProduct(Kernel):
    """k = x1 · x2: linear functions with standard normal slopes.

    >>> float(DotProduct().evaluate(2.0, 3.0))
    6.0
    """

    def evaluate(self, X1: Any, X2: Any) -> Any:
        return inner(X1, X2)


class Linear(Kernel):
    """k = scale² (x1 - center) · (x2 - center) + sigma²: slopes and offset of lines.

    `scale` and `center` may be one number a feature.

    >>> float(Linear(scale=2.0, center=1.0, sigma=3.0).evaluate(2.0, 3.0))
    17.0
    """

    scale: Any = 1.0
    center: Any = 0.0
    sigma: Any = 0.0

    def __post_init__(self) -> None:
        self._convert(scale=1, center=1, sigma=0)

    def evaluate(self, X1: Any, X2: Any) -> Any:
        X1, X2 = (self.scale * (X - self.center) for X in (X1, X2))
        return inner(X1, X2) + self.sigma * self.sigma


class Polynomial(Kernel):
    """k = ((x1 / scale) · (x2 / scale) + sigma²)^order.

    >>> float(Polynomial(order=2, sigma=1.0).evaluate(2.0, 3.0))
    49.0
    """

    order: int = static()
    scale: Any = 1.0
    sigma: Any = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.order, int) or self.order < 0:
            raise ValueError(f"Polynomial: order must be a whole number, got {self.order!r}")
        self._convert(scale=1, sigma=0)

    def evaluate(self, X1: Any, X2: Any) -> Any:
        return (inner(X1 / self.scale, X2 / self.scale) + self.sigma * self.sigma) ** self.order


class White(Kernel):
    """k = value where both points are equal in every coordinate, 0 elsewhere.

    As part of the process, not of the observation: a test point that is one of the data's has
    their very value. For noise of measurement use `diag` or `noise` of the process.

    >>> White(2.0)(bnp.array([0.0, 1.0]), bnp.array([1.0])).tolist()
    [[0.0], [2.0]]
    """

    value: Any = 1.0

    def __post_init__(self) -> None:
        self._convert(value=0)

    def evaluate(self, X1: Any, X2: Any) -> Any:
        same = bnp.ones((), dtype=bool)
        for a, b in zip(tree.leaves(X1), tree.leaves(X2), strict=True):
            same = same & bnp.all(bnp.equal(a, b))
        return bnp.where(same, self.value, 0.0)

    def evaluate_diag(self, X: Any) -> Any:
        return bnp.asarray(self.value)
