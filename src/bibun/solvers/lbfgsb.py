"""L-BFGS with bounds on the parameters.

Projected quasi-Newton steps in two metrics (Bertsekas, SIAM J. Control Optim. 20, 1982; Schmidt,
Kim & Sra 2011): parameters that sit at a bound, with a gradient that pushes them against it,
stay; the others move along the L-BFGS direction of their own sub-space; the path is bent by
projection onto the box, and backtracking (Armijo along the projected path) picks the step. Unlike
the method of Byrd, Lu, Nocedal & Zhu (1995) there is no Cauchy point to search for, and the same
active set is found.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun import tree
from bibun.solvers.base import IterativeSolver, Problem, flat, is_converged, keep, norm, reason
from bibun.solvers.lbfgs import History, apply_inverse, empty_history, remember
from bibun.solvers.line_search import backtracking
from bibun.solvers.searching import cautious


class LbfgsbState(NamedTuple):
    """State: iterations, objective, ‖x - P(x - ∇f)‖, status; step size, gradient, history."""

    iter_num: Any
    value: Any
    error: Any
    status: Any
    stepsize: Any
    grad: Any
    history: Any
    aux: Any

    converged = property(is_converged)
    reason = property(reason)


class _Boxed(Problem):
    """A problem whose first extra argument is the pair of bounds."""

    def __init__(self, solver: Any, params: Any, args: tuple[Any, ...], kwargs: dict) -> None:
        kwargs = dict(kwargs)
        if "bounds" in kwargs:
            bounds = kwargs.pop("bounds")
        elif args:
            bounds, args = args[0], args[1:]
        else:
            raise TypeError("LBFGSB.run(init_params, bounds, ...): bounds=(lower, upper) missing")
        super().__init__(solver, params, args, kwargs)
        lower, upper = (None, None) if bounds is None else bounds
        self.lower, self.upper = self.bound(lower, -bnp.inf), self.bound(upper, bnp.inf)

    def bound(self, given: Any, default: float) -> Any:
        """A flat vector: from None, a number for all, or a pytree like the parameters."""
        if given is None:
            return bnp.full_like(self.x, default)
        like = self.back(self.x)
        if tree.treedef_is_leaf(tree.structure(given)):
            leaf = bnp.asarray(given)
            if leaf.ndim == 0:
                return bnp.broadcast_to(leaf.astype(self.x.dtype), self.x.shape)
        full = tree.map(lambda x, b: bnp.broadcast_to(bnp.asarray(b) * 1.0, x.shape), like, given)
        return flat(full)[0].astype(self.x.dtype)

    def clip(self, x: Any) -> Any:
        return bnp.clip(x, self.lower, self.upper)


@dataclasses.dataclass(eq=False)
class LBFGSB(IterativeSolver):
    """Minimize a smooth function of many parameters within bounds.

    `run(init_params, bounds, *args, **kwargs)` with bounds = (lower, upper): numbers, pytrees like
    the parameters, or None; ±inf where there is none. Bounds may be differentiated. Each trial of
    the search is `decrease_factor` times the last; where it fails the next one goes along the
    gradient, unless `stop_if_linesearch_fails`.
    `state.error` is ‖x - P(x - ∇f)‖.

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> solver = solvers.LBFGSB(lambda x: bnp.sum((x - bnp.array([2.0, -1.0])) ** 2))
    >>> [float(v) for v in solver.run(bnp.ones(2) / 2, bounds=(0.0, 1.0)).params]
    [1.0, 0.0]
    """

    fun: Callable[..., Any]
    value_and_grad: bool = False
    has_aux: bool = False
    maxls: int = 40
    history_size: int = 10
    use_gamma: bool = True
    decrease_factor: float = dataclasses.field(default=0.5, kw_only=True)
    stop_if_linesearch_fails: bool = dataclasses.field(default=False, kw_only=True)

    def _problem(self, params: Any, args: tuple[Any, ...], kwargs: dict) -> _Boxed:
        return _Boxed(self, params, args, kwargs)

    def _residual(self, p: Any, x: Any) -> Any:
        return x - p.clip(x - p.grad(x))

    def _whole(self, params: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        p = self._problem(params, args, kwargs)
        return super()._whole(p.back(p.clip(p.x)), args, kwargs)

    def _start(self, p: Any, x: Any) -> LbfgsbState:
        value, aux, g = p.value_and_grad(x)
        error = norm(x - p.clip(x - g))
        return LbfgsbState(
            bnp.asarray(0), value, error, self._status(error, value=value), bnp.ones_like(value), g,
            empty_history(x, self.history_size), aux,
        )  # fmt: skip

    def _step(self, p: Any, x: Any, state: LbfgsbState) -> tuple[Any, LbfgsbState]:
        g, history = state.grad, state.history
        gap = norm(x - p.clip(x - g))
        near = bnp.minimum(gap, 1e-3) * 1e-3  # as good as at the bound
        held = ((x - p.lower <= near) & (g > 0)) | ((p.upper - x <= near) & (g < 0))
        free = bnp.where(held, 0.0, 1.0)
        d = -self._direction(history, g, free)
        uphill = ~(bnp.sum(d * g * free) < 0) | ~bnp.all(bnp.isfinite(d))
        d = bnp.where(uphill, -g, d)
        # held parameters go to their bound
        d = bnp.where(held, -g, d)
        empty = bnp.equal(history.count, 0)

        def promised(t: Any) -> Any:
            return bnp.sum(g * (p.clip(x + t * d) - x))

        t, _, ok = backtracking(
            lambda t: p.value(p.clip(x + t * d)), state.value, promised,
            bnp.where(empty | uphill, cautious(g), 1.0), maxls=self.maxls,
            shrink=self.decrease_factor,
        )  # fmt: skip
        ok = ok & (promised(t) < 0)
        new = bnp.where(ok, p.clip(x + t * d), x)
        value, aux, g_new = p.value_and_grad(new)
        error = norm(new - p.clip(new - g_new))
        after = LbfgsbState(
            state.iter_num + 1, value, error, self._status(error, ~ok, bnp.all(new == x)), t,
            g_new, remember(history, new - x, g_new - g), aux,
        )  # fmt: skip
        retry = ~ok & ~empty & (not self.stop_if_linesearch_fails)
        reset = state._replace(
            iter_num=state.iter_num + 1, history=empty_history(x, self.history_size)
        )
        return bnp.where(retry, x, new), keep(retry, reset, after)

    def _direction(self, history: History, g: Any, free: Any) -> Any:
        """H g in the sub-space of the free parameters: pairs restricted to it."""
        s, y = history.s * free, history.y * free
        sy = bnp.sum(s * y, axis=1)
        good = sy > 1e-10 * bnp.sqrt(bnp.sum(s * s, axis=1) * bnp.sum(y * y, axis=1))
        rho = bnp.where(good, 1.0 / bnp.where(good, sy, 1.0), 0.0)
        m = history.s.shape[0]
        last = bnp.remainder(history.count - 1 + m, m)
        yy = bnp.sum(y * y, axis=1)[last]
        gamma = bnp.where(good[last], sy[last] / bnp.where(yy > 0, yy, 1.0), history.gamma)
        inside = History(s, y, rho, history.count, gamma)
        return apply_inverse(inside, g * free, self.use_gamma) * free
