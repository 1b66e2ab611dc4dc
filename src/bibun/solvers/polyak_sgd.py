"""Stochastic gradient descent with Polyak's step size.

x⁺ = x - t ∇f(x), t = (f(x) - f*) / ‖∇f(x)‖²: the step that would reach the least value f* were
f linear. Where a model can fit every batch (f* = 0), no learning rate has to be chosen. SPS_max:
t at most `max_stepsize`, δ added below (Loizou et al., AISTATS 2021); SPS+: t ≥ 0 without a
bound (Garrigos, Gower & Schaipp, 2023).
"""

from __future__ import annotations

import dataclasses
from typing import Any

from bibun import numpy as bnp
from bibun.solvers.base import Problem
from bibun.solvers.stochastic import StochasticSolver, StochasticState


@dataclasses.dataclass(eq=False)
class PolyakSGD(StochasticSolver):
    """Minimize an average over data whose least value is known, without a learning rate.

    `fun(params, *args, **kwargs)` returns a scalar. `fun_min`: its least value; `variant`:
    "SPS_max" or "SPS+"; `momentum`: of a velocity v⁺ = momentum v - t ∇f. `state.error` is the norm
    of the gradient before the step. `run_iterator` for batches, see `StochasticSolver`.

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> sgd = solvers.PolyakSGD(lambda x: bnp.sum((x - 1.0) ** 2), max_stepsize=10.0)
    >>> params, state = sgd.run(bnp.zeros(2))
    >>> [round(float(v), 3) for v in params], bool(state.converged)
    ([1.0, 1.0], True)
    """

    fun_min: float = dataclasses.field(default=0.0, kw_only=True)
    variant: str = dataclasses.field(default="SPS_max", kw_only=True)
    max_stepsize: float = dataclasses.field(default=1.0, kw_only=True)
    delta: float = dataclasses.field(default=0.0, kw_only=True)
    momentum: float = dataclasses.field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.variant not in ("SPS_max", "SPS+"):
            raise ValueError(
                f"PolyakSGD: variant must be 'SPS_max' or 'SPS+', got {self.variant!r}"
            )

    def _step(self, p: Problem, x: Any, state: StochasticState) -> tuple[Any, StochasticState]:
        x, state = self._prepared(p, x, state)
        value, aux, g = p.value_and_grad(x)
        square = bnp.sum(g * g)
        gap = value - self.fun_min
        if self.variant == "SPS_max":
            below = square + self.delta
            size = bnp.minimum(gap / bnp.where(below > 0, below, 1.0), self.max_stepsize)
        else:
            flat_there = square <= bnp.finfo(x.dtype).eps
            size = bnp.maximum(gap / bnp.where(flat_there, 1.0, square), 0.0)
            size = bnp.where(flat_there, 0.0, size)
        velocity = self.momentum * state.velocity - size * g
        error = bnp.sqrt(bnp.where(square > 0, square, 1.0)) * (square > 0)
        return x + velocity, StochasticState(
            state.iter_num + 1, value, error, self._status(error, value=value),
            size.astype(x.dtype), velocity, aux,
        )  # fmt: skip
