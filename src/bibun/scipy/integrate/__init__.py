"""`bibun.scipy.integrate`: integrals of samples and functions, ordinary differential equations."""

from __future__ import annotations

from bibun.scipy.integrate._odeint import odeint
from bibun.scipy.integrate._samples import (
    cumulative_trapezoid,
    fixed_quad,
    simpson,
    trapezoid,
)

__all__ = ["cumulative_trapezoid", "fixed_quad", "odeint", "simpson", "trapezoid"]
