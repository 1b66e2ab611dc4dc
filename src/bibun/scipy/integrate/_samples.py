"""Integrals from samples: the trapezoidal rule and Simpson's; and Gauss's with fixed nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun.array import Value
from bibun.errors import ShapeError
from bibun.numpy import trapezoid
from bibun.numpy._common import axis_index, promote_inexact, value

__all__ = ["cumulative_trapezoid", "fixed_quad", "simpson", "trapezoid"]


def _samples(name: str, y: Any, x: Any, dx: Any, axis: int) -> tuple[Value, Value, int]:
    """(y with the axis last, the steps between samples, the axis)."""
    f = value(name, "y", promote_inexact(name, bnp.asarray(y))[0])
    k = axis_index(name, axis, f.ndim)
    f = bnp.moveaxis(f, k, -1)
    if x is None:
        step = bnp.broadcast_to(bnp.asarray(dx), (f.shape[-1] - 1,))
        return f, step, k
    points = bnp.asarray(x)
    if points.ndim != 1:
        points = bnp.moveaxis(points, k, -1)
    if points.shape[-1] != f.shape[-1]:
        raise ShapeError(f"{name}: x of shape {points.shape} does not fit y of shape {f.shape}")
    return f, bnp.diff(points), k


def cumulative_trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1,
                         initial: Any = None) -> Value:  # fmt: skip
    """Running integrals by the trapezoidal rule; `initial` (0) is put in front if given.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.integrate import cumulative_trapezoid
    >>> print(cumulative_trapezoid(bnp.array([1.0, 2.0, 3.0]), initial=0))
    [0.  1.5 4. ]
    """
    f, step, k = _samples("cumulative_trapezoid", y, x, dx, axis)
    out = bnp.cumsum(0.5 * step * (f[..., 1:] + f[..., :-1]), -1)
    if initial is not None:
        start = bnp.full((*out.shape[:-1], 1), initial, dtype=out.dtype)
        out = bnp.concatenate([start, out], -1)
    return bnp.moveaxis(out, -1, k)


def simpson(y: Any, x: Any = None, *, dx: Any = 1.0, axis: int = -1) -> Value:
    """Integral by Simpson's rule, for any spacing.

    With an even number of samples the last interval is integrated by the parabola through the
    last three (K. Cartwright, "Simpson's rule cumulative integration with MS Excel and
    irregularly-spaced data", 2017), as SciPy does.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.integrate import simpson
    >>> x = bnp.linspace(0.0, 1.0, 3)
    >>> print(simpson(3 * x**2, x))
    1.0
    """
    f, h, _ = _samples("simpson", y, x, dx, axis)
    n = f.shape[-1]
    if n < 3:
        return bnp.sum(0.5 * h * (f[..., 1:] + f[..., :-1]), -1)
    m = n if n % 2 else n - 1
    h0, h1 = h[..., 0 : m - 1 : 2], h[..., 1 : m - 1 : 2]
    total, product = h0 + h1, h0 * h1
    terms = (
        f[..., 0 : m - 2 : 2] * (2 - h1 / h0)
        + f[..., 1 : m - 1 : 2] * (total * total / product)
        + f[..., 2:m:2] * (2 - h0 / h1)
    )
    out = bnp.sum(total / 6 * terms, -1)
    if n % 2 == 0:
        a, b = h[..., -2], h[..., -1]
        last = (2 * b * b + 3 * a * b) / (6 * (a + b))
        middle = (b * b + 3 * a * b) / (6 * a)
        first = b**3 / (6 * a * (a + b))
        out = out + last * f[..., -1] + middle * f[..., -2] - first * f[..., -3]
    return out


def fixed_quad(func: Callable[..., Any], a: Any, b: Any, args: tuple[Any, ...] = (),
               n: int = 5) -> tuple[Value, None]:  # fmt: skip
    """(∫ func from a to b by Gauss-Legendre with n nodes, None); exact to degree 2n - 1.

    func takes a vector of points and returns values along its last axis. Differentiable in a,
    b, args and what func captures.

    >>> from bibun.scipy.integrate import fixed_quad
    >>> round(float(fixed_quad(lambda x: x**9, 0.0, 1.0)[0]), 12)
    0.1
    """
    nodes, weights = np.polynomial.legendre.leggauss(n)
    half = 0.5 * (b - a)
    points = half * (nodes + 1.0) + a
    return half * bnp.sum(weights * func(points, *args), -1), None
