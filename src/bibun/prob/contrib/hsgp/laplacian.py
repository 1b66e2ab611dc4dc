"""Eigenfunctions and frequencies of a box; see `bibun.gp.hsgp`."""

from __future__ import annotations

from bibun.gp.hsgp import (
    eigenfunctions,
    eigenfunctions_periodic,
    eigenindices,
    sqrt_eigenvalues,
)

__all__ = ["eigenfunctions", "eigenfunctions_periodic", "eigenindices", "sqrt_eigenvalues"]
