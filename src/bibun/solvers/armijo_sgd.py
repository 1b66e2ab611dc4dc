"""Stochastic gradient descent whose step size a line search finds on each batch.

The step t is shortened until f(x - t g) ≤ f(x) - c t ‖g‖² (Armijo) on the same batch; where a
model can fit every batch, that converges as fast as full gradients. Vaswani et al., "Painless
stochastic gradient" (NeurIPS 2019). `reset_option`: where the next search begins.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from bibun import numpy as bnp
from bibun.solvers import loop
from bibun.solvers.base import Problem, norm
from bibun.solvers.stochastic import StochasticSolver, StochasticState

_RESETS = ("increase", "goldstein", "conservative")


@dataclasses.dataclass(eq=False)
class ArmijoSGD(StochasticSolver):
    """Minimize an average over data by gradient steps with a line search on each batch.

    `aggressiveness` in (0, 1): 1 - c, larger takes longer steps. `reset_option`: "increase" (the
    last step times `increase_factor`), "conservative" (the last step), "goldstein" (the last
    step, lengthened while the decrease is more than (1 - c) t ‖g‖²). `momentum`: times the
    last change is added. `state.error` is the norm of the gradient before the step.

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> sgd = solvers.ArmijoSGD(lambda x: bnp.sum((x - 1.0) ** 2))
    >>> params, state = sgd.run(bnp.zeros(2))
    >>> [round(float(v), 3) for v in params], bool(state.converged)
    ([1.0, 1.0], True)
    """

    aggressiveness: float = dataclasses.field(default=0.9, kw_only=True)
    decrease_factor: float = dataclasses.field(default=0.8, kw_only=True)
    increase_factor: float = dataclasses.field(default=1.5, kw_only=True)
    reset_option: str = dataclasses.field(default="increase", kw_only=True)
    momentum: float = dataclasses.field(default=0.0, kw_only=True)
    max_stepsize: float = dataclasses.field(default=1.0, kw_only=True)
    maxls: int = dataclasses.field(default=15, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reset_option not in _RESETS:
            raise ValueError(
                f"ArmijoSGD: reset_option must be one of {_RESETS}, got {self.reset_option!r}"
            )
        if not 0 < self.aggressiveness < 1:
            raise ValueError(
                f"ArmijoSGD: aggressiveness must lie in (0, 1), got {self.aggressiveness}"
            )

    def _first_stepsize(self) -> float:
        return self.max_stepsize

    def _step(self, p: Problem, x: Any, state: StochasticState) -> tuple[Any, StochasticState]:
        x, state = self._prepared(p, x, state)
        value, aux, g = p.value_and_grad(x)
        slope = bnp.sum(g * g)
        c = 1.0 - self.aggressiveness
        first = state.stepsize
        if self.reset_option == "increase":
            first = bnp.minimum(first * self.increase_factor, self.max_stepsize)
        goldstein = self.reset_option == "goldstein"

        def judged(size: Any) -> tuple[Any, Any, Any]:
            new = p.value(x - size * g)
            far = ~(new <= value - c * size * slope)
            near = (new < value - (1.0 - c) * size * slope) & goldstein
            return new, far, near & (size < self.max_stepsize)

        def one(carry: Any) -> Any:
            i, size, _, far, _ = carry
            longer = bnp.minimum(size * self.increase_factor, self.max_stepsize)
            size = bnp.where(far, size * self.decrease_factor, longer)
            return i + 1, size, *judged(size)

        _, size, new, _, _ = loop.while_loop(
            lambda s: (s[0] < self.maxls) & (s[3] | s[4]), one,
            (bnp.asarray(0), first, *judged(first)),
        )  # fmt: skip
        change = self.momentum * state.velocity - size * g
        error = norm(g)
        return x + change, StochasticState(
            state.iter_num + 1, new, error, self._status(error, value=new), size, change,
            aux,
        )  # fmt: skip
