"""Proximal gradient descent: smooth f plus a term with a cheap proximal operator.

minimize f(x, …) + g(x): a gradient step on f, then prox of g,
x⁺ = prox_{t g}(y - t ∇f(y)). Backtracking halves t until
f(x⁺) ≤ f(y) + ⟨∇f(y), x⁺ - y⟩ + ‖x⁺ - y‖² / 2t, and t may grow again a little each step.
Beck & Teboulle, "A fast iterative shrinkage-thresholding algorithm" (2009); restart of the
momentum: O'Donoghue & Candès (2015).

Fixed points of one step are the solutions; that equation is differentiated implicitly.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun.solvers import loop
from bibun.solvers.base import IterativeSolver, Problem, flat, is_converged, keep, norm, reason


class ProximalGradientState(NamedTuple):
    """State: iterations, objective, norm of the step over its size, status; step size, momentum."""

    iter_num: Any
    value: Any
    error: Any
    status: Any
    stepsize: Any
    t: Any
    velocity: Any
    aux: Any

    converged = property(is_converged)
    reason = property(reason)


class _Composite(Problem):
    """A problem whose first extra argument belongs to the proximal operator."""

    def __init__(self, solver: Any, params: Any, args: tuple[Any, ...], kwargs: dict) -> None:
        hyper, args, kwargs = _take_hyperparams(args, dict(kwargs))
        super().__init__(solver, params, args, kwargs)
        self.hyper = hyper
        self.operator = solver.prox

    def prox(self, x: Any, scaling: Any) -> Any:
        if self.operator is None:
            return x
        return flat(self.operator(self.back(x), self.hyper, scaling))[0]


def _take_hyperparams(args: tuple[Any, ...], kwargs: dict) -> tuple[Any, tuple, dict]:
    if "hyperparams_prox" in kwargs:
        return kwargs.pop("hyperparams_prox"), args, kwargs
    if args:
        return args[0], args[1:], kwargs
    return None, args, kwargs


@dataclasses.dataclass(eq=False)
class ProximalSteps(IterativeSolver):
    """Base of the solvers that take (proximal, projected, plain) gradient steps.

    `stepsize`: a number, a function of the iteration, or 0 for backtracking.
    """

    prox = None  # a plain attribute: no field of the dataclass

    fun: Callable[..., Any]
    value_and_grad: bool = dataclasses.field(default=False, kw_only=True)
    has_aux: bool = dataclasses.field(default=False, kw_only=True)
    stepsize: float | Callable[[Any], Any] = dataclasses.field(default=0.0, kw_only=True)
    maxls: int = dataclasses.field(default=30, kw_only=True)
    acceleration: bool = dataclasses.field(default=True, kw_only=True)
    decrease_factor: float = dataclasses.field(default=0.5, kw_only=True)

    def _problem(self, params: Any, args: tuple[Any, ...], kwargs: dict) -> _Composite:
        return _Composite(self, params, args, kwargs)

    def _residual(self, p: Any, x: Any) -> Any:
        g = p.grad(x)
        return g if p.operator is None else x - p.prox(x - g, 1.0)

    def _start(self, p: Any, x: Any) -> ProximalGradientState:
        value, aux = p.full(x)
        one = bnp.ones_like(value)
        infinite = bnp.full_like(value, bnp.inf)
        return ProximalGradientState(
            bnp.asarray(0), value, infinite, bnp.asarray(0), one, one, x,
            aux,
        )  # fmt: skip

    def _step(self, p: Any, x: Any, state: ProximalGradientState) -> Any:
        y = state.velocity if self.acceleration else x
        fy, _, g = p.value_and_grad(y)
        fixed = callable(self.stepsize) or self.stepsize > 0
        if fixed:
            size = self.stepsize(state.iter_num) if callable(self.stepsize) else self.stepsize
            size = bnp.asarray(size, dtype=x.dtype) + 0.0 * fy
            new, failed = p.prox(y - size * g, size), bnp.asarray(False)
        else:
            size, new, failed = self._backtrack(p, y, fy, g, state.stepsize)
        value, aux = p.full(new)
        error = norm(p.grad(new)) if p.operator is None else norm(new - y) / size
        if p.operator is not None and self.acceleration:
            error = bnp.maximum(error, norm(new - x) / size)
        t, velocity = self._momentum(state.t, y, x, new)
        # a step that failed keeps the better of both points
        new = bnp.where(failed, x, new)
        stalled = bnp.all(new == x) & bnp.all(new == y)
        after = ProximalGradientState(
            state.iter_num + 1, bnp.where(failed, state.value, value), error,
            self._status(error, failed, stalled, value),
            size if fixed else bnp.minimum(size / self.decrease_factor**0.5, 1e10),
            t, velocity, keep(failed, state.aux, aux),
        )  # fmt: skip
        return new, after

    def _backtrack(self, p: Any, y: Any, fy: Any, g: Any, first: Any) -> Any:
        noise = 10.0 * bnp.finfo(fy.dtype).eps * bnp.abs(fy)

        def point(size: Any) -> Any:
            new = p.prox(y - size * g, size)
            d = new - y
            square = bnp.sum(d * d) / size
            excess = p.value(new) - (fy + bnp.sum(g * d) + 0.5 * square)
            # where values differ by rounding only, gradients still tell the curvature
            bad = loop.cond(
                bnp.abs(excess) <= noise,
                lambda: bnp.sum((p.grad(new) - g) * d) > square,
                lambda: ~(excess <= 0.0),
            )
            return new, bad

        def one(carry: Any) -> Any:
            i, size, _, _ = carry
            size = size * self.decrease_factor
            return i + 1, size, *point(size)

        carry = (bnp.asarray(0), first, *point(first))
        _, size, new, bad = loop.while_loop(
            lambda c: (c[0] < self.maxls) & c[3], one, carry
        )
        return size, new, bad

    def _momentum(self, t: Any, y: Any, x: Any, new: Any) -> tuple[Any, Any]:
        """The next extrapolated point; without momentum where that would go uphill."""
        if not self.acceleration:
            return t, new
        uphill = bnp.sum((y - new) * (new - x)) > 0
        t = bnp.where(uphill, 1.0, t)
        after = 0.5 * (1.0 + bnp.sqrt(1.0 + 4.0 * t * t))
        return after, bnp.where(uphill, new, new + (t - 1.0) / after * (new - x))


@dataclasses.dataclass(eq=False)
class ProximalGradient(ProximalSteps):
    """Minimize f plus a term known by its proximal operator.

    `fun(params, *args, **kwargs)` is the smooth part, `prox(x, hyperparams, scaling)` the
    operator (`bibun.solvers.prox`). `run(init_params, hyperparams_prox, *args, **kwargs)`.
    `state.value` is f alone; `state.error` the length of the last step over its size.

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> lasso = solvers.ProximalGradient(lambda w, t: 0.5 * bnp.sum((w - t) ** 2),
    ...                                  solvers.prox.prox_lasso)
    >>> [round(float(v), 6) for v in lasso.run(bnp.zeros(2), 1.0, bnp.array([3.0, 0.5])).params]
    [2.0, 0.0]
    """

    prox: Callable[..., Any] | None = None  # type: ignore[misc]
