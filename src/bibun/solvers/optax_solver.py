"""An optimizer of `bibun.optim` as a solver: the steps of the one, the loop of the other."""

from __future__ import annotations

import dataclasses
from typing import Any

from bibun import numpy as bnp
from bibun import optim, tree
from bibun.solvers.base import Problem, flat, norm
from bibun.solvers.stochastic import StochasticSolver, StochasticState


@dataclasses.dataclass(eq=False)
class OptaxSolver(StochasticSolver):
    """Minimize by the steps of a gradient transformation `opt` (`bibun.optim`, or Optax-like).

    `fun(params, *args, **kwargs)` returns a scalar. The transformation's state is
    `state.velocity`; `state.error` is the norm of the gradient before the step. `run_iterator`
    for batches, see `StochasticSolver`.

    >>> import bibun.numpy as bnp
    >>> from bibun import optim, solvers
    >>> adam = solvers.OptaxSolver(lambda x: bnp.sum((x - 1.0) ** 2), optim.adam(0.1))
    >>> params, state = adam.run(bnp.zeros(2))
    >>> [round(float(v), 2) for v in params], bool(state.converged)
    ([1.0, 1.0], True)
    """

    opt: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (hasattr(self.opt, "init") and hasattr(self.opt, "update")):
            raise TypeError(f"OptaxSolver: opt must have init and update, got {self.opt!r}")

    def _first_velocity(self, p: Problem, x: Any) -> Any:
        return tree.map(bnp.asarray, self.opt.init(p.back(x)))

    def _step(self, p: Problem, x: Any, state: StochasticState) -> tuple[Any, StochasticState]:
        x, state = self._prepared(p, x, state)
        value, aux, g = p.value_and_grad(x)
        opt = optim.with_extra_args_support(self.opt)
        updates, inner = opt.update(
            p.back(g), state.velocity, p.back(x), value=value, grad=p.back(g),
            value_fn=lambda params: p.value(flat(params)[0]),
        )  # fmt: skip
        error = norm(g)
        return flat(optim.apply_updates(p.back(x), updates))[0], StochasticState(
            state.iter_num + 1, value, error, self._status(error, value=value), state.stepsize,
            inner, aux,
        )  # fmt: skip
