"""Piecewise polynomials in one variable: values, derivatives, integrals."""

from __future__ import annotations

import math
from typing import Any

import bibun.numpy as bnp
from bibun.array import Value
from bibun.errors import ShapeError
from bibun.numpy._common import promote_inexact, value

__all__ = ["PPoly"]


def floats(name: str, *xs: Any) -> list[Value]:
    return [
        value(name, f"{i + 1}", x)
        for i, x in enumerate(promote_inexact(name, *map(bnp.asarray, xs)))
    ]


class PPoly:
    """Σ c[j, i] (x - x[i])^(k-j) on [x[i], x[i+1]].

    c: (k + 1, n - 1, ...) coefficients, highest power first; x: (n,) ascending breakpoints.
    extrapolate: True (the end polynomials go on), False (nan outside) or "periodic".

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.interpolate import PPoly
    >>> print(PPoly(bnp.array([[1.0], [0.0]]), bnp.array([0.0, 2.0]))(1.5))
    1.5
    """

    axis = 0

    def __init__(self, c: Any, x: Any, extrapolate: Any = True, axis: int = 0) -> None:
        self.c, self.x = floats("PPoly", c, x)
        if self.x.ndim != 1 or self.c.ndim < 2 or self.c.shape[1] != self.x.shape[0] - 1:
            raise ShapeError(
                f"PPoly: expected c of shape (k, n - 1, ...) and x (n,), got {self.c.shape} and "
                f"{self.x.shape}"
            )
        self.extrapolate = True if extrapolate is None else extrapolate
        self.axis = axis

    def __call__(self, x: Any, nu: int = 0, extrapolate: Any = None) -> Value:
        """The nu-th derivative at points x; their axes take the place of the axis of the data."""
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        if nu < 0:
            return self.antiderivative(-nu)(x, 0, extrapolate)
        (points,) = floats("PPoly", x)
        points = points.astype(promote_inexact("PPoly", points, self.x)[0].dtype)
        low, high = self.x[0], self.x[-1]
        given = points
        if extrapolate == "periodic":
            points = low + (points - low) % (high - low)
        n = self.x.shape[0]
        i = bnp.clip(bnp.searchsorted(self.x, points, side="right") - 1, 0, n - 2)
        extra = self.c.ndim - 2
        d = (points - self.x[i]).reshape((*points.shape, *(1,) * extra))
        k = self.c.shape[0] - 1
        total: Any = bnp.zeros((*points.shape, *self.c.shape[2:]), dtype=self.c.dtype)
        for j in range(k + 1 - nu):
            power = k - j
            total = total * d + math.perm(power, nu) * self.c[j, i]
        if extrapolate is False:
            outside = ((given < low) | (given > high)).reshape(d.shape)
            total = bnp.where(outside, bnp.nan, total)
        if self.axis:
            r = points.ndim
            total = bnp.moveaxis(total, tuple(range(r)), tuple(range(self.axis, self.axis + r)))
        return total

    def _like(self, c: Any) -> PPoly:
        return PPoly(c, self.x, self.extrapolate, self.axis)

    def derivative(self, nu: int = 1) -> PPoly:
        """The derivative as a piecewise polynomial."""
        if nu < 0:
            return self.antiderivative(-nu)
        k = self.c.shape[0] - 1
        if nu > k:
            return self._like(bnp.zeros_like(self.c[:1]))
        rows = [self.c[j] * float(math.perm(k - j, nu)) for j in range(k + 1 - nu)]
        return self._like(bnp.stack(rows))

    def antiderivative(self, nu: int = 1) -> PPoly:
        """The integral from x[0], as a piecewise polynomial."""
        if nu <= 0:
            return self.derivative(-nu)
        k = self.c.shape[0]
        h = bnp.diff(self.x).reshape(-1, *(1,) * (self.c.ndim - 2))
        rows = [self.c[j] / (k - j) for j in range(k)]
        steps: Any = 0.0
        for row in rows:
            steps = (steps + row) * h
        start = bnp.cumsum(steps, 0) - steps
        return self._like(bnp.stack([*rows, start])).antiderivative(nu - 1)

    def integrate(self, a: Any, b: Any, extrapolate: Any = None) -> Value:
        """The integral from a to b."""
        if extrapolate == "periodic" or (extrapolate is None and self.extrapolate == "periodic"):
            raise NotImplementedError("PPoly.integrate: periodic extension is not supported")
        whole = self.antiderivative()
        whole.axis = 0
        return whole(b, 0, extrapolate) - whole(a, 0, extrapolate)
