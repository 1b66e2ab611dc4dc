"""GMRES (Saad & Schultz 1986), restarted, preconditioned from the right.

The shortest residual in the space of b, A b, A² b, …: an orthonormal basis of it by Gram–Schmidt
(twice, against rounding), then a small least-squares problem. The basis grows, so it is thrown away
after `restart` vectors and begun again from where x is. From the right, the residual that is made
short is that of A x = b itself.
"""

from __future__ import annotations

from typing import Any

from bibun import lax
from bibun import numpy as bnp
from bibun.scipy.sparse.linalg._system import Map, divide, norm, solve, told


def gmres(A: Any, b: Any, x0: Any = None, *, tol: Any = 1e-5, atol: Any = 0.0, restart: int = 20,
          maxiter: int | None = None, M: Any = None,
          solve_method: str = "batched") -> tuple[Any, Any]:  # fmt: skip
    """(x, info) with A x = b for any square A; arguments, result and derivatives as in `cg`.

    restart: how many vectors of the basis are kept. maxiter, and info, count restarts.
    solve_method: "batched" or "incremental", JAX's two ways to the same small least-squares
    problem; here both are its QR factorization. Errors: ValueError for another.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.sparse.linalg import gmres
    >>> x, info = gmres(bnp.array([[2.0, 1.0], [0.0, 4.0]]), bnp.array([3.0, 4.0]))
    >>> print(x.round(6), info)
    [1. 1.] 0
    """
    if solve_method not in ("batched", "incremental"):
        raise ValueError(
            f"gmres: solve_method must be 'batched' or 'incremental', got {solve_method!r}"
        )

    def cycles(mv: Map, b: Any, x: Any, M: Map, stop: Any, most: int) -> tuple[Any, Any]:
        def one(carry: Any) -> Any:
            i, x, r = carry
            x = x + _correction(mv, M, r, min(restart, b.shape[0]))
            return i + 1, x, b - mv(x)

        carry = (bnp.asarray(0), x, b - mv(x))
        i, x, r = lax.while_loop(lambda c: (c[0] < most) & (norm(c[2]) > stop), one, carry)
        return x, told(i, norm(r), stop)

    return solve("gmres", cycles, A, b, x0, tol, atol, maxiter, M)


def _correction(mv: Map, M: Map, r: Any, m: int) -> Any:
    """The y in a Krylov space of m dimensions for which A y is closest to r."""
    n, dtype = r.shape[0], r.dtype

    def arnoldi(j: Any, carry: Any) -> Any:
        q, h = carry
        w = mv(M(q[j]))
        first = bnp.conj(q) @ w
        w = w - first @ q
        second = bnp.conj(q) @ w
        w = w - second @ q
        size = norm(w)
        # an invariant subspace: the rest of the basis stays zero
        alive = size > 1e-14 * norm(first + second)
        unit = bnp.where(alive, w / bnp.where(alive, size, 1.0), 0.0)
        column = (first + second).at[j + 1].set(bnp.where(alive, size, 0.0).astype(dtype))
        return q.at[j + 1].set(unit), h.at[j].set(column)

    beta = norm(r)
    q = bnp.zeros((m + 1, n), dtype=dtype).at[0].set(divide(r, beta))
    q, h = lax.fori_loop(0, m, arnoldi, (q, bnp.zeros((m, m + 1), dtype=dtype)))
    # least squares min ‖β e1 - Hᵀ y‖ by QR; directions without content get zero
    qq, rr = lax.linalg.qr(h.T, full_matrices=False)
    d = bnp.abs(bnp.diagonal(rr))
    dead = d <= 1e-14 * bnp.max(d)
    rr = bnp.where(dead[:, None], bnp.eye(m, dtype=dtype), rr)
    rhs = bnp.where(dead, 0.0, beta * bnp.conj(qq[0]))
    y = lax.linalg.triangular_solve(rr, rhs[:, None], left_side=True, lower=False)[:, 0]
    return M(y @ q[:m])
