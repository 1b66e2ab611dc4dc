"""BFGS: a quasi-Newton method with a dense inverse Hessian.

Nocedal & Wright, *Numerical Optimization*, 2nd ed., algorithm 6.1; the first inverse Hessian is
rescaled to sᵀy / yᵀy before its first update (eq. 6.20). Cost: O(n²) an iteration.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun.solvers.base import Problem, is_converged, keep, norm, reason
from bibun.solvers.searching import LineSearched, cautious


class BfgsState(NamedTuple):
    """State: iterations, objective, norm of the gradient, status; step size, gradient, H."""

    iter_num: Any
    value: Any
    error: Any
    status: Any
    stepsize: Any
    grad: Any
    H: Any
    aux: Any

    converged = property(is_converged)
    reason = property(reason)


@dataclasses.dataclass(eq=False)
class BFGS(LineSearched):
    """Minimize a smooth function of up to some thousand parameters.

    `fun(params, *args, **kwargs)` returns a scalar (and an auxiliary output if `has_aux`; and
    its gradient if `value_and_grad`). The search along lines: see `LineSearched`. `state.error` is
    the norm of the gradient.

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> rosenbrock = lambda x: 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2
    >>> params, state = solvers.BFGS(rosenbrock).run(bnp.array([-1.2, 1.0]))
    >>> [round(float(v), 6) for v in params], state.reason
    ([1.0, 1.0], 'converged: error is at most tol')
    """

    def _start(self, p: Problem, x: Any) -> BfgsState:
        value, aux, g = p.value_and_grad(x)
        error = norm(g)
        return BfgsState(
            bnp.asarray(0), value, error, self._status(error, value=value), bnp.ones_like(value), g,
            bnp.eye(x.shape[0], dtype=x.dtype), aux,
        )  # fmt: skip

    def _step(self, p: Problem, x: Any, state: BfgsState) -> tuple[Any, BfgsState]:
        g, h = state.grad, state.H
        d = -(h @ g)
        uphill = ~(bnp.sum(d * g) < 0)
        d = bnp.where(uphill, -g, d)
        initial = bnp.equal(state.iter_num, 0)
        first = bnp.where(initial | uphill, cautious(g), 1.0)
        step = self._search(p, x, d, state, first)
        s, y = step.size * d, step.grad - g
        new = x + s
        h = update_inverse(h, s, y, initial)
        h = bnp.where(uphill, bnp.eye(x.shape[0], dtype=x.dtype), h)
        error = norm(step.grad)
        after = BfgsState(
            state.iter_num + 1, step.value, error,
            self._status(error, ~step.ok, bnp.all(new == x)), step.size, step.grad, h, step.aux,
        )  # fmt: skip
        # a failed search along a quasi-Newton direction: once more along the gradient
        retry = ~step.ok & ~bnp.all(bnp.eye(x.shape[0], dtype=x.dtype) == state.H)
        retry = retry & (not self.stop_if_linesearch_fails)
        reset = state._replace(
            iter_num=state.iter_num + 1, H=bnp.eye(x.shape[0], dtype=x.dtype)
        )
        return bnp.where(retry, x, new), keep(retry, reset, after)


def update_inverse(h: Any, s: Any, y: Any, rescale: Any) -> Any:
    """The BFGS update of an inverse Hessian; unchanged where the curvature is not positive."""
    sy, yy = bnp.sum(s * y), bnp.sum(y * y)
    good = sy > 1e-14 * bnp.sqrt(bnp.sum(s * s) * yy)
    safe = bnp.where(good, sy, 1.0)
    h = bnp.where(rescale & good, h * (safe / bnp.where(yy > 0, yy, 1.0)), h)
    hy = h @ y
    factor = (1.0 + bnp.sum(y * hy) / safe) / safe
    cross = s[:, None] * hy[None, :]
    new = h + factor * (s[:, None] * s[None, :]) - (cross + cross.T) / safe
    return bnp.where(good, new, h)
