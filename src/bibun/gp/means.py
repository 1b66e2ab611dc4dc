"""Mean functions: the expected value of a process at one point."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bibun import numpy as bnp
from bibun import tree, vmap
from bibun.gp._record import Record, static


class MeanBase(Record):
    """Base class: a subclass writes `__call__(x)`, of one point. Sums of means are means."""

    def __call__(self, X: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(X)")

    def at(self, X: Any) -> Any:
        """The mean at a set of points."""
        return vmap(self)(X)

    def __add__(self, other: Any) -> MeanBase:
        return Sum(self, as_mean(other))

    def __radd__(self, other: Any) -> MeanBase:
        return Sum(as_mean(other), self)


class Constant(MeanBase):
    """The same mean everywhere.

    >>> float(Constant(3.0)(1.0))
    3.0
    """

    value: Any = 0.0

    def __post_init__(self) -> None:
        self._convert(value=0)

    def __call__(self, X: Any) -> Any:
        return bnp.asarray(self.value)


class Linear(MeanBase):
    """weight · x + bias.

    >>> float(Linear(2.0, 1.0)(3.0))
    7.0
    """

    weight: Any
    bias: Any = 0.0

    def __post_init__(self) -> None:
        self._convert(weight=1, bias=0)

    def __call__(self, X: Any) -> Any:
        return bnp.sum(bnp.multiply(self.weight, X)) + self.bias


class Function(MeanBase):
    """A function of one point, and of `params` where there are any.

    Parameters in `params` are leaves of the pytree; what the function closes over is not.

    >>> float(Function(lambda x, p: p * x, 2.0)(4.0))
    8.0
    """

    function: Callable[..., Any] = static()
    params: Any = None

    def __call__(self, X: Any) -> Any:
        return self.function(X) if self.params is None else self.function(X, self.params)


class Sum(MeanBase):
    """The sum of two means."""

    mean1: MeanBase
    mean2: MeanBase
    _infix = "+"

    def __call__(self, X: Any) -> Any:
        return self.mean1(X) + self.mean2(X)


class Conditioned(MeanBase):
    """The mean of a process given observations: k(x, X) α, plus `mean` unless it is None."""

    X: Any
    alpha: Any
    kernel: Any
    mean: MeanBase | None = None

    def __call__(self, X: Any) -> Any:
        one = tree.map(lambda x: bnp.asarray(x)[None], X)
        value = bnp.matmul(self.kernel(one, self.X), self.alpha)[0]
        return value if self.mean is None else value + self.mean(X)


def Mean(value: Any = 0.0) -> MeanBase:
    """A mean from a number or a function of one point.

    >>> float(Mean(lambda x: x ** 2)(3.0))
    9.0
    """
    return as_mean(value)


def as_mean(mean: Any) -> MeanBase:
    """What a user may give as `mean`: None for zero, a number, a function, a mean."""
    if isinstance(mean, MeanBase):
        return mean
    if mean is None:
        return Constant(0.0)
    return Function(mean) if callable(mean) else Constant(mean)
