"""A primal–dual interior-point method for convex quadratic programs.

Mehrotra's predictor–corrector (1992) with slacks s = h - G x > 0; Nocedal & Wright, *Numerical
Optimization*, 2nd ed., algorithm 16.4. The Newton system is reduced to (x, ν) by eliminating s
and λ, and factored once for both directions. Ten to twenty iterations give full precision.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from bibun import lax
from bibun import numpy as bnp
from bibun.solvers.base import INFEASIBLE
from bibun.solvers.quadratic import QPSolver, QPState, lu_solve


@dataclasses.dataclass(eq=False)
class InteriorPointQP(QPSolver):
    """Solve min ½xᵀQx + cᵀx with A x = b, G x ≤ h to full precision.

    `run(init_params=None, params_obj=(Q, c), params_eq=(A, b), params_ineq=(G, h))`; constraints
    that are not there are None. Q: symmetric positive semidefinite. `params` is a `KKTSolution`.

    >>> import bibun, bibun.numpy as bnp
    >>> from bibun import solvers
    >>> def project(c):  # onto x >= 0
    ...     qp = solvers.InteriorPointQP()
    ...     eye = bnp.eye(2)
    ...     return qp.run(None, (eye, -c), None, (-eye, bnp.zeros(2))).params.primal
    >>> [abs(round(float(v), 6)) for v in project(bnp.array([2.0, -1.0]))]
    [2.0, 0.0]
    """

    maxiter: int = dataclasses.field(default=60, kw_only=True)
    tol: float = dataclasses.field(default=1e-9, kw_only=True)

    def _start(self, p: Any, x: Any) -> QPState:
        qp = p.qp
        z, nu, lam = p.parts(x)
        size = 1.0 + bnp.max(bnp.abs(bnp.concatenate([qp.c, qp.b, qp.h])))
        slack = bnp.maximum(qp.h - qp.G @ z, bnp.sqrt(size))
        lam = bnp.maximum(lam, bnp.sqrt(size))
        error = bnp.full((), bnp.finfo(x.dtype).max, dtype=x.dtype)
        return QPState(bnp.asarray(0), p.value(x), error, bnp.asarray(0), (slack, lam))

    def _step(self, p: Any, x: Any, state: QPState) -> tuple[Any, QPState]:
        qp, (n, neq, m) = p.qp, p.sizes
        z, nu, _ = p.parts(x)
        s, lam = state.inner
        rd = qp.stationarity(z, nu, lam)
        rp = qp.A @ z - qp.b
        rg = qp.G @ z + s - qp.h
        mu = bnp.sum(s * lam) / max(m, 1)
        weight = lam / s
        h = qp.Q + qp.G.T @ (weight[:, None] * qp.G)
        eps = 1e-12 * (1.0 + bnp.max(bnp.abs(qp.Q)))  # a singular matrix stays solvable
        kkt = bnp.concatenate(
            [
                bnp.concatenate([h + eps * bnp.eye(n, dtype=x.dtype), qp.A.T], axis=1),
                bnp.concatenate([qp.A, -1e-12 * bnp.eye(neq, dtype=x.dtype)], axis=1),
            ]
        )
        factors = lax.linalg.lu(kkt)

        def direction(rc: Any) -> tuple[Any, Any, Any, Any]:
            """The Newton step for complementarity residual rc (s∘λ minus its target)."""
            top = -rd + qp.G.T @ ((rc - lam * rg) / s)
            step = lu_solve(factors, bnp.concatenate([top, -rp]))
            dz, dnu = step[:n], step[n:]
            ds = -rg - qp.G @ dz
            return dz, dnu, ds, -(rc + lam * ds) / s

        def longest(v: Any, dv: Any) -> Any:
            """The largest step in [0, 1] that keeps v ≥ 0."""
            ratios = bnp.where(dv < 0, -v / bnp.where(dv < 0, dv, -1.0), 1.0)
            return bnp.minimum(1.0, bnp.min(bnp.concatenate([ratios, bnp.ones(1)])))

        _, _, ds, dlam = direction(s * lam)
        alpha = bnp.minimum(longest(s, ds), longest(lam, dlam))
        mu_aff = bnp.sum((s + alpha * ds) * (lam + alpha * dlam)) / max(m, 1)
        sigma = (mu_aff / bnp.where(mu > 0, mu, 1.0)) ** 3
        dz, dnu, ds, dlam = direction(s * lam + ds * dlam - sigma * mu)
        fraction = bnp.maximum(0.99, 1.0 - mu)
        alpha = bnp.minimum(
            1.0, fraction * bnp.minimum(longest(s, ds / fraction), longest(lam, dlam / fraction))
        )
        # at the limit of precision the matrix degenerates: the last good point stays
        good = bnp.isfinite(alpha) & bnp.all(bnp.isfinite(dz)) & bnp.all(bnp.isfinite(dlam))
        z, nu, s, lam = (
            bnp.where(good, v + alpha * dv, v)
            for v, dv in ((z, dz), (nu, dnu), (s, ds), (lam, dlam))
        )
        error = qp.error(z, nu, lam)
        new = bnp.concatenate([z, nu, lam])
        status = self._status(error / self._scale(p, z), stalled=~good)
        lost = (state.iter_num > 5) & (bnp.max(bnp.abs(new)) > 1e11)
        status = bnp.where(lost, INFEASIBLE, status)
        return new, QPState(state.iter_num + 1, p.value(new), error, status, (s, lam))

    def _iterate(self, params: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        solution, state = super()._iterate(params, args, kwargs)
        return self._polished(self._problem(solution, args, kwargs), state)
