"""What solvers for noisy objectives share: data that changes from step to step.

`run(init_params, *args, **kwargs)` solves on fixed data, compiled whole, as any solver does.
`run_iterator(init_params, iterator, *args, **kwargs)` takes a step for each batch of an iterator,
handed to the user's function as `data=`; each step is compiled once. `pre_update(params,
state, *args, **kwargs)` may change both before each step.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from bibun import jit
from bibun import numpy as bnp
from bibun.solvers.base import (
    RUNNING,
    IterativeSolver,
    OptStep,
    Problem,
    as_floats,
    flat,
    is_converged,
    reason,
)


class StochasticState(NamedTuple):
    """State: iterations, objective, norm of the gradient, status; step size, velocity."""

    iter_num: Any
    value: Any
    error: Any
    status: Any
    stepsize: Any
    velocity: Any
    aux: Any

    converged = property(is_converged)
    reason = property(reason)


@dataclasses.dataclass(eq=False)
class StochasticSolver(IterativeSolver):
    """Base of the stochastic solvers."""

    fun: Callable[..., Any]
    value_and_grad: bool = dataclasses.field(default=False, kw_only=True)
    has_aux: bool = dataclasses.field(default=False, kw_only=True)
    pre_update: Callable[..., Any] | None = dataclasses.field(default=None, kw_only=True)
    tol: float = dataclasses.field(default=1e-3, kw_only=True)
    implicit_diff: bool = dataclasses.field(default=False, kw_only=True)

    def _first_stepsize(self) -> float:
        return 1.0

    def _first_velocity(self, p: Problem, x: Any) -> Any:
        return bnp.zeros_like(x)

    def _start(self, p: Problem, x: Any) -> StochasticState:
        value, aux = p.full(x)
        far = bnp.full_like(value, bnp.inf)
        return StochasticState(
            bnp.asarray(0), value, far, bnp.asarray(RUNNING),
            bnp.full((), self._first_stepsize(), x.dtype), self._first_velocity(p, x),
            aux,
        )  # fmt: skip

    def _prepared(self, p: Problem, x: Any, state: Any) -> tuple[Any, Any]:
        if self.pre_update is None:
            return x, state
        params, state = self.pre_update(p.back(x), state, *p.args, **p.kwargs)
        return flat(params)[0], state

    def run_iterator(self, init_params: Any, iterator: Iterable[Any], *args: Any, **kwargs: Any
                     ) -> OptStep:  # fmt: skip
        """A step for each batch of the iterator, given to `fun` as `data=`; at most `maxiter`.

        Stops early where a step sets `state.status`.
        """
        params, state, step = as_floats(init_params), None, jit(self.update)
        for count, data in enumerate(iterator):
            if count >= self.maxiter:
                break
            if state is None:
                state = self.init_state(params, *args, data=data, **kwargs)
            params, state = step(params, state, *args, data=data, **kwargs)
            if int(state.status) != RUNNING:
                break
        if state is None:
            raise ValueError(f"{type(self).__name__}.run_iterator: the iterator has no batch")
        return OptStep(params, state)
