"""Spectral densities of kernels; see `bibun.gp.hsgp`."""

from __future__ import annotations

from bibun.gp.hsgp import (
    diag_spectral_density_matern,
    diag_spectral_density_periodic,
    diag_spectral_density_rational_quadratic,
    diag_spectral_density_squared_exponential,
    spectral_density_matern,
    spectral_density_rational_quadratic,
    spectral_density_squared_exponential,
)

__all__ = [
    "diag_spectral_density_matern", "diag_spectral_density_periodic",
    "diag_spectral_density_rational_quadratic", "diag_spectral_density_squared_exponential",
    "spectral_density_matern", "spectral_density_rational_quadratic",
    "spectral_density_squared_exponential",
]  # fmt: skip
