"""Linear systems by their action: `solve_*(matvec, b)`.

`matvec` is a function x -> A x of pytrees with the structure of `b`. Direct methods form A
column by column; iterative ones only apply it. All may be differentiated with respect to `b`
and to whatever `matvec` closes over: the derivative of the solution solves another system
with the same method (`bibun.lax.custom_linear_solve`), never goes through the iterations.

Conjugate gradients: Hestenes & Stiefel (1952). BiCGSTAB: van der Vorst (1992). GMRES: Saad &
Schultz (1986), with restarts and twice-iterated Gram–Schmidt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bibun import lax, linear_transpose, tree, vmap
from bibun import numpy as bnp
from bibun.solvers.base import norm

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


def _limits(b: Any, tol: float, atol: float, maxiter: int | None) -> tuple[Any, int]:
    return bnp.maximum(tol * norm(b), atol), 10 * b.shape[0] if maxiter is None else maxiter


def _cg(mv: MatVec, b: Any, x: Any, stop: Any, maxiter: int) -> Any:
    r = b - mv(x)
    rr = bnp.sum(r * r)

    def one(carry: Any) -> Any:
        i, x, r, p, rr = carry
        ap = mv(p)
        curvature = bnp.sum(p * ap)
        alpha = rr / bnp.where(curvature == 0, 1.0, curvature)
        x, r = x + alpha * p, r - alpha * ap
        new = bnp.sum(r * r)
        return i + 1, x, r, r + new / bnp.where(rr == 0, 1.0, rr) * p, new

    def go_on(carry: Any) -> Any:
        return (carry[0] < maxiter) & (carry[4] > stop * stop)

    return lax.while_loop(go_on, one, (bnp.asarray(0), x, r, r, rr))[1]


def _start(init: Any, b: Any) -> Any:
    return bnp.zeros_like(b) if init is None else tree.ravel(init)[0] * 1.0


def solve_cg(
    matvec: MatVec, b: Any, ridge: Any = None, init: Any = None, tol: float = 1e-10,
    atol: float = 0.0, maxiter: int | None = None,
) -> Any:  # fmt: skip
    """A x = b for symmetric positive definite A, by conjugate gradients.

    Stops where ‖b - A x‖ ≤ max(tol ‖b‖, atol), or after `maxiter` (default 10 n) steps.
    """

    def method(mv: MatVec, v: Any) -> Any:
        return _cg(mv, v, _start(init, v), *_limits(v, tol, atol, maxiter))

    return _solver(matvec, b, ridge, True, method)


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
        rhs = t(v)[0]
        return _cg(lambda x: t(mv(x))[0], rhs, _start(init, v), *_limits(rhs, tol, atol, maxiter))

    return _solver(matvec, b, ridge, False, method)


def solve_bicgstab(
    matvec: MatVec, b: Any, ridge: Any = None, init: Any = None, tol: float = 1e-10,
    atol: float = 0.0, maxiter: int | None = None,
) -> Any:  # fmt: skip
    """A x = b for any square A, by BiCGSTAB."""

    def method(mv: MatVec, v: Any) -> Any:
        stop, most = _limits(v, tol, atol, maxiter)
        x = _start(init, v)
        r = v - mv(x)
        one = bnp.ones((), dtype=v.dtype)

        def divide(a: Any, b: Any) -> Any:
            return a / bnp.where(b == 0, 1.0, b)

        def step(carry: Any) -> Any:
            i, x, r, p, q, rho, alpha, omega = carry
            new = bnp.sum(shadow * r)
            beta = divide(new, rho) * divide(alpha, omega)
            p = r + beta * (p - omega * q)
            q = mv(p)
            alpha = divide(new, bnp.sum(shadow * q))
            s = r - alpha * q
            t = mv(s)
            omega = divide(bnp.sum(t * s), bnp.sum(t * t))
            return i + 1, x + alpha * p + omega * s, s - omega * t, p, q, new, alpha, omega

        shadow, zero = r, bnp.zeros_like(r)
        carry = (bnp.asarray(0), x, r, zero, zero, one, one, one)
        return lax.while_loop(lambda c: (c[0] < most) & (norm(c[2]) > stop), step, carry)[1]

    return _solver(matvec, b, ridge, False, method)


def solve_gmres(
    matvec: MatVec, b: Any, ridge: Any = None, init: Any = None, tol: float = 1e-10,
    atol: float = 0.0, maxiter: int | None = None, restart: int = 20,
) -> Any:  # fmt: skip
    """A x = b for any square A, by GMRES restarted after `restart` vectors.

    `maxiter` counts restarts (default 10 n).
    """

    def method(mv: MatVec, v: Any) -> Any:
        n = v.shape[0]
        m = min(restart, n)
        stop, most = _limits(v, tol, atol, maxiter)

        def arnoldi(j: Any, carry: Any) -> Any:
            q, h = carry
            w = mv(q[j])
            first = q @ w
            w = w - first @ q
            second = q @ w  # once more, against rounding
            w = w - second @ q
            size = norm(w)
            # an invariant subspace: the rest of the basis stays zero
            alive = size > 1e-14 * norm(first + second)
            unit = bnp.where(alive, w / bnp.where(alive, size, 1.0), 0.0)
            column = (first + second).at[j + 1].set(bnp.where(alive, size, 0.0))
            return q.at[j + 1].set(unit), h.at[j].set(column)

        def cycle(carry: Any) -> Any:
            i, x, r = carry
            beta = norm(r)
            q = bnp.zeros((m + 1, n), dtype=v.dtype).at[0].set(r / bnp.where(beta > 0, beta, 1.0))
            h = bnp.zeros((m, m + 1), dtype=v.dtype)
            q, h = lax.fori_loop(0, m, arnoldi, (q, h))
            # least squares min ‖β e1 - Hᵀ y‖ by QR; directions without content get zero
            qq, rr = lax.linalg.qr(h.T, full_matrices=False)
            d = bnp.diagonal(rr)
            dead = bnp.abs(d) <= 1e-14 * bnp.max(bnp.abs(d))
            rr = bnp.where(dead[:, None], bnp.eye(m, dtype=v.dtype), rr)
            rhs = bnp.where(dead, 0.0, beta * qq[0])
            y = lax.linalg.triangular_solve(rr, rhs[:, None], left_side=True, lower=False)[:, 0]
            x = x + y @ q[:m]
            return i + 1, x, v - mv(x)

        x = _start(init, v)
        carry = (bnp.asarray(0), x, v - mv(x))
        return lax.while_loop(lambda c: (c[0] < most) & (norm(c[2]) > stop), cycle, carry)[1]

    return _solver(matvec, b, ridge, False, method)


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
