"""`bibun.lax.linalg`: the factorisations as they are, on stacks of matrices."""

from __future__ import annotations

from typing import Any

from bibun.array import Value
from bibun.errors import ShapeError
from bibun.lax.linalg_reflectors import hessenberg, householder_product, ormqr, tridiagonal
from bibun.numpy._common import as_int, promote_inexact, value
from bibun.numpy.linalg import _adjoint, _subset, _symmetric
from bibun.numpy.linalg import svd as _svd
from bibun.numpy.taking import take_along_axis
from bibun.ops import linalg as la
from bibun.ops.families.linalg import hermitian

__all__ = [
    "cholesky", "cholesky_update", "eig", "eigh", "hessenberg", "householder_product", "lu",
    "lu_pivots_to_permutation", "ormqr", "qr", "schur", "svd", "symmetric_product",
    "triangular_solve", "tridiagonal", "tridiagonal_solve",
]  # fmt: skip


def _matrix(name: str, a: Any) -> Value:
    x = value(name, "a", promote_inexact(name, a)[0])
    if x.ndim < 2:
        raise ShapeError(f"{name}: expected matrices, got shape {x.shape}")
    return x


def cholesky(x: Any, *, symmetrize_input: bool = True) -> Value:
    """The lower triangular L with x = L Lᴴ; nan where x is not positive definite.

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> print(lax.linalg.cholesky(4 * bnp.eye(1)))
    [[2.]]
    """
    return la.cholesky(_matrix("cholesky", x), symmetrize=bool(symmetrize_input))


def cholesky_update(r_matrix: Any, w_vector: Any) -> Value:
    """The factor R' with R'ᵀ R' = Rᵀ R + w wᵀ, R' upper triangular.

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> print(lax.linalg.cholesky_update(bnp.eye(1), bnp.array([0.0])))
    [[1.]]
    """
    r, w = promote_inexact("cholesky_update", r_matrix, w_vector)
    r, w = value("cholesky_update", "r_matrix", r), value("cholesky_update", "w_vector", w)
    return _adjoint(la.cholesky(r.mT @ r + w[:, None] * w[None, :], symmetrize=True))


def triangular_solve(a: Any, b: Any, *, left_side: bool = False, lower: bool = False,
                     transpose_a: bool = False, conjugate_a: bool = False,
                     unit_diagonal: bool = False) -> Value:  # fmt: skip
    """x with op(a) x = b (`left_side`) or x op(a) = b, for triangular a.

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> print(lax.linalg.triangular_solve(2 * bnp.eye(2), bnp.ones((2, 1)), left_side=True))
    [[0.5]
     [0.5]]
    """
    x, y = promote_inexact("triangular_solve", a, b)
    x, y = value("triangular_solve", "a", x), value("triangular_solve", "b", y)
    vector = y.ndim == x.ndim - 1
    if vector:
        y = y[..., None] if left_side else y[..., None, :]
    out = la.triangular_solve(
        x, y, left_side=bool(left_side), lower=bool(lower), transpose_a=bool(transpose_a),
        conjugate_a=bool(conjugate_a), unit_diagonal=bool(unit_diagonal),
    )  # fmt: skip
    if vector:
        return out[..., 0] if left_side else out[..., 0, :]
    return out


def lu(x: Any) -> tuple[Value, Value, Value]:
    """(L and U in one matrix, pivots, permutation): x[permutation] = L U.

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> print(lax.linalg.lu(bnp.eye(1))[0])
    [[1.]]
    """
    return tuple(la.lu(_matrix("lu", x)))  # type: ignore[return-value]


def lu_pivots_to_permutation(pivots: Any, permutation_size: int) -> Value:
    """The permutation that the row exchanges of `lu` amount to.

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> print(lax.linalg.lu_pivots_to_permutation(bnp.array([1, 1], dtype=bnp.int32), 2))
    [1 0]
    """
    size = as_int("lu_pivots_to_permutation", "permutation_size", permutation_size)
    x = value("lu_pivots_to_permutation", "pivots", pivots)
    return la.lu_pivots_to_permutation(x, permutation_size=size)


def qr(x: Any, *, pivoting: bool = False, full_matrices: bool = True) -> tuple[Value, ...]:
    """(Q, R) with x = Q R; with `pivoting` (Q, R, p) with x[..., :, p] = Q R.

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> print(abs(lax.linalg.qr(bnp.eye(1))[1]))
    [[1.]]
    """
    x = _matrix("qr", x)
    if not pivoting:
        return tuple(la.qr(x, full_matrices=bool(full_matrices)))
    order = la.qr_pivots(x)
    x = take_along_axis(x, order[..., None, :], -1)
    return (*la.qr(x, full_matrices=bool(full_matrices)), order)


def eigh(x: Any, *, lower: bool = True, symmetrize_input: bool = True,
         sort_eigenvalues: bool = True, subset_by_index: tuple[int, int] | None = None
         ) -> tuple[Value, Value]:  # fmt: skip
    """(eigenvectors, eigenvalues) of Hermitian matrices, ascending, asked for or not.

    subset_by_index: (first, last + 1) of the eigenvalues to give.

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> print(lax.linalg.eigh(2 * bnp.eye(1))[1])
    [2.]
    """
    x = _matrix("eigh", x)
    v, w = la.eigh(_symmetric(x) if symmetrize_input else x, lower=bool(lower))
    if subset_by_index is None:
        return v, w
    part = _subset("eigh", subset_by_index, x.shape[-1])
    return v[..., part], w[..., part]


def eig(x: Any, *, compute_left_eigenvectors: bool = True,
        compute_right_eigenvectors: bool = True) -> list[Value]:  # fmt: skip
    """[eigenvalues, left vectors, right vectors] of square matrices, complex.

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> print(lax.linalg.eig(bnp.eye(1))[0])
    [1.+0.j]
    """
    return la.eig(
        _matrix("eig", x), compute_left=bool(compute_left_eigenvectors),
        compute_right=bool(compute_right_eigenvectors),
    )  # fmt: skip


def svd(x: Any, *, full_matrices: bool = True, compute_uv: bool = True,
        subset_by_index: tuple[int, int] | None = None) -> Any:  # fmt: skip
    """(U, S, Vh) with x = U diag(S) Vh, or S alone; `subset_by_index` as in `numpy.linalg.svd`.

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> print(lax.linalg.svd(2 * bnp.eye(1), compute_uv=False))
    [2.]
    """
    out = _svd(_matrix("svd", x), full_matrices, compute_uv, subset_by_index=subset_by_index)
    return tuple(out) if compute_uv else out


def schur(x: Any, *, compute_schur_vectors: bool = True) -> Any:
    """(T, Z) with x = Z T Zᴴ, or (T,) alone; T (quasi-)upper triangular. No derivative.

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> print(lax.linalg.schur(2 * bnp.eye(1))[0])
    [[2.]]
    """
    t, z = la.schur(_matrix("schur", x))
    return (t, z) if compute_schur_vectors else (t,)


def symmetric_product(a_matrix: Any, c_matrix: Any, *, alpha: float = 1.0, beta: float = 0.0,
                      symmetrize_output: bool = False) -> Value:  # fmt: skip
    """alpha a aᵀ + beta c for a (..., n, k) and symmetric c (..., n, n).

    `symmetrize_output`: c may be any matrix whose lower triangle is meant; the result is
    symmetric.

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> print(lax.linalg.symmetric_product(bnp.ones((1, 2)), bnp.ones((1, 1)), beta=3.0))
    [[5.]]
    """
    x, c = promote_inexact("symmetric_product", a_matrix, c_matrix)
    x, c = _matrix("symmetric_product", x), _matrix("symmetric_product", c)
    if c.shape != (*x.shape[:-1], x.shape[-2]):
        raise ShapeError(
            f"symmetric_product: a of shape {x.shape} and c of shape {c.shape} do not fit"
        )
    if symmetrize_output:
        c = hermitian(c)
    return alpha * (x @ x.mT) + beta * c


def tridiagonal_solve(dl: Any, d: Any, du: Any, b: Any) -> Value:
    """x with T x = b, T tridiagonal: dl below, d on and du above the diagonal, by rows.

    dl, d, du: (..., n), where dl[0] and du[n - 1] are not read; b: (..., n, m). nan where T is
    singular. LAPACK's gtsv. Errors: ShapeError.

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> zero, two = bnp.zeros(2), bnp.full(2, 2.0)
    >>> print(lax.linalg.tridiagonal_solve(zero, two, zero, bnp.ones((2, 1))))
    [[0.5]
     [0.5]]
    """
    parts = promote_inexact("tridiagonal_solve", dl, d, du, b)
    return la.tridiagonal_solve(*(value("tridiagonal_solve", "d", x) for x in parts))
