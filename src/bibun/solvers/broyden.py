"""Broyden's method: Newton's method with a Jacobian that is updated, not computed.

The inverse Jacobian starts from the true one and takes Broyden's rank-one update (1965, his
"good" method) in the form of Sherman & Morrison. Where a step does not reduce ‖F‖, the true
Jacobian is computed anew.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

from bibun import jacfwd
from bibun import numpy as bnp
from bibun.solvers import loop
from bibun.solvers.base import is_converged, norm, reason
from bibun.solvers.line_search import backtracking
from bibun.solvers.root_base import RootFinder, half_square


class BroydenState(NamedTuple):
    """State: iterations, ½‖F‖², ‖F‖, status; step size, F, inverse Jacobian, is it exact."""

    iter_num: Any
    value: Any
    error: Any
    status: Any
    stepsize: Any
    residual: Any
    inverse: Any
    exact: Any
    aux: Any

    converged = property(is_converged)
    reason = property(reason)


@dataclasses.dataclass(eq=False)
class Broyden(RootFinder):
    """Find a root of a system of equations with few Jacobians.

    Settings and state as for `Newton`; each trial of the line search is `decrease_factor` times the
    last one.

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> f = lambda x: bnp.stack([x[0] + x[1] - 3.0, x[0] * x[1] - 2.0])
    >>> [round(float(v), 6) for v in solvers.Broyden(f).run(bnp.array([0.5, 3.0])).params]
    [1.0, 2.0]
    """

    fun: Callable[..., Any]
    has_aux: bool = False
    maxls: int = 10
    decrease_factor: float = dataclasses.field(default=0.5, kw_only=True)
    maxiter: int = dataclasses.field(default=200, kw_only=True)
    tol: float = dataclasses.field(default=1e-10, kw_only=True)

    @property
    def _function(self) -> Callable[..., Any]:
        return self.fun

    def _inverse(self, p: Any, x: Any) -> Any:
        return bnp.linalg.inv(jacfwd(lambda y: p.residual(y)[0])(x))

    def _start(self, p: Any, x: Any) -> BroydenState:
        f, aux = p.residual(x)
        error = norm(f)
        return BroydenState(
            bnp.asarray(0), half_square(f), error, self._status(error), bnp.ones_like(error), f,
            self._inverse(p, x), bnp.asarray(True), aux,
        )  # fmt: skip

    def _step(self, p: Any, x: Any, state: BroydenState) -> tuple[Any, BroydenState]:
        f, b = state.residual, state.inverse
        d = -(b @ f)
        # the decrease that exact Newton steps would promise: φ' = -2φ
        t, _, ok = backtracking(
            lambda t: half_square(p.residual(x + t * d)[0]), state.value,
            lambda t: -2.0 * t * state.value, 1.0, maxls=self.maxls,
            shrink=self.decrease_factor,
        )  # fmt: skip
        ok = ok & bnp.all(bnp.isfinite(d))
        new = bnp.where(ok, x + t * d, x)
        f_new, aux = p.residual(new)
        s, y = new - x, f_new - f
        by = b @ y
        below = bnp.sum(s * by)
        safe = bnp.abs(below) > 1e-14 * norm(s) * norm(by)
        update = (s - by)[:, None] * (s @ b)[None, :] / bnp.where(safe, below, 1.0)
        updated = b + bnp.where(safe, update, 0.0)
        renew = ~ok & ~state.exact
        inverse = loop.cond(renew, lambda: self._inverse(p, x), lambda: updated)
        error = norm(f_new)
        failed = ~ok & state.exact
        return new, BroydenState(
            state.iter_num + 1, half_square(f_new), error, self._status(error, failed), t, f_new,
            inverse, renew, aux,
        )  # fmt: skip
