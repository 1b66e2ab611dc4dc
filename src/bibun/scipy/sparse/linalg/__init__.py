"""`bibun.scipy.sparse.linalg`: A x = b from products A x alone, one algorithm a file."""

from __future__ import annotations

from bibun.scipy.sparse.linalg._bicgstab import bicgstab
from bibun.scipy.sparse.linalg._cg import cg
from bibun.scipy.sparse.linalg._gmres import gmres

__all__ = ["bicgstab", "cg", "gmres"]
