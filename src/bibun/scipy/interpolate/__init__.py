"""`bibun.scipy.interpolate`: functions through points, differentiable in points and values.

`_grid`: on rectangular grids; `_piecewise`: piecewise polynomials of one variable;
`_splines`: cubic splines and their monotone and local kin.
"""

from __future__ import annotations

from bibun.scipy.interpolate._grid import RegularGridInterpolator, interpn
from bibun.scipy.interpolate._piecewise import PPoly
from bibun.scipy.interpolate._splines import (
    Akima1DInterpolator,
    CubicHermiteSpline,
    CubicSpline,
    PchipInterpolator,
    interp1d,
)

__all__ = [
    "Akima1DInterpolator", "CubicHermiteSpline", "CubicSpline", "PPoly", "PchipInterpolator",
    "RegularGridInterpolator", "interp1d", "interpn",
]  # fmt: skip
