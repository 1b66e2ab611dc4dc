"""Processes in models; see `bibun.gp.hsgp`."""

from __future__ import annotations

from bibun.gp.hsgp import (
    hsgp_matern,
    hsgp_periodic_non_centered,
    hsgp_rational_quadratic,
    hsgp_squared_exponential,
    linear_approximation,
)

__all__ = [
    "hsgp_matern", "hsgp_periodic_non_centered", "hsgp_rational_quadratic",
    "hsgp_squared_exponential", "linear_approximation",
]  # fmt: skip
