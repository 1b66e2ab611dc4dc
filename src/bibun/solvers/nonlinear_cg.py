"""Nonlinear conjugate gradients.

Nocedal & Wright, *Numerical Optimization*, 2nd ed., §5.2: directions d⁺ = -g⁺ + β d with β of
Polak–Ribière (never negative), Fletcher–Reeves, Hestenes–Stiefel or Dai–Yuan; the line search
is nearly exact (c2 = 0.1). Restart along the gradient where d is not a descent direction.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun.solvers.base import Problem, is_converged, norm, reason
from bibun.solvers.searching import LineSearched, cautious


class NonlinearCGState(NamedTuple):
    """State: iterations, objective, gradient norm, status; last step; next direction and trial."""

    iter_num: Any
    value: Any
    error: Any
    status: Any
    stepsize: Any
    grad: Any
    direction: Any
    trial: Any
    aux: Any

    converged = property(is_converged)
    reason = property(reason)


def _ratio(a: Any, b: Any) -> Any:
    return a / bnp.where(b == 0, 1.0, b)


_BETAS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "polak-ribiere": lambda new, g, d: bnp.maximum(
        _ratio(bnp.sum(new * (new - g)), bnp.sum(g * g)), 0.0
    ),
    "fletcher-reeves": lambda new, g, d: _ratio(bnp.sum(new * new), bnp.sum(g * g)),
    "hestenes-stiefel": lambda new, g, d: bnp.maximum(
        _ratio(bnp.sum(new * (new - g)), bnp.sum(d * (new - g))), 0.0
    ),
    "dai-yuan": lambda new, g, d: _ratio(bnp.sum(new * new), bnp.sum(d * (new - g))),
}


@dataclasses.dataclass(eq=False)
class NonlinearCG(LineSearched):
    """Minimize a smooth function with the memory of a few vectors.

    `method`: "polak-ribiere", "fletcher-reeves", "hestenes-stiefel" or "dai-yuan". The search
    along lines: see `LineSearched`. `state.error` is the norm of the gradient.

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> bool(solvers.NonlinearCG(lambda x: bnp.sum(x**4 + x**2)).run(bnp.ones(3)).state.converged)
    True
    """

    method: str = dataclasses.field(default="polak-ribiere", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.method not in _BETAS:
            raise ValueError(f"method must be one of {sorted(_BETAS)}, got {self.method!r}")

    def _start(self, p: Problem, x: Any) -> NonlinearCGState:
        value, aux, g = p.value_and_grad(x)
        error = norm(g)
        return NonlinearCGState(
            bnp.asarray(0), value, error, self._status(error, value=value),
            bnp.ones_like(value), g, -g, cautious(g), aux,
        )  # fmt: skip

    def _step(self, p: Problem, x: Any, state: NonlinearCGState) -> Any:
        g, d = state.grad, state.direction
        step = self._search(p, x, d, state, state.trial, c2=0.1)
        new_g = step.grad
        new_d = -new_g + _BETAS[self.method](new_g, g, d) * d
        slope = bnp.sum(new_d * new_g)
        square = bnp.sum(new_g * new_g)
        # where the search failed along d it may succeed along the gradient
        along_gradient = bnp.all(d == -g)
        restart = ~step.ok | ~(slope < -1e-10 * square)
        new_d = bnp.where(restart, -new_g, new_d)
        slope = bnp.where(restart, -square, slope)
        error = norm(new_g)
        # the first trial: the same decrease to first order as in the last step
        trial = step.size * bnp.sum(d * g) / bnp.where(slope == 0, -1.0, slope)
        if self.linesearch == "backtracking":  # which only shortens
            trial = 2.0 * trial
        trial = bnp.where(step.ok & (trial > 0), bnp.minimum(trial, 1e3), cautious(new_g))
        new = x + step.size * d
        failed = ~step.ok & (along_gradient | self.stop_if_linesearch_fails)
        after = NonlinearCGState(
            state.iter_num + 1, step.value, error, self._status(error, failed), step.size,
            new_g, new_d, trial, step.aux,
        )  # fmt: skip
        return new, after
