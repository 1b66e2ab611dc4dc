"""Nelder–Mead: the downhill simplex, which needs no derivatives.

Nelder & Mead (1965), with the coefficients of Gao & Han (2012) that adapt to the dimension.
The derivative of the solution is still implicit: the gradient of the objective is zero there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from bibun import numpy as bnp
from bibun.solvers import loop
from bibun.solvers.base import IterativeSolver, Problem, is_converged, reason


class NelderMeadState(NamedTuple):
    """State: iterations, least value, size of the simplex, status; corners, their values, aux."""

    iter_num: Any
    value: Any
    error: Any
    status: Any
    simplex: Any
    values: Any
    aux: Any

    converged = property(is_converged)
    reason = property(reason)


@dataclasses.dataclass(eq=False)
class NelderMead(IterativeSolver):
    """Minimize a function of few parameters without its derivatives.

    `initial_step`: relative size of the first simplex. `state.error` is the larger of the
    simplex's extent and the spread of its values. nan counts as +inf.

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> x, state = solvers.NelderMead(lambda x: bnp.sum(bnp.abs(x - 1.0))).run(bnp.zeros(2))
    >>> [round(float(v), 4) for v in x]
    [1.0, 1.0]
    """

    smooth: ClassVar[bool] = False

    fun: Callable[..., Any]
    has_aux: bool = False
    adaptive: bool = True
    initial_step: float = 0.05
    maxiter: int = dataclasses.field(default=5000, kw_only=True)
    tol: float = dataclasses.field(default=1e-8, kw_only=True)

    def _start(self, p: Problem, x: Any) -> NelderMeadState:
        n = x.shape[0]
        moved = bnp.where(x == 0, 0.00025, (1.0 + self.initial_step) * x)
        corners = bnp.where(bnp.eye(n, dtype=bool), moved[None, :], x[None, :])
        simplex = bnp.concatenate([x[None, :], corners])
        values = loop.map_rows(lambda y: _ordered(p.value(y)), simplex)
        return self._sorted(bnp.asarray(0), simplex, values, p.full(x)[1])

    def _sorted(self, count: Any, simplex: Any, values: Any, aux: Any) -> NelderMeadState:
        order = bnp.argsort(values)
        simplex, values = simplex[order], values[order]
        error = bnp.maximum(
            bnp.max(bnp.abs(simplex[1:] - simplex[:1]), initial=0.0),
            bnp.max(bnp.abs(values[1:] - values[:1]), initial=0.0),
        )
        # a corner may be infinite, but not the best one
        error = bnp.where(bnp.isfinite(error), error, bnp.finfo(error.dtype).max)
        return NelderMeadState(
            count, values[0], error, self._status(error, value=values[0]), simplex, values,
            aux,
        )  # fmt: skip

    def _step(self, p: Problem, x: Any, state: NelderMeadState) -> tuple[Any, NelderMeadState]:
        n = x.shape[0]
        grow, shrink_to, keep = (
            (1.0 + 2.0 / n, 0.75 - 0.5 / n, 1.0 - 1.0 / n)
            if self.adaptive and n > 1
            else (2.0, 0.5, 0.5)
        )
        simplex, values = state.simplex, state.values
        centre = bnp.mean(simplex[:-1], axis=0)
        away = centre - simplex[-1]
        best, second, worst = values[0], values[-2], values[-1]

        def value(y: Any) -> Any:
            return _ordered(p.value(y))

        reflected = centre + away
        f_reflected = value(reflected)
        # one second trial: further out, or contracted outside or inside
        factor = bnp.where(
            f_reflected < best, grow, bnp.where(f_reflected < worst, shrink_to, -shrink_to)
        )
        plain = (f_reflected >= best) & (f_reflected < second)
        trial = centre + factor * away
        f_trial = loop.cond(plain, lambda: f_reflected, lambda: value(trial))
        expanding = f_reflected < best
        use_trial = ~plain & bnp.where(
            expanding, f_trial < f_reflected, f_trial < bnp.minimum(f_reflected, worst)
        )
        use_reflected = plain | (expanding & ~use_trial)
        shrinking = ~(use_trial | use_reflected)
        new = bnp.where(use_trial, trial, reflected)
        f_new = bnp.where(use_trial, f_trial, f_reflected)

        def shrunk() -> Any:
            smaller = simplex[0] + keep * (simplex - simplex[0])
            return smaller, loop.map_rows(value, smaller)

        def replaced() -> Any:
            return simplex.at[-1].set(new), values.at[-1].set(f_new)

        simplex, values = loop.cond(shrinking, shrunk, replaced)
        after = self._sorted(state.iter_num + 1, simplex, values, state.aux)
        return after.simplex[0], after

    def _iterate(self, params: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        found, state = super()._iterate(params, args, kwargs)
        if self.has_aux:  # of the solution, not of the last trial
            p = self._problem(found, args, kwargs)
            state = state._replace(aux=p.full(p.x)[1])
        return found, state


def _ordered(f: Any) -> Any:
    return bnp.where(bnp.isnan(f), bnp.inf, f)
