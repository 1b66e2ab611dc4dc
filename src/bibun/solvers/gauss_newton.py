"""Gauss–Newton: least squares by a sequence of linear ones.

Each step minimizes ‖J d + r‖ (by QR, never through JᵀJ); with `linesearch` it is halved until
the objective decreases enough. Nocedal & Wright, *Numerical Optimization*, 2nd ed., §10.3. Where J
is nearly singular such a direction can be useless, and the search fails or crawls; the next ones
are then damped, as Levenberg–Marquardt's are, until whole steps succeed again.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from bibun import numpy as bnp
from bibun.solvers import loop
from bibun.solvers.base import CONVERGED, LINESEARCH, NONFINITE, RUNNING, norm
from bibun.solvers.least_squares import (
    LeastSquaresSolver,
    LeastSquaresState,
    damped_step,
    solve_least_squares,
)
from bibun.solvers.line_search import backtracking


@dataclasses.dataclass(eq=False)
class GaussNewton(LeastSquaresSolver):
    """Minimize ½‖residual_fun(params, *args, **kwargs)‖² by Gauss–Newton steps.

    `linesearch=False` takes whole, undamped steps.

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> gn = solvers.GaussNewton(lambda p, t, y: p[0] * bnp.exp(p[1] * t) - y)
    >>> t = bnp.linspace(0.0, 1.0, 5)
    >>> [round(float(v), 6) for v in gn.run(bnp.array([1.0, 0.0]), t, 2.0 * bnp.exp(-t)).params]
    [2.0, -1.0]
    """

    linesearch: bool = True
    maxls: int = 30

    def _damping(self, x: Any, jacobian: Any, scale: Any) -> Any:
        return bnp.zeros((), dtype=x.dtype)

    def _step(self, p: Any, x: Any, state: LeastSquaresState) -> Any:
        r, j, mu = state.residual, state.jacobian, state.damping
        wide = j.shape[0] < j.shape[1]

        def plain() -> Any:
            return -(bnp.linalg.pinv(j) @ r) if wide else solve_least_squares(j, r)

        def damped() -> Any:
            return damped_step(j, r, mu, state.scale)

        d = loop.cond(mu > 0, damped, plain)
        slope = bnp.sum(d * (j.T @ r))
        t, ok = bnp.ones((), dtype=x.dtype), bnp.asarray(True)
        if self.linesearch:
            t, _, ok = backtracking(
                lambda t: p.value(x + t * d), state.value, lambda t: t * slope, 1.0,
                maxls=self.maxls,
            )  # fmt: skip
            ok = ok & (slope <= 0)
            more = bnp.maximum(10.0 * mu, 1e-3)
            less = bnp.where(mu > 1e-4, 0.1 * mu, 0.0)
            mu = bnp.where(~ok | (t < 0.1), more, bnp.where(t < 1.0, mu, less))
        new = bnp.where(ok, x + t * d, x)
        r, aux = p.residual(new)
        j = p.jacobian(new, r.shape[0])
        value = 0.5 * bnp.sum(r * r)
        error = norm(j.T @ r)
        status = self._end(error, state.value - value, -t * slope, state.value, t * d, x)
        # a failed search only ends the iteration where damping no longer helps
        status = bnp.where(ok | bnp.equal(status, CONVERGED), status, RUNNING)
        status = bnp.where(bnp.isfinite(error), status, NONFINITE)
        status = bnp.where(~ok & (mu > 1e10) & bnp.equal(status, RUNNING), LINESEARCH, status)
        return new, state._replace(
            iter_num=state.iter_num + 1, value=value, error=error, status=status, residual=r,
            jacobian=j, damping=mu, scale=self._scale(j, state.scale), aux=aux,
        )  # fmt: skip
