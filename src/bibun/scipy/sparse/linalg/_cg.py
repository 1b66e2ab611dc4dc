"""Conjugate gradients (Hestenes & Stiefel 1952), preconditioned.

Directions that are conjugate with respect to A reach the solution in n steps, and well before if
the eigenvalues of M A are few or close together; one vector of each kind is kept.
"""

from __future__ import annotations

from typing import Any

from bibun import lax
from bibun import numpy as bnp
from bibun.scipy.sparse.linalg._system import Map, divide, norm, solve, told, vdot


def cg(A: Any, b: Any, x0: Any = None, *, tol: Any = 1e-5, atol: Any = 0.0,
       maxiter: int | None = None, M: Any = None) -> tuple[Any, Any]:  # fmt: skip
    """(x, info) with A x = b for a positive definite symmetric or Hermitian A.

    A: a matrix, or a linear function of pytrees like b. x0: where to start (0). M: an
    approximation of A⁻¹, positive definite too. It ends where ‖b - A x‖ ≤ max(tol ‖b‖, atol), with
    info 0, or after `maxiter` (10 n) steps, with their number in info. Differentiable in b and in
    what A holds, in both modes, as a solution and not through the steps.
    Errors: ShapeError where A, b and x0 do not fit.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.sparse.linalg import cg
    >>> x, info = cg(bnp.array([[2.0, 0.0], [0.0, 4.0]]), bnp.array([2.0, 2.0]))
    >>> print(x, info)
    [1.  0.5] 0
    """
    return solve("cg", _steps, A, b, x0, tol, atol, maxiter, M, symmetric=True)


def _steps(mv: Map, b: Any, x: Any, M: Map, stop: Any, most: int) -> tuple[Any, Any]:
    r = b - mv(x)
    z = M(r)

    def one(carry: Any) -> Any:
        i, x, r, p, rz, _ = carry
        ap = mv(p)
        alpha = divide(rz, vdot(p, ap))
        x, r = x + alpha * p, r - alpha * ap
        z = M(r)
        new = vdot(r, z)
        return i + 1, x, r, z + divide(new, rz) * p, new, norm(r)

    carry = (bnp.asarray(0), x, r, z, vdot(r, z), norm(r))
    i, x, *_, length = lax.while_loop(lambda c: (c[0] < most) & (c[5] > stop), one, carry)
    return x, told(i, length, stop)
