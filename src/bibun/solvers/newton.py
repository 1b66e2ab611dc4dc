"""Newton's method for systems of equations, damped by a line search.

Steps solve J d = -F by LU; they are halved until ½‖F‖² decreases enough. Nocedal & Wright,
*Numerical Optimization*, 2nd ed., §11.2.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

from bibun import jacfwd
from bibun import numpy as bnp
from bibun.solvers.base import is_converged, norm, reason
from bibun.solvers.line_search import backtracking
from bibun.solvers.root_base import RootFinder, half_square


class RootState(NamedTuple):
    """State: iterations, ½‖F‖², ‖F‖, status; step size, F."""

    iter_num: Any
    value: Any
    error: Any
    status: Any
    stepsize: Any
    residual: Any
    aux: Any

    converged = property(is_converged)
    reason = property(reason)


@dataclasses.dataclass(eq=False)
class Newton(RootFinder):
    """Find a root of a smooth system of equations.

    `fun(params, *args, **kwargs)` returns as many numbers as there are parameters.
    To minimize f, take `fun=bibun.grad(f)`. `state.error` is ‖F‖.

    >>> import bibun
    >>> from bibun import solvers
    >>> newton = solvers.Newton(lambda x, a: x * x - a)
    >>> x, state = newton.run(1.0, a=2.0)
    >>> slope = bibun.grad(lambda a: newton.run(1.0, a).params)(4.0)
    >>> round(float(x) ** 2, 9), round(float(slope), 6)
    (2.0, 0.25)
    """

    fun: Callable[..., Any]
    has_aux: bool = False
    linesearch: bool = True
    maxls: int = 30
    maxiter: int = dataclasses.field(default=100, kw_only=True)
    tol: float = dataclasses.field(default=1e-10, kw_only=True)

    @property
    def _function(self) -> Callable[..., Any]:
        return self.fun

    def _start(self, p: Any, x: Any) -> RootState:
        f, aux = p.residual(x)
        error = norm(f)
        return RootState(
            bnp.asarray(0), half_square(f), error, self._status(error), bnp.ones_like(error), f,
            aux,
        )  # fmt: skip

    def _step(self, p: Any, x: Any, state: RootState) -> tuple[Any, RootState]:
        f = state.residual
        j = jacfwd(lambda y: p.residual(y)[0])(x)
        d = bnp.linalg.solve(j, -f)
        # a singular matrix: downhill instead
        d = bnp.where(bnp.all(bnp.isfinite(d)), d, -(j.T @ f))
        slope = bnp.sum((j.T @ f) * d)
        t, ok = bnp.ones_like(state.error), bnp.asarray(True)
        if self.linesearch:
            t, _, ok = backtracking(
                lambda t: half_square(p.residual(x + t * d)[0]), state.value,
                lambda t: t * slope, 1.0, maxls=self.maxls,
            )  # fmt: skip
        new = bnp.where(ok, x + t * d, x)
        f, aux = p.residual(new)
        error = norm(f)
        return new, RootState(
            state.iter_num + 1, half_square(f), error,
            self._status(error, ~ok, bnp.all(new == x)), t, f, aux,
        )  # fmt: skip
