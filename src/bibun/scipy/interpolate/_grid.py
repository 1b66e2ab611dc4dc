"""Interpolation on rectangular grids in any number of dimensions.

Linear interpolation is the weighted sum of a cell's 2^d corners. The cubic one is the tensor
product of not-a-knot splines: their coefficients are linear in the values, so they are found
axis by axis, and each point contracts the 4^d coefficients of its cell with powers.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import bibun.numpy as bnp
from bibun.array import Value
from bibun.errors import ShapeError
from bibun.numpy._common import concrete
from bibun.scipy.interpolate._piecewise import floats
from bibun.scipy.interpolate._splines import CubicSpline, check_inside

__all__ = ["RegularGridInterpolator", "interpn"]

_METHODS = ("linear", "nearest", "slinear", "cubic")


class RegularGridInterpolator:
    """A function known on a rectangular grid.

    points: d strictly ascending arrays (n1,), …, (nd,); values: (n1, …, nd, ...). method:
    "linear", "nearest" or "cubic" (not-a-knot splines). Outside the grid: with `bounds_error`
    (the default) a ValueError naming the coordinate, in compiled code too; else `fill_value`,
    or extrapolation for fill_value=None. Differentiable in points, values and coordinates.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.interpolate import RegularGridInterpolator
    >>> x, y = bnp.array([0.0, 1.0]), bnp.array([0.0, 1.0, 2.0])
    >>> f = RegularGridInterpolator((x, y), x[:, None] + 10 * y)
    >>> print(f(bnp.array([0.5, 1.5])))
    [15.5]
    """

    def __init__(
        self, points: Sequence[Any], values: Any, method: str = "linear",
        bounds_error: bool = True, fill_value: Any = bnp.nan,
    ) -> None:  # fmt: skip
        if method not in _METHODS:
            raise ValueError(
                f"RegularGridInterpolator: method must be one of {_METHODS}, got {method!r}"
            )
        *grid, self.values = floats("RegularGridInterpolator", *points, values)
        self.grid = tuple(grid)
        self.method, self.bounds_error, self.fill_value = method, bounds_error, fill_value
        if len(grid) > self.values.ndim:
            raise ShapeError(
                f"RegularGridInterpolator: {len(grid)} points for values of shape "
                f"{self.values.shape}"
            )
        for k, g in enumerate(grid):
            if g.ndim != 1 or g.shape[0] != self.values.shape[k] or g.shape[0] < 2:
                raise ShapeError(
                    f"RegularGridInterpolator: points[{k}] of shape {g.shape} for axis {k} of "
                    f"values of shape {self.values.shape}; expected ({self.values.shape[k]},)"
                )
            known = concrete(g)
            if known is not None and not (known[1:] > known[:-1]).all():
                raise ValueError(f"RegularGridInterpolator: points[{k}] must ascend strictly")

    def __call__(self, xi: Any, method: str | None = None) -> Value:
        """Values at points xi (..., d), or a tuple of d arrays of coordinates."""
        method = self.method if method is None else method
        if method not in _METHODS:
            raise ValueError(f"RegularGridInterpolator: method {method!r} is not in {_METHODS}")
        d = len(self.grid)
        if isinstance(xi, tuple):
            coordinates = bnp.broadcast_arrays(*floats("RegularGridInterpolator", *xi))
        else:
            (x,) = floats("RegularGridInterpolator", xi)
            x = x[None] if x.ndim == 1 and d > 1 else (x[:, None] if x.ndim == 1 else x)
            coordinates = [x[..., k] for k in range(x.shape[-1])]
        if len(coordinates) != d:
            raise ShapeError(
                f"RegularGridInterpolator: points of {len(coordinates)} coordinates on a grid of "
                f"{d} dimensions"
            )
        outside: Any = None
        cells = []
        for c, g in zip(coordinates, self.grid, strict=True):
            if self.bounds_error:
                check_inside("RegularGridInterpolator", c, g[0], g[-1])
            elif self.fill_value is not None:
                out = (c < g[0]) | (c > g[-1])
                outside = out if outside is None else outside | out
            cells.append(bnp.clip(bnp.searchsorted(g, c, side="right") - 1, 0, g.shape[0] - 2))
        if method == "cubic":
            total = self._cubic(coordinates, cells)
        else:
            total = self._corners(coordinates, cells, method == "nearest")
        missing = coordinates[0] != coordinates[0]
        for c in coordinates[1:]:
            missing = missing | (c != c)
        tail = (1,) * (self.values.ndim - d)
        if outside is not None:
            fill = outside.reshape((*outside.shape, *tail))
            total = bnp.where(fill, self.fill_value, total)
        return bnp.where(missing.reshape((*missing.shape, *tail)), bnp.nan, total)

    def _corners(self, coordinates: Any, cells: Any, nearest: bool) -> Value:
        """The sum over the corners of each cell, or the nearest corner."""
        tail = (1,) * (self.values.ndim - len(self.grid))
        choices = []
        for c, i, g in zip(coordinates, cells, self.grid, strict=True):
            w = (c - g[i]) / (g[i + 1] - g[i])
            if nearest:  # a tie goes down
                choices.append([(bnp.where(w <= 0.5, i, i + 1), None)])
            else:
                w = w.reshape((*w.shape, *tail))
                choices.append([(i, 1 - w), (i + 1, w)])
        total: Any = None
        for corner in itertools.product(*choices):
            term = self.values[tuple(i for i, _ in corner)]
            for _, w in corner:
                if w is not None:
                    term = term * w
            total = term if total is None else total + term
        return total

    def _cubic(self, coordinates: Any, cells: Any) -> Value:
        d, points = len(self.grid), coordinates[0].ndim
        c = self.values
        for k, g in enumerate(self.grid):
            if g.shape[0] < 4:
                raise ShapeError(
                    f"RegularGridInterpolator: method 'cubic' needs 4 points along each axis, "
                    f"axis {k} has {g.shape[0]}"
                )
            spline = CubicSpline(g, c, axis=k)
            # powers last, so that the axes of the grid stay where they are
            c = bnp.moveaxis(bnp.moveaxis(spline.c, 1, k + 1), 0, -1)
        out = c[tuple(cells)]  # (points, trailing, 4, …, 4)
        for x, i, g in zip(
            reversed(coordinates), reversed(cells), reversed(self.grid), strict=True
        ):
            u = x - g[i]
            u = u.reshape((*u.shape, *(1,) * (out.ndim - 1 - points)))
            out = ((out[..., 0] * u + out[..., 1]) * u + out[..., 2]) * u + out[..., 3]
        assert out.ndim == points + self.values.ndim - d
        return out


def interpn(points: Sequence[Any], values: Any, xi: Any, method: str = "linear",
            bounds_error: bool = True, fill_value: Any = bnp.nan) -> Value:  # fmt: skip
    """`RegularGridInterpolator(points, values, …)(xi)`.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.interpolate import interpn
    >>> print(interpn((bnp.arange(3.0),), bnp.array([0.0, 10.0, 20.0]), bnp.array([0.5])))
    [5.]
    """
    return RegularGridInterpolator(points, values, method, bounds_error, fill_value)(xi)
