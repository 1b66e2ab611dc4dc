"""L-BFGS: BFGS that remembers the last few steps only.

Nocedal & Wright, *Numerical Optimization*, 2nd ed., algorithms 7.4 and 7.5 (two-loop
recursion), with the scaling γ = sᵀy / yᵀy of eq. 7.20. The history is a ring of `history_size`
pairs; a pair with ρ = 0 is an empty place.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from bibun import lax
from bibun import numpy as bnp
from bibun.solvers.base import Problem, is_converged, keep, norm, reason
from bibun.solvers.searching import LineSearched, cautious


class History(NamedTuple):
    """Steps, changes of the gradient, 1 / sᵀy; the number of pairs ever stored; γ."""

    s: Any
    y: Any
    rho: Any
    count: Any
    gamma: Any


def empty_history(x: Any, size: int) -> History:
    """A history without pairs."""
    zeros = bnp.zeros((size, x.shape[0]), dtype=x.dtype)
    return History(
        zeros, zeros, bnp.zeros(size, dtype=x.dtype), bnp.asarray(0), bnp.ones((), dtype=x.dtype)
    )


def remember(history: History, s: Any, y: Any) -> History:
    """Store a pair in place of the oldest one; not where the curvature is not positive."""
    sy, yy = bnp.sum(s * y), bnp.sum(y * y)
    good = sy > 1e-14 * bnp.sqrt(bnp.sum(s * s) * yy)
    k = bnp.remainder(history.count, history.s.shape[0])
    safe = bnp.where(good, sy, 1.0)
    new = History(
        history.s.at[k].set(s),
        history.y.at[k].set(y),
        history.rho.at[k].set(1.0 / safe),
        history.count + 1,
        safe / bnp.where(yy > 0, yy, 1.0),
    )
    return keep(good, new, history)


def apply_inverse(history: History, g: Any, use_gamma: bool = True) -> Any:
    """H g for the inverse Hessian that the history stands for."""
    m = history.s.shape[0]

    def place(i: Any) -> Any:
        return bnp.remainder(history.count - 1 - i + 2 * m, m)

    def back(i: Any, carry: Any) -> Any:
        q, alphas = carry
        k = place(i)
        alpha = history.rho[k] * bnp.sum(history.s[k] * q)
        return q - alpha * history.y[k], alphas.at[k].set(alpha)

    q, alphas = lax.fori_loop(0, m, back, (g, bnp.zeros(m, dtype=g.dtype)))
    q = q * history.gamma if use_gamma else q

    def forth(i: Any, q: Any) -> Any:
        k = place(m - 1 - i)
        beta = history.rho[k] * bnp.sum(history.y[k] * q)
        return q + (alphas[k] - beta) * history.s[k]

    return lax.fori_loop(0, m, forth, q)


class LbfgsState(NamedTuple):
    """State: iterations, objective, norm of the gradient, status; step size, gradient, history."""

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


@dataclasses.dataclass(eq=False)
class LBFGS(LineSearched):
    """Minimize a smooth function of many parameters.

    `fun(params, *args, **kwargs)` returns a scalar (and an auxiliary output if `has_aux`; and
    its gradient if `value_and_grad`). The search along lines: see `LineSearched`. `history_size`:
    how many steps are remembered; `use_gamma`: scale the first inverse Hessian by the last one.
    `state.error` is the norm of the gradient.

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> params, state = solvers.LBFGS(lambda x: bnp.sum((x - 2.0) ** 4 + x**2)).run(bnp.ones(3))
    >>> bool(state.converged)
    True
    """

    history_size: int = dataclasses.field(default=10, kw_only=True)
    use_gamma: bool = dataclasses.field(default=True, kw_only=True)

    def _start(self, p: Problem, x: Any) -> LbfgsState:
        value, aux, g = p.value_and_grad(x)
        error = norm(g)
        return LbfgsState(
            bnp.asarray(0), value, error, self._status(error, value=value), bnp.ones_like(value), g,
            empty_history(x, self.history_size), aux,
        )  # fmt: skip

    def _step(self, p: Problem, x: Any, state: LbfgsState) -> tuple[Any, LbfgsState]:
        g, history = state.grad, state.history
        d = -apply_inverse(history, g, self.use_gamma)
        empty = bnp.equal(history.count, 0)
        step = self._search(p, x, d, state, bnp.where(empty, cautious(g), 1.0))
        s = step.size * d
        new = x + s
        error = norm(step.grad)
        after = LbfgsState(
            state.iter_num + 1, step.value, error,
            self._status(error, ~step.ok, bnp.all(new == x)), step.size, step.grad,
            remember(history, s, step.grad - g), step.aux,
        )  # fmt: skip
        # a failed search along a quasi-Newton direction: once more along the gradient
        retry = ~step.ok & ~empty & (not self.stop_if_linesearch_fails)
        reset = state._replace(
            iter_num=state.iter_num + 1, history=empty_history(x, self.history_size)
        )
        return bnp.where(retry, x, new), keep(retry, reset, after)
