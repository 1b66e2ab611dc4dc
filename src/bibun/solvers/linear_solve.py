"""Linear systems by their action: `solve_*(matvec, b)`.

`matvec` is a function x -> A x of pytrees with the structure of `b`. Direct methods form A
column by column; iterative ones only apply it. All may be differentiated with respect to `b`
and to whatever `matvec` closes over: the derivative of the solution solves another system
with the same method (`bibun.lax.custom_linear_solve`), never goes through the iterations. The
iterative methods are those of `bibun.scipy.sparse.linalg`, here with `ridge` and tighter limits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bibun import lax, linear_transpose, tree, vmap
from bibun import numpy as bnp
from bibun.scipy.sparse.linalg import bicgstab, cg, gmres

MatVec = Callable[[Any], Any]


def _flatten(matvec: MatVec, b: Any) -> tuple[MatVec, Any, Callable[[Any], Any]]:
    """The same system on flat vectors."""
    vector, back = tree.ravel(b)
    vector = vector * 1.0
    return (lambda x: tree.ravel(matvec(back(x)))[0].astype(x.dtype)), vector, back


def dense_matrix(matvec: MatVec, like: Any) -> Any:
    """The matrix of a linear function of flat vectors."""
    eye = bnp.eye(like.shape[0], dtype=like.dtype)
    return vmap(matvec, out_axes=1)(eye)


def _ridged(matvec: MatVec, ridge: Any) -> MatVec:
    if ridge is None:
        return matvec
    return lambda x: tree.map(lambda a, b: a + ridge * b, matvec(x), x)


def _solver(
    matvec: MatVec, b: Any, ridge: Any, symmetric: bool, method: Callable[[MatVec, Any], Any]
) -> Any:
    mv, vector, back = _flatten(_ridged(matvec, ridge), b)
    return back(lax.custom_linear_solve(mv, vector, method, method, symmetric))


# direct -----------------------------------------------------------------------------------------


def solve_lu(matvec: MatVec, b: Any, ridge: Any = None) -> Any:
    """A x = b by LU factorization of the matrix, which is formed. Singular: nan or inf.

    >>> import bibun.numpy as bnp
    >>> a = bnp.array([[2.0, 1.0], [0.0, 4.0]])
    >>> [float(v) for v in solve_lu(lambda x: a @ x, bnp.array([4.0, 8.0]))]
    [1.0, 2.0]
    """
    mv, vector, back = _flatten(_ridged(matvec, ridge), b)
    return back(bnp.linalg.solve(dense_matrix(mv, vector), vector))


def solve_cholesky(matvec: MatVec, b: Any, ridge: Any = None) -> Any:
    """A x = b for symmetric positive definite A, by Cholesky factorization; else nan."""
    mv, vector, back = _flatten(_ridged(matvec, ridge), b)
    factor = lax.linalg.cholesky(dense_matrix(mv, vector))
    return back(cholesky_backsolve(factor, vector))


def cholesky_backsolve(factor: Any, b: Any) -> Any:
    """x with L Lᵀ x = b for a vector b."""
    half = lax.linalg.triangular_solve(factor, b[:, None], left_side=True, lower=True)
    x = lax.linalg.triangular_solve(
        factor, half, left_side=True, lower=True, transpose_a=True
    )
    return x[:, 0]


def solve_inv(matvec: MatVec, b: Any, ridge: Any = None) -> Any:
    """A x = b through the inverse matrix."""
    mv, vector, back = _flatten(_ridged(matvec, ridge), b)
    return back(bnp.linalg.inv(dense_matrix(mv, vector)) @ vector)


def solve_qr(matvec: MatVec, b: Any, ridge: Any = None) -> Any:
    """A x = b by QR factorization."""
    mv, vector, back = _flatten(_ridged(matvec, ridge), b)
    q, r = lax.linalg.qr(dense_matrix(mv, vector), full_matrices=False)
    x = lax.linalg.triangular_solve(r, (q.T @ vector)[:, None], left_side=True, lower=False)
    return back(x[:, 0])


# iterative --------------------------------------------------------------------------------------


def solve_cg(
    matvec: MatVec, b: Any, ridge: Any = None, init: Any = None, tol: float = 1e-10,
    atol: float = 0.0, maxiter: int | None = None,
) -> Any:  # fmt: skip
    """A x = b for symmetric positive definite A, by conjugate gradients.

    Stops where ‖b - A x‖ ≤ max(tol ‖b‖, atol), or after `maxiter` (default 10 n) steps.
    """

    return cg(_ridged(matvec, ridge), b, init, tol=tol, atol=atol, maxiter=maxiter)[0]


def solve_normal_cg(
    matvec: MatVec, b: Any, ridge: Any = None, init: Any = None, tol: float = 1e-10,
    atol: float = 0.0, maxiter: int | None = None,
) -> Any:  # fmt: skip
    """A x = b for any square A, by conjugate gradients on AᵀA x = Aᵀb.

    For singular consistent systems the solution nearest to `init` (default zero). The
    stopping test is on ‖Aᵀ(b - A x)‖.
    """

    def method(mv: MatVec, v: Any) -> Any:
        t = linear_transpose(mv, v)
        start = None if init is None else tree.ravel(init)[0]
        limits = {"tol": tol, "atol": atol, "maxiter": maxiter}
        return cg(lambda x: t(mv(x))[0], t(v)[0], start, **limits)[0]

    return _solver(matvec, b, ridge, False, method)


def solve_bicgstab(
    matvec: MatVec, b: Any, ridge: Any = None, init: Any = None, tol: float = 1e-10,
    atol: float = 0.0, maxiter: int | None = None,
) -> Any:  # fmt: skip
    """A x = b for any square A, by BiCGSTAB."""
    return bicgstab(_ridged(matvec, ridge), b, init, tol=tol, atol=atol, maxiter=maxiter)[0]


def solve_gmres(
    matvec: MatVec, b: Any, ridge: Any = None, init: Any = None, tol: float = 1e-10,
    atol: float = 0.0, maxiter: int | None = None, restart: int = 20,
) -> Any:  # fmt: skip
    """A x = b for any square A, by GMRES restarted after `restart` vectors.

    `maxiter` counts restarts (default 10 n).
    """
    return gmres(
        _ridged(matvec, ridge), b, init, tol=tol, atol=atol, restart=restart, maxiter=maxiter
    )[0]


def solve_iterative_refinement(
    matvec: MatVec, b: Any, ridge: Any = None, solve: Callable[..., Any] = solve_lu,
    maxiter: int = 3,
) -> Any:  # fmt: skip
    """A x = b by `solve`, with the residual solved for again `maxiter` times."""

    def method(mv: MatVec, v: Any) -> Any:
        x = solve(mv, v)
        for _ in range(maxiter):
            x = x + solve(mv, v - mv(x))
        return x

    return _solver(matvec, b, ridge, False, method)


METHODS = {
    "lu": solve_lu, "cholesky": solve_cholesky, "inv": solve_inv, "qr": solve_qr,
    "cg": solve_cg, "normal_cg": solve_normal_cg, "bicgstab": solve_bicgstab,
    "gmres": solve_gmres,
}  # fmt: skip


def linear_solve(a: Any, b: Any, method: str = "lu", **options: Any) -> Any:
    """x with A x = b; `a` is a matrix, or a linear function of pytrees like `b`.

    `method`: "lu", "cholesky", "inv", "qr", "cg", "normal_cg", "bicgstab" or "gmres"; options go
    to `solve_<method>`. Errors: ValueError for another name.

    >>> import bibun.numpy as bnp
    >>> [float(v) for v in linear_solve(bnp.eye(2) * 2.0, bnp.array([2.0, 4.0]), "cg")]
    [1.0, 2.0]
    """
    if method not in METHODS:
        raise ValueError(f"linear_solve: method must be one of {sorted(METHODS)}, got {method!r}")
    if callable(a):
        return METHODS[method](a, b, **options)
    matrix = bnp.asarray(a)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"linear_solve: a must be a square matrix, got shape {matrix.shape}")
    return METHODS[method](lambda x: matrix @ x, b, **options)
