"""OSQP: convex quadratic programs by operator splitting.

Stellato, Banjac, Goulart, Bemporad & Boyd, Math. Prog. Comp. 12 (2020): ADMM on
min ½xᵀQx + cᵀx with l ≤ K x ≤ u. One matrix is factored before the loop and only solved with
inside it; the step ρ is adapted from time to time (which factors again); at the end the active
set is guessed and the solution polished to full precision.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from bibun import lax
from bibun import numpy as bnp
from bibun.solvers.quadratic import QPSolver, QPState, lu_solve


@dataclasses.dataclass(eq=False)
class OSQP(QPSolver):
    """Solve min ½xᵀQx + cᵀx with A x = b, G x ≤ h by ADMM and polishing.

    Arguments and result as for `InteriorPointQP`, which is more precise on small programs; an
    iteration is cheaper here, and a good `init_params` shortens the work. `relaxation`: α of the
    paper; `stepsize`: ρ at the start; `adapt_every`: iterations between adaptations.

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> eye, c = bnp.eye(2), bnp.array([-2.0, 1.0])
    >>> solution, state = solvers.OSQP().run(None, (eye, c), None, (-eye, bnp.zeros(2)))
    >>> [abs(round(float(v), 6)) for v in solution.primal], bool(state.converged)
    ([2.0, 0.0], True)
    """

    relaxation: float = 1.6
    stepsize: float = 0.1
    sigma: float = 1e-6
    adapt_every: int = 50
    polishing: bool = True
    maxiter: int = dataclasses.field(default=4000, kw_only=True)
    tol: float = dataclasses.field(default=1e-6, kw_only=True)

    def _weights(self, p: Any, rho: Any) -> Any:
        """ρ for each row of K = [A; G]: equalities a thousand times as stiff."""
        _, neq, m = p.sizes
        ones = bnp.concatenate([bnp.full(neq, 1e3), bnp.ones(m)]).astype(rho.dtype)
        return rho * ones

    def _factor(self, p: Any, rho: Any) -> Any:
        qp, n = p.qp, p.sizes[0]
        k = bnp.concatenate([qp.A, qp.G])
        weights = self._weights(p, rho)
        left = qp.Q + self.sigma * bnp.eye(n, dtype=rho.dtype) + k.T @ (weights[:, None] * k)
        return lax.linalg.lu(left)

    def _start(self, p: Any, x: Any) -> QPState:
        qp = p.qp
        z, nu, lam = p.parts(x)
        rho = bnp.full((), self.stepsize, dtype=x.dtype)
        y = bnp.concatenate([nu, lam])
        image = bnp.concatenate([qp.b, bnp.minimum(qp.G @ z, qp.h)])
        error = bnp.full((), bnp.finfo(x.dtype).max, dtype=x.dtype)
        inner = (image, y, rho, self._factor(p, rho))
        return QPState(bnp.asarray(0), p.value(x), error, bnp.asarray(0), inner)

    def _step(self, p: Any, x: Any, state: QPState) -> tuple[Any, QPState]:
        qp, neq = p.qp, p.sizes[1]
        image, y, rho, factors = state.inner
        z = p.parts(x)[0]
        k = bnp.concatenate([qp.A, qp.G])
        weights = self._weights(p, rho)
        alpha = self.relaxation
        rhs = self.sigma * z - qp.c + k.T @ (weights * image - y)
        z_half = lu_solve(factors, rhs)
        z = alpha * z_half + (1.0 - alpha) * z
        relaxed = alpha * (k @ z_half) + (1.0 - alpha) * image
        wanted = relaxed + y / weights
        upper = bnp.concatenate([qp.b, qp.h])
        # equalities: the right-hand side itself
        image = bnp.concatenate([upper[:neq], bnp.minimum(wanted[neq:], upper[neq:])])
        y = y + weights * (relaxed - image)
        kz, qz, ky = k @ z, qp.Q @ z, k.T @ y
        primal, dual = _largest(kz - image), _largest(qz + qp.c + ky)
        new = bnp.concatenate([z, y])
        error = bnp.maximum(primal, dual)
        status = self._status(error / self._scale(p, z))

        def adapted() -> Any:
            top = primal / bnp.maximum(_largest(kz), 1e-12)
            below = dual / bnp.maximum(bnp.maximum(_largest(qz), _largest(ky)), 1e-12)
            ratio = bnp.sqrt(top / bnp.maximum(below, 1e-30))
            moved = bnp.clip(rho * bnp.clip(ratio, 0.1, 10.0), 1e-6, 1e6)
            return moved, self._factor(p, moved)

        due = bnp.equal(bnp.remainder(state.iter_num + 1, self.adapt_every), 0)
        rho, factors = lax.cond(due, adapted, lambda: (rho, factors))
        return new, QPState(
            state.iter_num + 1, p.value(new), error, status, (image, y, rho, factors)
        )

    def _iterate(self, params: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        solution, state = super()._iterate(params, args, kwargs)
        if self.polishing:
            p = self._problem(solution, args, kwargs)
            return self._polished(p, solution, state)
        return solution, state


def _largest(v: Any) -> Any:
    return bnp.max(bnp.abs(bnp.concatenate([v, bnp.zeros(1, dtype=v.dtype)])))
