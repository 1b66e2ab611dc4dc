"""Linear algebra on stacks of matrices, one room per factorisation or solver."""

from bibun.ops.linalg.cholesky import cholesky
from bibun.ops.linalg.cholesky_derivative import cholesky_cotangent, cholesky_tangent
from bibun.ops.linalg.diagonal import diagonal, embed_diagonal
from bibun.ops.linalg.eig import eig
from bibun.ops.linalg.eigh import eigh
from bibun.ops.linalg.lu import lu, lu_pivots_to_permutation
from bibun.ops.linalg.lu_columns import lu_columns, lu_columns_inverse
from bibun.ops.linalg.qr import qr
from bibun.ops.linalg.qr_pivots import qr_pivots
from bibun.ops.linalg.schur import schur
from bibun.ops.linalg.spectral_change import spectral_change
from bibun.ops.linalg.svd import svd
from bibun.ops.linalg.sylvester import sylvester
from bibun.ops.linalg.triangular_solve import triangular_solve
from bibun.ops.linalg.tridiagonal_solve import tridiagonal_solve

__all__ = [
    "cholesky", "cholesky_cotangent", "cholesky_tangent", "diagonal", "eig", "eigh",
    "embed_diagonal", "lu", "lu_columns", "lu_columns_inverse", "lu_pivots_to_permutation", "qr",
    "qr_pivots", "schur", "spectral_change", "svd", "sylvester",
    "triangular_solve", "tridiagonal_solve",
]  # fmt: skip
