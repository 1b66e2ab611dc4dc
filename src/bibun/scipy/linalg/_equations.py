"""Matrix equations, systems of special form, and forms that algorithms reduce matrices to."""

from __future__ import annotations

from typing import Any

import bibun.numpy as bnp
from bibun.array import Value
from bibun.dtypes import complex_of
from bibun.errors import ShapeError
from bibun.numpy._common import promote_inexact, value
from bibun.ops import linalg as la
from bibun.ops.families.linalg import adjoint, hermitian
from bibun.scipy.linalg._factor import matrix, qr
from bibun.scipy.linalg._special import circulant, toeplitz

__all__ = [
    "eigh_tridiagonal", "eigvalsh_tridiagonal", "hessenberg", "orthogonal_procrustes", "pinvh",
    "qr_multiply", "rq", "rsf2csf", "schur", "solve_banded", "solve_circulant",
    "solve_continuous_lyapunov", "solve_discrete_lyapunov", "solve_lyapunov", "solve_sylvester",
    "solve_toeplitz",
]  # fmt: skip


def solve_sylvester(a: Any, b: Any, q: Any) -> Value:
    """x with a x + x b = q; nan where an eigenvalue of a is minus one of b.

    a: (..., m, m); b: (..., n, n); q: (..., m, n). By Schur forms, on the host. Source: R. Bartels
    and G. Stewart, "Solution of the matrix equation AX + XB = C", Comm. ACM 15, 1972.
    Errors: ShapeError.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.solve_sylvester(bnp.eye(1), 3 * bnp.eye(1), 8 * bnp.eye(1)))
    [[2.]]
    """
    parts = promote_inexact("solve_sylvester", *(bnp.asarray(x) for x in (a, b, q)))
    x, y, z = (matrix("solve_sylvester", v, k < 2) for k, v in enumerate(parts))
    lead = bnp.broadcast_shapes(*(v.shape[:-2] for v in (x, y, z)))
    return la.sylvester(*(bnp.broadcast_to(v, (*lead, *v.shape[-2:])) for v in (x, y, z)))


def solve_continuous_lyapunov(a: Any, q: Any) -> Value:
    """x with a x + x aᴴ = q. Errors: ShapeError.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.solve_continuous_lyapunov(bnp.eye(1), 4 * bnp.eye(1)))
    [[2.]]
    """
    x = matrix("solve_continuous_lyapunov", a, True)
    return solve_sylvester(x, adjoint(x), q)


solve_lyapunov = solve_continuous_lyapunov


def solve_discrete_lyapunov(a: Any, q: Any, method: str | None = None) -> Value:
    """x with a x aᴴ - x + q = 0.

    method: "direct", a system of n² equations (default below 10 rows), or "bilinear", by a
    continuous equation. Source: G. Gajić and M. Qureshi, "Lyapunov Matrix Equation in System
    Stability and Control", 1995. Errors: ShapeError; ValueError for another method.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.solve_discrete_lyapunov(0.5 * bnp.eye(1), 3 * bnp.eye(1)))
    [[4.]]
    """
    x, y = promote_inexact("solve_discrete_lyapunov", bnp.asarray(a), bnp.asarray(q))
    x, y = (matrix("solve_discrete_lyapunov", v, True) for v in (x, y))
    n = x.shape[-1]
    if method not in (None, "direct", "bilinear"):
        raise ValueError(f"solve_discrete_lyapunov: unknown method {method!r}")
    if method == "direct" or (method is None and n < 10):
        # rows of x one after the other: (a ⊗ conj a) vec x
        both = bnp.einsum("...ij,...kl->...ikjl", x, bnp.conjugate(x))
        both = both.reshape(*x.shape[:-2], n * n, n * n)
        right = y.reshape(*y.shape[:-2], n * n, 1)
        return bnp.linalg.solve(bnp.eye(n * n, dtype=x.dtype) - both, right).reshape(y.shape)
    eye = bnp.eye(n, dtype=x.dtype)
    up = adjoint(x)
    inverse = bnp.linalg.inv(up + eye)
    b = (up - eye) @ inverse
    c = 2 * bnp.linalg.solve(x + eye, y) @ inverse
    return solve_continuous_lyapunov(adjoint(b), -c)


def solve_toeplitz(c_or_cr: Any, b: Any, check_finite: bool = True) -> Value:
    """x with T x = b for the Toeplitz matrix of a first column c, or of a column and a row (c, r).

    As a full system, n³ operations. Errors: ShapeError.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.solve_toeplitz(bnp.array([2.0, 0.0]), bnp.array([2.0, 4.0])))
    [1. 2.]
    """
    c, r = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr, None)
    return bnp.linalg.solve(toeplitz(c, r), b)


def solve_circulant(c: Any, b: Any) -> Value:
    """x with C x = b for the circulant matrix of first column c, as a full system.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.solve_circulant(bnp.array([2.0, 0.0]), bnp.array([2.0, 4.0])))
    [1. 2.]
    """
    return bnp.linalg.solve(circulant(c), b)


def solve_banded(l_and_u: tuple[int, int], ab: Any, b: Any, overwrite_ab: bool = False,
                 overwrite_b: bool = False, check_finite: bool = True) -> Value:  # fmt: skip
    """x with a x = b for banded a, ab[u + i - j, j] = a[i, j] with l diagonals below, u above.

    One diagonal on either side is solved in O(n); wider bands as a full matrix.
    Errors: ShapeError.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> ab = bnp.array([[0.0, 0.0], [2.0, 4.0], [0.0, 0.0]])
    >>> print(linalg.solve_banded((1, 1), ab, bnp.array([2.0, 4.0])))
    [1. 1.]
    """
    low, up = (int(k) for k in l_and_u)
    x, y = promote_inexact("solve_banded", bnp.asarray(ab), bnp.asarray(b))
    n = x.shape[-1] if x.ndim else 0
    if x.ndim != 2 or x.shape[0] != low + up + 1 or y.ndim not in (1, 2) or y.shape[0] != n:
        raise ShapeError(
            f"solve_banded: expected ab ({low + up + 1}, n) and b (n,) or (n, m), got shapes "
            f"{x.shape} and {y.shape}"
        )
    if (low, up) == (1, 1) and n:
        right = y if y.ndim == 2 else y[:, None]
        out = la.tridiagonal_solve(bnp.roll(x[2], 1), x[1], bnp.roll(x[0], -1), right)
        return out if y.ndim == 2 else out[:, 0]
    full = sum(bnp.diag(x[up - k, max(k, 0) : n + min(k, 0)], k) for k in range(-low, up + 1)
               if abs(k) < n)  # fmt: skip
    return bnp.linalg.solve(full, y)


def _tridiagonal(name: str, d: Any, e: Any) -> Value:
    x, y = promote_inexact(name, bnp.asarray(d), bnp.asarray(e))
    if x.ndim != 1 or y.ndim != 1 or x.shape[0] != y.shape[0] + 1:
        raise ShapeError(f"{name}: expected d (n,) and e (n - 1,), got {x.shape} and {y.shape}")
    return bnp.diag(x) + bnp.diag(y, -1)


def eigh_tridiagonal(d: Any, e: Any, eigvals_only: bool = False, select: str = "a",
                     select_range: Any = None) -> Any:  # fmt: skip
    """(eigenvalues ascending, eigenvectors) of the symmetric tridiagonal matrix of d and e.

    select: "a" for all, "i" for those with indices select_range = (first, last). As a full
    matrix, by `eigh`. Errors: ShapeError; ValueError for another select.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.eigh_tridiagonal(bnp.array([3.0, 1.0]), bnp.zeros(1), eigvals_only=True))
    [1. 3.]
    """
    x = _tridiagonal("eigh_tridiagonal", d, e)
    if select not in ("a", "i"):
        raise ValueError(
            f"eigh_tridiagonal: select must be 'a' or 'i', got {select!r}; a range of values ('v') "
            "has a shape that depends on values"
        )
    if eigvals_only:
        w = la.eigh(x, lower=True, vectors=False)[0]
    else:
        v, w = la.eigh(x, lower=True)
    kept = slice(None)
    if select == "i":
        kept = slice(int(select_range[0]), int(select_range[1]) + 1)
    return w[kept] if eigvals_only else (w[kept], v[:, kept])


def eigvalsh_tridiagonal(d: Any, e: Any, select: str = "a", select_range: Any = None) -> Value:
    """Eigenvalues of the symmetric tridiagonal matrix of d and e; options of `eigh_tridiagonal`.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.eigvalsh_tridiagonal(bnp.array([3.0, 1.0]), bnp.zeros(1)))
    [1. 3.]
    """
    return eigh_tridiagonal(d, e, True, select, select_range)


def schur(a: Any, output: str = "real") -> tuple[Value, Value]:
    """(T, Z) with a = Z T Zᴴ, T upper triangular, with 2 by 2 blocks for real a and "real".

    No derivative. Errors: ShapeError; ValueError for another output.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.schur(2 * bnp.eye(1))[0])
    [[2.]]
    """
    if output not in ("real", "complex", "r", "c"):
        raise ValueError(f"schur: output must be 'real' or 'complex', got {output!r}")
    x = matrix("schur", a, True)
    t, z = la.schur(x.astype(complex_of(x.dtype)) if output[0] == "c" else x)
    return t, z


def rsf2csf(T: Any, Z: Any, check_finite: bool = True) -> tuple[Value, Value]:
    """The complex Schur form (T, Z) from the real one.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.rsf2csf(2 * bnp.eye(1), bnp.eye(1))[0])
    [[2.+0.j]]
    """
    t, u = schur(T, "complex")
    return t, matrix("rsf2csf", Z, True).astype(u.dtype) @ u


def hessenberg(a: Any, calc_q: bool = False, overwrite_a: bool = False,
               check_finite: bool = True) -> Any:  # fmt: skip
    """H with a = Q H Qᴴ, zero below its subdiagonal, Q unitary; (H, Q) with `calc_q`.

    Errors: ShapeError.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.hessenberg(2 * bnp.eye(1)))
    [[2.]]
    """
    from bibun import lax

    x = matrix("hessenberg", a, True)
    n = x.shape[-1]
    packed, taus = lax.linalg.hessenberg(x)
    h = bnp.triu(packed, -1)
    if not calc_q:
        return h
    q = bnp.broadcast_to(bnp.eye(n, dtype=x.dtype), x.shape)
    if n > 1:
        inner = lax.linalg.householder_product(packed[..., 1:, :-1], taus)
        lead = ((0, 0),) * (x.ndim - 2)
        q = bnp.pad(inner, (*lead, (1, 0), (1, 0))).at[..., 0, 0].set(1)
    return h, q


def qr_multiply(a: Any, c: Any, mode: str = "right", pivoting: bool = False,
                conjugate: bool = False, overwrite_a: bool = False,
                overwrite_c: bool = False) -> Any:  # fmt: skip
    """(Q c, R), or (c Q, R) for mode "right", for a = Q R; with `pivoting` also the order.

    `conjugate`: with conj Q. Errors: ShapeError; ValueError for another mode.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> product, r = linalg.qr_multiply(bnp.eye(2), bnp.array([[1.0, 2.0]]))
    >>> print(product @ r)
    [[1. 2.]]
    """
    if mode not in ("left", "right"):
        raise ValueError(f"qr_multiply: mode must be 'left' or 'right', got {mode!r}")
    q, r, *order = qr(a, mode="economic", pivoting=pivoting)
    y = value("qr_multiply", "c", bnp.asarray(c))
    vector = y.ndim == 1
    if vector:
        y = y[None, :] if mode == "right" else y[:, None]
    q = bnp.conjugate(q) if conjugate else q
    if mode == "left" and y.shape[-2] == q.shape[-1]:
        out = q @ y
    elif mode == "right" and y.shape[-1] == q.shape[-2]:
        out = y @ q
    else:
        raise ShapeError(f"qr_multiply: c of shape {y.shape} and Q of shape {q.shape} do not fit")
    return (out.ravel() if vector else out, r, *order)


def rq(a: Any, mode: str = "full") -> Any:
    """(R, Q) with a = R Q, R upper triangular (trapezoidal), Q with orthonormal rows.

    a: (..., m, n), m <= n for "economic". mode: "full", "economic" or "r" (R alone). The diagonal
    of R may have other signs than LAPACK's. Errors: ShapeError; ValueError for another mode.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> r, q = linalg.rq(bnp.array([[0.0, 2.0], [1.0, 0.0]]))
    >>> print(r @ q)
    [[0. 2.]
     [1. 0.]]
    """
    if mode not in ("full", "economic", "r"):
        raise ValueError(f"rq: mode must be 'full', 'economic' or 'r', got {mode!r}")
    x = matrix("rq", a)
    q, r = la.qr(adjoint(bnp.flip(x, -2)), full_matrices=mode != "economic")
    r = bnp.flip(adjoint(r), (-2, -1))
    return r if mode == "r" else (r, bnp.flip(adjoint(q), -2))


def pinvh(a: Any, atol: float = 0.0, rtol: Any = None, lower: bool = True) -> Value:
    """The pseudo-inverse of Hermitian matrices; |eigenvalues| up to atol + rtol max|w| count as 0.

    rtol: n times the machine epsilon by default. Its derivative takes the rank as constant.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.pinvh(bnp.diag(bnp.array([2.0, 0.0]))))
    [[0.5 0. ]
     [0.  0. ]]
    """
    x = hermitian(matrix("pinvh", a, True), lower)
    if rtol is None:
        rtol = x.shape[-1] * float(bnp.finfo(x.dtype).eps)
    w = bnp.abs(bnp.linalg.eigvalsh(x))
    most = bnp.max(w, -1, initial=0.0)
    return bnp.linalg.pinv(x, rtol + atol / bnp.where(most > 0, most, 1.0))


def orthogonal_procrustes(A: Any, B: Any, check_finite: bool = True) -> tuple[Value, Value]:
    """(R, scale): the unitary R that brings A R nearest to B, and the nuclear norm of Aᴴ B.

    A, B: (..., m, n). Source: P. Schönemann, "A generalized solution of the orthogonal Procrustes
    problem", Psychometrika 31, 1966. Errors: ShapeError.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.orthogonal_procrustes(bnp.eye(2), -bnp.eye(2))[0].round(12) + 0)
    [[-1.  0.]
     [ 0. -1.]]
    """
    x, y = promote_inexact("orthogonal_procrustes", bnp.asarray(A), bnp.asarray(B))
    if x.shape != y.shape or x.ndim < 2:
        raise ShapeError(
            f"orthogonal_procrustes: A and B must be matrices of one shape, got {x.shape} and "
            f"{y.shape}"
        )
    u, s, vh = bnp.linalg.svd(adjoint(x) @ y, full_matrices=False)
    return u @ vh, bnp.sum(s, -1)
