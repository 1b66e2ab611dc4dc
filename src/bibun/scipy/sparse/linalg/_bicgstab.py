"""BiCGSTAB (van der Vorst 1992), preconditioned from the right.

For matrices that are not symmetric, from two products a step and no transposed one: a step of
biconjugate gradients, then one of steepest descent of the residual, which smooths its course.
"""

from __future__ import annotations

from typing import Any

from bibun import lax
from bibun import numpy as bnp
from bibun.scipy.sparse.linalg._system import Map, divide, norm, solve, told, vdot


def bicgstab(A: Any, b: Any, x0: Any = None, *, tol: Any = 1e-5, atol: Any = 0.0,
             maxiter: int | None = None, M: Any = None) -> tuple[Any, Any]:  # fmt: skip
    """(x, info) with A x = b for any square A; arguments, result and derivatives as in `cg`.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.sparse.linalg import bicgstab
    >>> x, info = bicgstab(bnp.array([[2.0, 1.0], [0.0, 4.0]]), bnp.array([3.0, 4.0]))
    >>> print(x.round(6), info)
    [1. 1.] 0
    """
    return solve("bicgstab", _steps, A, b, x0, tol, atol, maxiter, M)


def _steps(mv: Map, b: Any, x: Any, M: Map, stop: Any, most: int) -> tuple[Any, Any]:
    r = shadow = b - mv(x)

    def one(carry: Any) -> Any:
        i, x, r, p, q, rho, alpha, omega = carry
        new = vdot(shadow, r)
        beta = divide(new, rho) * divide(alpha, omega)
        p = r + beta * (p - omega * q)
        near = M(p)
        q = mv(near)
        alpha = divide(new, vdot(shadow, q))
        s = r - alpha * q
        nearer = M(s)
        t = mv(nearer)
        omega = divide(vdot(t, s), vdot(t, t))
        return i + 1, x + alpha * near + omega * nearer, s - omega * t, p, q, new, alpha, omega

    zero, unit = bnp.zeros_like(r), bnp.ones((), dtype=b.dtype)
    carry = (bnp.asarray(0), x, r, zero, zero, unit, unit, unit)
    i, x, r, *_ = lax.while_loop(lambda c: (c[0] < most) & (norm(c[2]) > stop), one, carry)
    return x, told(i, norm(r), stop)
